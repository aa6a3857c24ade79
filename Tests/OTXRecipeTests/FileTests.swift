import Foundation
import OTXCore
import OTXRecipe
import Testing

/// A folder for one test.
private struct Folder {
  let root = FileManager.default.temporaryDirectory.appending(
    path: "otx-recipe-\(UUID().uuidString)"
  )

  @discardableResult
  func write(_ text: String, _ name: String) throws -> URL {
    let url = root.appending(path: name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(),
      withIntermediateDirectories: true
    )
    try Data(text.utf8).write(to: url)
    return url
  }

  func remove() { try? FileManager.default.removeItem(at: root) }
}

@Suite struct DataFileTests {
  private func folder() throws -> Folder {
    let folder = Folder()
    for name in ["train/_annotations.coco.json", "valid/_annotations.coco.json"] {
      try folder.write("{}", "BCCD/\(name)")
    }
    return folder
  }

  private func paths(_ location: DataLocation) -> [Subset: [String?]] {
    guard case .subsets(let subsets, _) = location else { return [:] }
    return subsets.mapValues { [$0.annotations?.lastPathComponent, $0.root?.lastPathComponent] }
  }

  /// The tutorial's shape: Python's way to write a dictionary, paths beside the file.
  @Test func readsTheTutorialsShape() throws {
    let folder = try folder()
    defer { folder.remove() }
    let file = try folder.write(
      """
      {'data':
        {'train':
          {'ann-files': 'BCCD/train/_annotations.coco.json',
           'data-roots': '\(folder.root.path)/BCCD/train'},
        'val':
          {'ann-files': 'BCCD/valid/_annotations.coco.json',
           'data-roots': 'BCCD/valid'},
        'test':
          {'ann-files': 'BCCD/valid/_annotations.coco.json',
           'data-roots': 'BCCD/valid'},
        'unlabeled':
          {'data-roots': None,
           'file-list': None}
        }
      }
      """,
      "data.yaml"
    )
    let location = try DataFile.read(file)
    let expected = ["_annotations.coco.json", "valid"]
    #expect(
      paths(location) == [
        .train: ["_annotations.coco.json", "train"], .val: expected, .test: expected,
      ]
    )
    #expect(DataFile.isDataFile(file))
  }

  @Test func readsRootFileAndType() throws {
    let folder = try folder()
    defer { folder.remove() }
    let file = try folder.write(
      """
      train:
        root: BCCD/train
        file: BCCD/train/_annotations.coco.json
        type: coco
      val:
        root: BCCD/valid
        type: coco
      unlabeled:
      """,
      "data.yaml"
    )
    let location = try DataFile.read(file)
    #expect(
      paths(location) == [.train: ["_annotations.coco.json", "train"], .val: [nil, "valid"]]
    )
    guard case .subsets(_, let format) = location else { return }
    #expect(format == "coco")
  }

  @Test(arguments: [
    (
      "data:\n  train:\n    data-roots: BCCD/tarin\n",
      ":3: data.train.data-roots: nothing at 'BCCD/tarin'"
    ),
    (
      "data:\n  trian:\n    data-roots: BCCD/train\n",
      ":2: unknown key 'data.trian', did you mean 'train'?"
    ),
    (
      "data:\n  train:\n    data-root: BCCD/train\n",
      ":3: unknown key 'data.train.data-root', did you mean 'data-roots'?"
    ),
    ("data:\n  train: {}\n", "names no data"),
    ("data: yes\n", "'yes' is no value for data"),
    ("data: [1\n", "not valid YAML"),
    ("", "no subsets"),
  ]) func mistakesNameTheLine(text: String, message: String) throws {
    let folder = try folder()
    defer { folder.remove() }
    let file = try folder.write(text, "data.yaml")
    let error = #expect(throws: ConfigurationError.self) { try DataFile.read(file) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func aRecipeIsNoDataFile() throws {
    let folder = Folder()
    defer { folder.remove() }
    #expect(
      !DataFile.isDataFile(try folder.write("model: resnet18\ndata: {strict: true}\n", "r.yaml"))
    )
    #expect(!DataFile.isDataFile(try folder.write("data: [1\n", "broken.yaml")))
  }
}

@Suite struct LegacyTests {
  @Test(arguments: LegacyTemplate.all) func templatesAreFoundByIdAndPath(template: LegacyTemplate)
    throws
  {
    let library = RecipeLibrary.builtIn
    for reference in [template.id, template.path, "src/" + template.path, "./" + template.path] {
      if library.templates.contains(template) {
        #expect(try library.recipe(reference).name == template.recipe)
      } else {
        let error = #expect(throws: ConfigurationError.self) { try library.recipe(reference) }
        #expect(error?.description.contains("does not have yet") == true)
      }
    }
  }

  /// "It can be done by manual updating parameters in template.yaml file".
  @Test func anEditedTemplateIsRead() throws {
    let folder = Folder()
    defer { folder.remove() }
    let file = try folder.write(
      """
      model_template_id: Custom_Object_Detection_Gen3_ATSS
      name: ATSS
      hyper_parameters:
        base_path: ../../configuration.yaml
        parameter_overrides:
          learning_parameters:
            batch_size:
              default_value: 4
              auto_hpo_state: POSSIBLE
            num_iters:
              default_value: 100
          algo_backend:
            train_type:
              default_value: Incremental
      """,
      "template.yaml"
    )
    let recipe = try RecipeLibrary.builtIn.recipe(file.path)
    #expect(recipe.name == "atss_mobilenetv2")
    #expect(recipe.training.batchSize == 4)
    #expect(recipe.training.maxEpochs == 100)
  }

  @Test func theUsersRecipesAreListed() throws {
    let folder = Folder()
    defer { folder.remove() }
    try folder.write("model: ssd_mobilenetv2\nmaxEpochs: 5\n", "fast.yaml")
    try folder.write("model: [\n", "broken.yaml")
    let library = RecipeLibrary(userDirectory: folder.root)
    #expect(library.entries.last?.name == "fast")
    #expect(try library.recipe("fast").training.maxEpochs == 5)
    #expect(library.entries.count == RecipeLibrary.builtIn.entries.count + 1)
    let broken = folder.root.appending(path: "broken.yaml").path
    #expect(throws: ConfigurationError.self) { try library.recipe(broken) }
  }

  private func changed(_ name: String, _ value: String) throws -> Recipe {
    try RecipeLibrary.builtIn.recipe("atss_mobilenetv2")
      .applying(LegacyParameter.overrides(name: name, value: value))
  }

  @Test func parametersChangeTheirKeys() throws {
    #expect(try changed("learning_parameters.batch_size", "4").training.batchSize == 4)
    #expect(try changed("learning-parameters.num-iters", "100").training.maxEpochs == 100)
    #expect(
      try changed("learning_parameters.learning_rate", "0.01").training.optimizer.learningRate
        == 0.01
    )
    #expect(
      try changed("learning_parameters.learning_rate_warmup_iters", "3").training.schedule
        .warmupSteps == 3
    )
    #expect(
      try changed("learning_parameters.enable_early_stopping", "False").training.earlyStopping
        .enabled == false
    )
    #expect(
      try changed("learning_parameters.early_stop_patience", "7").training.earlyStopping.patience
        == 7
    )
    #expect(
      try changed("learning_parameters.input_size", "256x320").inputSize
        == .value(ImageSize(height: 256, width: 320))
    )
    #expect(try changed("learning_parameters.input_size", "Default").inputSize == .auto)
    #expect(
      try changed("postprocessing.confidence_threshold", "0.5").postprocessing.confidenceThreshold
        == .value(0.5)
    )
    #expect(
      try changed("postprocessing.result_based_confidence_threshold", "true").postprocessing
        .confidenceThreshold == .auto
    )
  }

  @Test(arguments: [
    ("learning_parameters.batchsize", "4", "did you mean 'learning_parameters.batch_size'?"),
    ("learning_parameters.batch_size", "many", "expected a whole number"),
    ("postprocessing.result_based_confidence_threshold", "maybe", "expected true or false"),
    ("nncf_optimization.enable_pruning", "true", "does not have pruning yet"),
    ("learning_parameters.auto_adapt_batch_size", "Full", "does not search for a batch size yet"),
  ]) func mistakesSayWhatToDo(name: String, value: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) { try changed(name, value) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  /// Every parameter of earlier versions is known by name.
  @Test(arguments: LegacyParameter.names) func everyParameterHasAnAnswer(name: String) {
    do {
      _ = try LegacyParameter.overrides(name: name, value: "true")
    } catch let error as ConfigurationError {
      guard case .unknownName = error else { return }
      Issue.record("\(error)")
    } catch { Issue.record("\(error)") }
  }
}

@Suite struct SchemaTests {
  @Test func knowsEveryKey() throws {
    let schema = try #require(
      try JSONSerialization.jsonObject(with: Data(RecipeSchema.json().utf8)) as? [String: Any]
    )
    let properties = try #require(schema["properties"] as? [String: [String: Any]])
    let recipe = try RecipeLibrary.builtIn.recipe("resnet18")
    let keys = try recipe.yaml().split(separator: "\n").filter { !$0.hasPrefix(" ") }
      .compactMap { $0.split(separator: ":").first.map(String.init) }
    #expect(Set(properties.keys) == Set(keys).union(["base", "models"]))
    #expect(properties["precision"]?["enum"] as? [String] == ["auto", "fp32", "bf16", "fp16"])
    #expect(properties["batchSize"]?["type"] as? String == "integer")
    #expect(schema["additionalProperties"] as? Bool == false)
    // Every augmentation with the limits and defaults of its parameters.
    let items = try #require(properties["augmentations"]?["items"] as? [String: Any])
    let forms = try #require(items["anyOf"] as? [[String: Any]])
    let steps = try #require(forms.last?["properties"] as? [String: [String: Any]])
    #expect(Set(steps.keys) == Set(Augmentation.names))
    let affine = try #require(steps["randomAffine"]?["properties"] as? [String: [String: Any]])
    #expect(affine["maxRotateDegree"]?["maximum"] as? Double == 180)
    #expect(affine["maxRotateDegree"]?["default"] as? Double == 10)
    #expect(affine["scalingRatioRange"]?["minItems"] as? Int == 2)
  }
}
