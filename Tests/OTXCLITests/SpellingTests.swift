import Foundation
import OTXCore
import OTXRecipe
import Testing

@testable import OTXCLI

/// Every spelling that the design documents use means the same as the plain one.
@Suite struct SpellingTests {
  static let template = "otx/algorithms/detection/configs/detection/mobilenetv2_atss/template.yaml"

  /// The tutorial's folder, and its data.yaml.
  private func playground() throws -> Playground {
    let playground = try Playground([
      "BCCD/train/_annotations.coco.json", "BCCD/valid/_annotations.coco.json",
      "outputs/weights.pth", "outputs/openvino/openvino.xml", "outputs/openvino/openvino.bin",
      "picture.jpg",
    ])
    let root = playground.root.path
    try playground.write(
      """
      {'data':
        {'train':
          {'ann-files': '\(root)/BCCD/train/_annotations.coco.json',
           'data-roots': '\(root)/BCCD/train'},
        'val':
          {'ann-files': 'BCCD/valid/_annotations.coco.json',
           'data-roots': 'BCCD/valid'}
        }
      }
      """,
      to: "data.yaml"
    )
    return playground
  }

  private func trainRequest(_ arguments: [String]) throws -> TrainRequest {
    try CurrentJobs.$value.withValue(FakeJobs()) {
      let command = try #require(try Program.parse(["train"] + arguments) as? Train)
      return try command.request()
    }
  }

  private func recipe(_ arguments: [String]) throws -> Recipe {
    let request = try trainRequest(arguments).recipe
    return try #require(request.recipe).applying(request.overrides)
  }

  @Test func aRecipeHasManyNames() throws {
    let playground = try playground()
    defer { playground.remove() }
    let data = playground.path("BCCD")
    let spellings = [
      ["atss_mobilenetv2", data], [data, "atss_mobilenetv2"],
      ["--recipe", "atss_mobilenetv2", "--data-root", data],
      ["--config=atss_mobilenetv2", "--data_root=\(data)"],
      ["Custom_Object_Detection_Gen3_ATSS", "--data", data],
      [SpellingTests.template, data], ["src/" + SpellingTests.template, data],
    ]
    for arguments in spellings {
      let request = try trainRequest(arguments)
      #expect(request.recipe.recipe?.name == "atss_mobilenetv2", "\(arguments)")
      #expect(request.data == .root(URL(filePath: data), format: nil), "\(arguments)")
    }
    let chosen = try trainRequest(["--model", "atss_mobilenetv2", data])
    #expect(chosen.recipe.model == "atss_mobilenetv2")
  }

  @Test func dataHasManyNames() throws {
    let playground = try playground()
    defer { playground.remove() }
    let file = playground.path("data.yaml")
    func subset(_ name: String) -> SubsetLocation {
      SubsetLocation(
        annotations: URL(filePath: playground.path("BCCD/\(name)/_annotations.coco.json")),
        root: URL(filePath: playground.path("BCCD/\(name)"))
      )
    }
    let flags = [
      "--train-ann-files", playground.path("BCCD/train/_annotations.coco.json"),
      "--train-data-roots", playground.path("BCCD/train"),
      "--val_ann_files=" + playground.path("BCCD/valid/_annotations.coco.json"),
      "--val_data_roots", playground.path("BCCD/valid"),
    ]
    func paths(_ location: DataLocation) -> [Subset: [String?]] {
      guard case .subsets(let subsets, nil) = location else { return [:] }
      return subsets.mapValues { [$0.annotations?.path, $0.root?.path] }
    }
    let expected = paths(.subsets([.train: subset("train"), .val: subset("valid")], format: nil))
    for arguments in [[file], ["--data", file], ["--data-cfg=\(file)"], flags] {
      let request = try trainRequest([SpellingTests.template] + arguments)
      #expect(paths(request.data) == expected, "\(arguments)")
    }
  }

  @Test func aValueIsChangedInManyWays() throws {
    let playground = try playground()
    defer { playground.remove() }
    let start = ["atss_mobilenetv2", playground.path("BCCD")]
    var expected = try RecipeLibrary.builtIn.recipe("atss_mobilenetv2")
    expected.training.batchSize = 4
    expected.training.maxEpochs = 100
    expected.training.earlyStopping.enabled = false
    let spellings = [
      [
        "params", "--learning_parameters.batch_size", "4", "--learning_parameters.num_iters", "100",
        "--learning_parameters.enable_early_stopping", "false",
      ],
      [
        "params", "--learning-parameters.batch-size=4", "--learning_parameters.num_iters=100",
        "--learning_parameters.enable_early_stopping=False",
      ],
      ["--batch-size", "4", "--max_epochs=100", "--set", "earlyStopping.enabled=false"],
      ["--recipe-hparams", "batchSize=4", "maxEpochs=100", "earlyStopping.enabled=false"],
      [
        "--recipe_json",
        #"{"batchSize": 4, "maxEpochs": 100, "earlyStopping": {"enabled": false}}"#,
      ],
      ["--set", "batchSize=4", "--set=maxEpochs=100", "--set", "earlyStopping={enabled: false}"],
    ]
    for arguments in spellings {
      #expect(try recipe(start + arguments) == expected, "\(arguments)")
    }
  }

  @Test func optionsOfTrainingAreKeysOfTheRecipe() throws {
    let playground = try playground()
    defer { playground.remove() }
    let changed = try recipe([
      "atss_mobilenetv2", playground.path("BCCD"), "--input-size", "320x416", "--precision", "bf16",
      "--seed=7", "--deterministic", "warn", "--weights", "none", "--metric", "map",
      "--val-check-interval", "2", "--strict", "--threads", "2", "--device", "cpu",
    ])
    #expect(changed.inputSize == .value(ImageSize(height: 320, width: 416)))
    #expect(changed.training.precision == .bf16)
    #expect(changed.training.seed == 7)
    #expect(changed.training.deterministic == .warn)
    #expect(changed.weights == "none")
    #expect(changed.training.metric == "map")
    #expect(changed.training.validationInterval == 2)
    #expect(changed.data.strict)
    #expect(changed.training.threads == 2)
    #expect(changed.training.device == "cpu")
    let plain = try recipe(["--deterministic", "--", "atss_mobilenetv2", playground.path("BCCD")])
    #expect(plain.training.deterministic == .on)
  }

  @Test func theTutorialsTrainCommand() throws {
    let playground = try playground()
    defer { playground.remove() }
    let request = try trainRequest([
      SpellingTests.template, "--train-ann-files",
      playground.path("BCCD/train/_annotations.coco.json"), "--train-data-roots",
      playground.path("BCCD/train"), "--val-ann-files",
      playground.path("BCCD/valid/_annotations.coco.json"), "--val-data-roots",
      playground.path("BCCD/valid"), "--save-model-to", "outputs", "--work-dir", "outputs/logs",
      "--gpus", "1",
    ])
    #expect(request.recipe.recipe?.name == "atss_mobilenetv2")
    #expect(request.workDirectory.relativePath == "outputs/logs")
    #expect(request.modelDirectory?.relativePath == "outputs")
  }

  private func evalRequest(_ arguments: [String]) throws -> Eval.Request {
    let command = try #require(try Program.parse(arguments) as? Eval)
    return try command.request()
  }

  @Test func aModelIsScoredInManyWays() throws {
    let playground = try playground()
    defer { playground.remove() }
    let weights = playground.path("outputs/weights.pth")
    let file = playground.path("data.yaml")
    let plain = try evalRequest(["eval", weights, file])
    for arguments in [
      ["test", weights, file], ["eval", file, weights], ["eval", "--load-weights", weights, file],
      ["eval", "--checkpoint=\(weights)", "--data", file],
      ["eval", "--model_ckpt", weights, "--data-cfg", file],
    ] {
      #expect(try evalRequest(arguments) == plain, "\(arguments)")
    }
    guard case .evaluate(let request) = plain else {
      Issue.record("not an evaluation")
      return
    }
    #expect(request.subset == .test)
    #expect(request.confidenceThreshold == nil)
    #expect(request.model.expectedModel == nil)

    let tutorial = try evalRequest([
      "eval", SpellingTests.template, "--data", file, "--load-weights", weights, "params",
      "--postprocessing.confidence_threshold", "0.5",
      "--postprocessing.result_based_confidence_threshold", "false",
    ])
    guard case .evaluate(let changed) = tutorial else {
      Issue.record("not an evaluation")
      return
    }
    #expect(changed.model.expectedModel == "atss_mobilenetv2")
    #expect(changed.confidenceThreshold == 0.5)
  }

  @Test func picturesAreForecast() throws {
    let playground = try playground()
    defer { playground.remove() }
    let weights = playground.path("outputs/weights.pth")
    let picture = playground.path("picture.jpg")
    let plain = try evalRequest(["eval", weights, picture])
    for arguments in [
      ["predict", weights, picture], ["predict", playground.path("outputs"), picture],
      ["predict", "-i", picture, "--load-weights", weights],
      ["predict", weights, playground.root.path],
    ] {
      guard case .predict(let request) = try evalRequest(arguments) else {
        Issue.record("\(arguments) is no prediction")
        continue
      }
      #expect(request.images.map(\.lastPathComponent) == ["picture.jpg"])
    }
    guard case .predict(let request) = plain else {
      Issue.record("not a prediction")
      return
    }
    #expect(request.images.map(\.path) == [picture])
    #expect(request.model.model.path == weights)
  }

  @Test func exportTakesTheTutorialsCommand() throws {
    let playground = try playground()
    defer { playground.remove() }
    let weights = playground.path("outputs/weights.pth")
    func request(_ arguments: [String]) throws -> ExportRequest {
      try #require(try Program.parse(["export"] + arguments) as? Export).request()
    }
    let tutorial = try request([
      SpellingTests.template, "--load-weights", weights, "--save-model-to",
      playground.path("outputs/openvino/"),
    ])
    #expect(tutorial.model.expectedModel == "atss_mobilenetv2")
    #expect(tutorial.directory.path == playground.path("outputs/openvino"))
    let plain = try request([weights])
    #expect(plain.directory.path == playground.path("outputs/openvino"))
    #expect(!plain.halfPrecision)
    #expect(try request([weights, "--half"]).halfPrecision)
    let onnx = try request([weights, "--export-type", "ONNX"])
    #expect(onnx.format == .onnx)
    #expect(onnx.directory.path == playground.path("outputs/onnx"))
  }

  @Test func withoutAModelTheNewestRunIsTaken() throws {
    let playground = try Playground(["runs/20260101_000000/weights.pth"])
    defer { playground.remove() }
    try FileManager.default.createSymbolicLink(
      atPath: playground.path("runs/latest"),
      withDestinationPath: "20260101_000000"
    )
    let command = try #require(
      try Program.parse(["export", "--work-dir", playground.path("runs")]) as? Export
    )
    #expect(try command.request().model.model.lastPathComponent == "20260101_000000")
  }
}
