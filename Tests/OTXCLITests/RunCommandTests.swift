import Foundation
import OTXCore
import OTXRecipe
import Testing

@testable import OTXCLI

/// `otx run` says in its own words what other commands do.
@Suite struct RunCommandTests {
  private func words(_ line: String, _ job: StageKind.Job) throws -> [String] {
    let command = try #require(
      try Program.parse(line.split(separator: " ").map(String.init)) as? RunCommand
    )
    return try command.arguments(job)
  }

  @Test func trainingIsTheTrainCommand() throws {
    let words = try words(
      "run recipes/cls_da_semisl.yaml --model_cfg mobilenet_v2.yaml --model_ckpt w.pth "
        + "--data_cfg stl10.yaml --output_path out --recipe_hparams lr=0.01 batch_size=4 "
        + "--recipe_json {\"maxEpochs\":3} --seed 5 --log_level DEBUG",
      .train
    )
    #expect(words.starts(with: ["train", "recipes/cls_da_semisl.yaml"]))
    for pair in [
      ["--data", "stl10.yaml"], ["--model", "mobilenet_v2"], ["--weights", "w.pth"],
      ["--save-model-to", "out"], ["--set", "optimizer.learningRate=0.01"],
      ["--set", "batchSize=4"], ["--recipe-json", "{\"maxEpochs\":3}"], ["--seed", "5"],
      ["--work-dir", "logs"], ["--log-level", "DEBUG"],
    ] {
      let found = zip(words, words.dropFirst()).contains { [$0, $1] == pair }
      #expect(found, "\(pair) in \(words)")
    }
    #expect(try Program.parse(words) is Train)
  }

  @Test func otherModesAreOtherCommands() throws {
    let line = "run atss_mobilenetv2 --model-ckpt w.pth --data-cfg d --output-path o"
    #expect(try words(line, .eval).contains("o/performance.json"))
    #expect(try words(line, .eval).starts(with: ["eval", "w.pth", "--data", "d"]))
    #expect(try words(line, .export).starts(with: ["export", "w.pth"]))
    #expect(try words(line, .analyze).starts(with: ["build", "--recipe", "d"]))
    for job in [StageKind.Job.eval, .export, .analyze] {
      #expect(try !(Program.parse(words(line, job)) is RunCommand))
    }
  }

  @Test(arguments: [
    ("run resnet18 --ir-path model.xml", "--ir-path: this version cannot", 1),
    ("run resnet18 --stage-type SelfSLTrainer", "no self-supervised learning yet", 1),
    ("run resnet18 --stage-type SegTrainer", "no segmentation yet", 1),
    ("run resnet18 --stage-type SegExporter", "no segmentation yet", 1),
    ("run resnet18 --stage-type ClsTrianer", "did you mean 'ClsTrainer'", 64),
    ("run resnet18 --stage-type DetectionTrainer", "is not for MULTI_CLASS_CLS", 1),
    ("run resnet18 --stage-type ClsTrainer --mode eval", "contradicts", 64),
    ("run resnet18 --mode trian", "did you mean 'train'", 64),
    ("run resnet81 --mode train", "did you mean 'resnet18'", 64),
    ("run resnet18 --mode infer", "name them with --data-cfg", 64),
    ("run resnet18 --stage-type MdaRunner", "name it with --data-cfg", 64),
    ("run resnet18", "no data", 64),
  ])
  func whatCannotBeDoneIsNamed(line: String, message: String, status: Int32) async {
    let result = await otx(line)
    #expect(result.status == status, "\(result.errors)")
    #expect(result.errors.contains(message), "\(result.errors)")
  }

  @Test func theHelpListsEveryStage() async {
    let help = await otx("run --help").output
    for kind in StageKind.all {
      let mark = kind.missing == nil ? kind.name : "\(kind.name) (not yet"
      #expect(help.contains(mark), "\(kind.name)")
    }
    #expect(StageKind.all.count == 13)
  }

  /// The example of the algorithm's own documentation, its recipe by the path it had.
  @Test func theSemiSupervisedRecipeIsThere() async throws {
    let recipe = try RecipeLibrary.builtIn.recipe("recipes/cls_da_semisl.yaml")
    #expect(recipe.model.name == "mobilenet_v2")
    #expect(recipe.training.batchSize == 8)
    #expect(try RecipeLibrary.builtIn.recipe("cls_da_semisl") == recipe)
    // It is asked for by its name, and nobody's default.
    for model in ["mobilenet_v2", "no_recipe_of_its_own"] {
      let usual = RecipeLibrary.builtIn.recipe(ofModel: model, task: .multiClassClassification)
      #expect(usual.training.batchSize == 64)
    }
    #expect(throws: ConfigurationError.self) {
      try RecipeLibrary.builtIn.recipe("elsewhere/cls_da_semisl.yaml")
    }
    let place = try Playground(["train/a/x.jpg", "unlabeled/y.jpg", "data.yaml"])
    defer { place.remove() }
    let config = place.root.appending(path: "data.yaml")
    try Data("train: {root: train, type: imagenet}\nunlabeled: {root: unlabeled}\n".utf8)
      .write(to: config)
    let result = await otx(
      ["run", "atss_mobilenetv2", "--data-cfg", config.path, "--work-dir", place.root.path]
    )
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("no semi-supervised learning (FixMatch) yet"))
  }

  @Test func predictionsGoToTheFileThatIsNamed() async throws {
    let place = try Playground(["model/weights.pth", "pictures/a/one.jpg"])
    defer { place.remove() }
    let result = await otx(
      ["run", "resnet18", "--mode", "infer", "--data-cfg", place.root.path + "/pictures"]
        + ["--model-ckpt", place.root.path + "/model/weights.pth"]
        + ["--output-path", place.root.path + "/out.json"]
    )
    #expect(result.status == 0, "\(result.errors)")
    let data = try Data(contentsOf: place.root.appending(path: "out.json"))
    let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    #expect((object?["predictions"] as? [Any])?.count == 1)
  }

  /// A broken file of the workspace is told of, and everything else is listed.
  @Test func findTellsOfBrokenRecipes() async throws {
    let place = try Playground([])
    defer { place.remove() }
    let folder = place.root.appending(path: "recipes")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data("model: resnet18\nmaxEpoch: 3\n".utf8).write(to: folder.appending(path: "bad.yaml"))
    try Data("<recipe><model>resnet18</model></recipe>".utf8)
      .write(to: folder.appending(path: "good.xml"))
    let text = await otx(["find", "--all", "--work-dir", place.root.path])
    #expect(text.status == 0)
    #expect(text.errors.contains("bad.yaml:2: unknown key 'maxEpoch'"), "\(text.errors)")
    #expect(text.output.contains("    good: resnet18  ("))
    #expect(text.output.contains("MULTI_CLASS_CLS  multi-class"))
    #expect(text.output.contains("    atss_mobilenetv2: mobilenet_v2\n"))
    let json = await otx(["find", "--all", "--json", "--quiet", "--work-dir", place.root.path])
    let object =
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: [[String: Any]]]
    #expect(object?["warnings"]?.first?["line"] as? Int == 2)
    #expect(json.errors.isEmpty)
  }
}
