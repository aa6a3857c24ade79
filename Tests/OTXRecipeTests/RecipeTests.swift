import Foundation
import OTXCore
import Testing

@testable import OTXRecipe

/// Every recipe that the program lists, whoever wrote it: see `ModelContract` for the models.
@Suite struct RecipeContract {
  static let names: [String] = RecipeLibrary.builtIn.entries.map(\.name)

  /// The folder is the list.
  @Test func everyFileOfTheFolderIsListed() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Recipes")
    let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    let names = try paths.filter { $0.hasSuffix(".yaml") }.flatMap { path in
      try Recipe.all(
        in: folder.appending(path: path),
        name: String(path.dropLast(5)),
        among: []
      ).map(\.name)
    }
    #expect(names.sorted() == RecipeContract.names.sorted())
    #expect(names.count >= 4)
  }

  @Test(arguments: names) func readsBackAsItself(name: String) throws {
    let library = RecipeLibrary()
    let recipe = try library.recipe(name)
    #expect(recipe.name == name)
    let text = try recipe.yaml(header: ["a comment", ""])
    #expect(
      try Recipe(yaml: text, source: "recipe.yaml", name: "other", among: library.entries)
        == recipe
    )
  }
}

@Suite struct RecipeOverlayTests {
  let library: RecipeLibrary
  let recipe: Recipe
  init() throws {
    library = RecipeLibrary()
    recipe = try library.recipe("atss_mobilenetv2")
  }

  @Test func assignmentsChangeTypedValues() throws {
    let changed = try recipe.applying([
      RecipeOverride(assignment: "optimizer.learningRate=0.02", source: "--set"),
      RecipeOverride(assignment: "inputSize=320x416", source: "--set"),
      RecipeOverride(assignment: "precision=bf16", source: "--set"),
      RecipeOverride(assignment: "deterministic=false", source: "--set"),
      RecipeOverride(assignment: "schedule=cosine", source: "--set"),
      RecipeOverride(assignment: "augmentations=[horizontalFlip]", source: "--set"),
      RecipeOverride(assignment: "schedule.milestones=[6, 9]", source: "--set"),
      RecipeOverride(
        assignment: "optimizer.groups=[{parameters: backbone.*, learningRateScale: 0.1}]",
        source: "--set"
      ),
      RecipeOverride(assignment: "postprocessing.confidenceThreshold=0.5", source: "--set"),
    ])
    #expect(changed.training.optimizer.learningRate == 0.02)
    #expect(changed.inputSize == .value(ImageSize(height: 320, width: 416)))
    #expect(changed.training.precision == .bf16)
    #expect(changed.training.deterministic == .off)
    #expect(changed.training.schedule.name == .cosine)
    #expect(changed.training.schedule.milestones == [6, 9])
    #expect(
      changed.training.optimizer.groups == [
        OptimizerGroup(parameters: "backbone.*", learningRateScale: 0.1)
      ]
    )
    #expect(
      try Recipe(yaml: changed.yaml(), source: "recipe.yaml", among: library.entries) == changed
    )
    #expect(changed.training.schedule.warmupSteps == recipe.training.schedule.warmupSteps)
    #expect(changed.augmentations == [.horizontalFlip(probability: 0.5)])
    #expect(changed.postprocessing.confidenceThreshold == .value(0.5))
  }

  @Test func laterOverridesWin() throws {
    let changed = try recipe.applying([
      RecipeOverride(text: #"{"batchSize": 2, "maxEpochs": 3}"#, source: "--recipe-json"),
      RecipeOverride(key: "batchSize", value: "4", source: "--batch-size"),
    ])
    #expect(changed.training.batchSize == 4)
    #expect(changed.training.maxEpochs == 3)
  }

  @Test(arguments: [
    ("maxepochs=3", "did you mean 'maxEpochs'?"),
    (
      "optimizer.learningrate=3",
      "unknown key 'optimizer.learningrate', did you mean 'learningRate'"
    ),
    ("learningRate=3", "unknown key 'learningRate', did you mean 'optimizer.learningRate'?"),
    ("precision=bf32", "'bf32' is no value for precision; expected one of auto, fp32, bf16, fp16"),
    ("batchSize=many", "'many' is no value for batchSize; expected a whole number"),
    ("batchSize=2.5", "'2.5' is no value for batchSize; expected a whole number"),
    ("inputSize=big", "expected auto, or HEIGHTxWIDTH"),
    ("task=DETECTOIN", "expected one of MULTI_CLASS_CLS, MULTI_LABEL_CLS"),
    ("earlyStopping.enabled=maybe", "expected true or false"),
    ("optimizer.learningRate={a: 1}", "'{a: 1}' is no value for optimizer.learningRate"),
    ("augmentations=5", "'5' is no value for augmentations; expected a list"),
    ("augmentations=[{name: horizontalFlip}]", "unknown augmentation 'name'; there are: "),
    ("augmentations=[horizontalFlop]", "did you mean 'horizontalFlip'?"),
    ("augmentations=[{horizontalFlip: {probabilty: 1}}]", "did you mean 'probability'?"),
    ("batchSize", "'batchSize' is no assignment"),
    ("batchSize=0", "'0' is no value for batchSize; expected at least 1"),
    ("maxEpochs=-3", "expected at least 1"),
    ("optimizer.learningRate=0", "expected a number above 0"),
    ("optimizer.learningRate=.nan", "expected a number above 0"),
    ("validationInterval=0", "expected a number above 0"),
    ("postprocessing.confidenceThreshold=2", "expected within 0 and 1"),
    ("emaDecay=1", "expected at least 0 and below 1"),
    ("optimizer.layerDecay=0", "expected above 0, at most 1"),
    ("optimizer.name=adan", "expected one of sgd, adamw, adam, rmsprop, lars"),
    ("optimizer.groups=backbone", "expected a list"),
    ("optimizer.groups=[backbone]", "a group is a mapping"),
    ("optimizer.groups=[{learningRateScale: 1}]", "a group needs 'parameters'"),
    (
      "optimizer.groups=[{parameters: '*', learnigRateScale: 1}]",
      "no key 'learnigRateScale', did you mean 'learningRateScale'?"
    ),
    ("optimizer.groups=[{parameters: '*', weightDecayScale: -1}]", "expected at least 0"),
    ("schedule=multistep", "expected one of constant, step, multi_step, cosine, poly, one_cycle"),
    ("schedule=multi_step", "expected numbers of epochs from 1 on, in rising order"),
    ("schedule.milestones=[3, 2]", "in rising order"),
    ("schedule.milestones=[half]", "a list of whole numbers"),
    ("schedule.riseShare=1.5", "expected within 0 and 1"),
    ("schedule.power=0", "expected a number above 0"),
    ("normalization.std=[1, 0, 1]", "expected three numbers, one a channel, above 0"),
    ("inputSize=0x10", "HEIGHTxWIDTH"),
    ("maxEpochs=99999999999999999999", "expected a whole number"),
  ]) func mistakesSayWhatWasMeant(assignment: String, message: String) throws {
    let error = #expect(throws: ConfigurationError.self) {
      try recipe.applying([RecipeOverride(assignment: assignment, source: "--set")])
    }
    let text = error?.description ?? ""
    #expect(text.contains(message), "\(text)")
    #expect(text.hasPrefix("--set: "), "\(text)")
  }

  @Test(arguments: [
    ("model: atss_mobilenetv2\nbatchSize: 4\noptimizer:\n  learning_rate: 1\n", "my.yaml:4: "),
    ("model: atss_mobilenetv2\n\nbatchSize: four\n", "my.yaml:3: 'four' is no value for batchSize"),
    ("model: atss_mobilenetv2\nbatchSize: [1\n", "my.yaml:3: not valid YAML"),
    ("base: atss\n", "my.yaml:1: unknown recipe 'atss', did you mean 'atss_mobilenetv2'?"),
    ("maxEpochs: 3\n", "my.yaml: a recipe needs `model: NAME`"),
    ("", "my.yaml: empty"),
    ("maxEpochs: 3\nmaxEpochs: 4\n", "given more than once: maxEpochs"),
    (
      "model: resnet18\noptimizer:\n  momentum: 2\n",
      "my.yaml:3: '2' is no value for optimizer.momentum"
    ),
  ]) func mistakesInFilesNameTheLine(text: String, message: String) throws {
    let error = #expect(throws: ConfigurationError.self) {
      try Recipe(yaml: text, source: "my.yaml", name: "my", among: library.entries)
    }
    let description = error?.description ?? ""
    #expect(description.contains(message), "\(description)")
  }

  @Test func aFileStandsOnTheRecipeOfItsModel() throws {
    let mine = try Recipe(
      yaml: "model: ssd_mobilenetv2\nmaxEpochs: 5\n",
      source: "my.yaml",
      name: "my",
      among: library.entries
    )
    var expected = try library.recipe("ssd_mobilenetv2")
    expected.name = "my"
    expected.training.maxEpochs = 5
    #expect(mine == expected)
  }

  @Test func keysTellWhatTheUserGave() throws {
    let override = RecipeOverride(
      text: "batchSize: 4\noptimizer: {learningRate: 1, name: sgd}\n",
      source: "my.yaml"
    )
    #expect(try override.keys() == ["batchSize", "optimizer.learningRate", "optimizer.name"])
  }
}
