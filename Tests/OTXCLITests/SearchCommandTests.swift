import Foundation
import OTXCore
import OTXRecipe
import OTXTuning
import Testing

@testable import OTXCLI

/// `otx train --hpo` and `otx hpo show`.
@Suite struct SearchCommandTests {
  @Test(arguments: [
    ("train / --budget 1h", "--budget is for --hpo only"),
    ("train / --hpo-time-ratio 2", "--hpo-time-ratio is for --hpo only"),
    ("train / --hpo-config x.yaml", "--hpo-config is for --hpo only"),
    ("train / --hpo-jobs 2", "--hpo-jobs is for --hpo only"),
    ("train / --hpo --budget 1h --hpo-time-ratio 2", "give one"),
    ("train / --hpo --time 5m", "a search ends by --budget"),
    ("train / --hpo --budget soon", "--budget: 'soon' is no value for search.budget"),
    ("train / --hpo --budget 0trials", "expected auto, a time such as 30m or 1h"),
    ("train / --hpo --hpo-time-ratio -1", "--hpo-time-ratio: '-1' is no value"),
    ("train / --hpo --hpo-jobs many", "--hpo-jobs: 'many' is no value for search.jobs"),
    ("train / --hpo --hpo-config nowhere.yaml", "--hpo-config: there is nothing at 'nowhere.yaml'"),
    ("train / --set search.budgett=1h", "did you mean"),
    ("train --hpo --resume nowhere", "--resume: there is no run at 'nowhere'"),
    ("train --hpo --resume --max-epochs 3", "a search goes on as it began"),
    ("train --hpo --resume --budget 1h", "a search goes on as it began"),
    ("hpo show /nowhere", "there is no folder at '/nowhere'"),
    ("hpo show --work-dir /nowhere", "no search: name its folder"),
    ("hpo shwo", "did you mean 'show'"),
  ])
  func mistakesAreSaid(line: String, message: String) async {
    let result = await otx(line)
    #expect(result.status == 64, "\(result.errors)")
    #expect(result.errors.contains(message), "\(result.errors)")
    #expect(result.output.isEmpty)
  }

  @Test func whatTheUserSetIsNotSearched() async throws {
    let place = try Playground(["data/a/x.jpg"])
    defer { place.remove() }
    let line = ["train", "--model", "resnet18", place.path("data"), "--batch-size", "4", "--json"]
    let result = await otx(line + ["--hpo", "--budget", "4 trials"])
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains(#"searching, but for ["batchSize"]"#), "\(result.errors)")
    #expect(result.errors.contains("Search: 2 trials"), "\(result.errors)")
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect(object?["search"] as? String == "/runs/search/1")
  }

  @Test func theFileAndTheOptionsReachTheRecipe() async throws {
    let place = try Playground(["data/a/x.jpg"])
    defer { place.remove() }
    try place.write("num_trials: 7\nmaximum_resource: 5\nearly_stop: median_stop\n", to: "hpo.yaml")
    try place.write("hp_spaces: {}\n", to: "wrong.yaml")
    let line = ["train", "--model", "resnet18", place.path("data"), "--hpo"]
    let command = try Program.parse(
      line + ["--hpo-config", place.path("hpo.yaml"), "--hpo-jobs", "2", "--budget", "1h"]
    )
    let request = try #require(command as? Train).request()
    let start = Recipe(name: "", task: .detection, model: ModelOptions(""))
    let changed = try start.applying(request.recipe.overrides)
    #expect(changed.search.budget == .time(3600))
    #expect(changed.search.maximumEpochs == 5)
    #expect(changed.search.jobs == 2)
    let wrong = await otx(line + ["--hpo-config", place.path("wrong.yaml")])
    #expect(wrong.status == 64, "\(wrong.errors)")
    #expect(wrong.errors.contains("wrong.yaml:1"), "\(wrong.errors)")
    #expect(wrong.errors.contains("search.hp_spaces"), "\(wrong.errors)")
  }

  @Test func anInterruptedSearchSaysHowToGoOn() async throws {
    let place = try Playground(["work/search/1/search.json"])
    defer { place.remove() }
    for line in [
      ["train", "--hpo", "--resume"], ["train", "--resume", place.path("work/search/1")],
    ] {
      let result = await otx(line + ["--work-dir", place.path("work")])
      #expect(result.status != 0 && result.status != 64, "\(result.errors)")
      #expect(result.errors.contains("otx train --hpo --resume"), "\(result.errors)")
      #expect(result.output.isEmpty)
    }
  }

  // MARK: otx hpo show

  /// The folder of a search with two trials, the first of them better, and one that failed.
  private func searched(_ place: Playground) throws -> URL {
    try place.write(
      #"{"version": 1, "data": {}, "imageCount": 8, "trialImageCount": 8, "jobs": 1, "#
        + #""allowsPartialWeights": false, "secondsSpent": 61, "isSearched": false}"#,
      to: "search/1/search.json"
    )
    var rate = HyperParameter("optimizer.learningRate", .logUniform(low: 0.001, high: 0.1))
    rate.initial = .number(0.01)
    var study = try Study(
      space: SearchSpace([rate]),
      halving: Halving(minimumResource: 1, maximumResource: 4, reductionFactor: 2),
      budget: Budget(trialCount: 3)
    )
    for score in [0.75, 0.5, .nan] {
      let work = study.next()
      let (trial, rung) = try #require(work)
      study.finish(trial.id, rung, score: score)
      if study.trials.count == 2, let (climber, above) = study.next() {
        study.finish(climber.id, above, score: 0.8)
      }
    }
    let folder = place.root.appending(path: "search/1")
    try StudyStore(folder.appending(path: "search.sqlite")).save(study)
    try FileManager.default.createSymbolicLink(
      at: place.root.appending(path: "search/latest"),
      withDestinationURL: folder
    )
    return folder
  }

  @Test func showPrintsTrialsAndTheBest() async throws {
    let place = try Playground()
    defer { place.remove() }
    let folder = try searched(place)
    let result = await otx(["hpo", "show", folder.path])
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("TRIAL"), "\(result.output)")
    #expect(result.output.contains("best: trial 1, 0.8000 with optimizer.learningRate=0.01"))
    #expect(result.output.contains("trial 3: the score is nan"), "\(result.output)")
    #expect(FileManager.default.fileExists(atPath: folder.path + "/search.html"))
  }

  @Test func showWritesJSONOfTheNewestSearch() async throws {
    let place = try Playground()
    defer { place.remove() }
    _ = try searched(place)
    let result = await otx(["hpo", "show", "--work-dir", place.root.path, "--json"])
    #expect(result.status == 0, "\(result.errors)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    )
    let trials = try #require(object["trials"] as? [[String: Any]])
    #expect(trials.map { $0["state"] as? String } == ["paused", "paused", "failed"])
    let scores = try #require(trials[0]["scores"] as? [[String: Double]])
    #expect(scores == [["epochs": 1, "score": 0.75], ["epochs": 2, "score": 0.8]])
    #expect((object["best"] as? [String: Any])?["trial"] as? Int == 1)
    #expect(object["seconds"] as? Double == 61)
    #expect(object["run"] is NSNull)
  }

  @Test func damagedSearchesAreNamed() async throws {
    let place = try Playground()
    defer { place.remove() }
    let folder = try searched(place)
    let store = folder.appending(path: "search.sqlite")
    try Data("no database at all, but long enough to be one of some kind".utf8).write(to: store)
    let damaged = await otx(["hpo", "show", folder.path])
    #expect(damaged.status == 1)
    #expect(damaged.errors.contains("search.sqlite"), "\(damaged.errors)")
    #expect(damaged.errors.contains("is no database of a search"), "\(damaged.errors)")
    #expect(damaged.output.isEmpty)
    // A look at a search makes no database.
    try FileManager.default.removeItem(at: store)
    let missing = await otx(["hpo", "show", folder.path, "--json"])
    #expect(missing.status == 1)
    #expect(missing.output.contains("it holds no search"), "\(missing.output)")
    #expect(!FileManager.default.fileExists(atPath: store.path))
  }

  @Test func theStageOfEarlierWorkflowsIsASearch() async throws {
    let place = try Playground(["data/a/x.jpg"])
    defer { place.remove() }
    let result = await otx(
      ["run", "resnet18", "--stage-type", "HpoRunner", "--data-cfg", place.path("data")]
        + ["--work-dir", place.path("work")]
    )
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("searching, but for ["), "\(result.errors)")
  }
}
