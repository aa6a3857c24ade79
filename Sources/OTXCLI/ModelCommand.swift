import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

/// What every command on a trained model takes.
struct ModelArguments: ParsableArguments {
  @Option(
    name: [
      .customLong("load-weights"), .customLong("checkpoint"), .customLong("model-ckpt"),
      .customLong("ir-path"),
    ],
    help: .init(
      "The model: weights.pth, a run's folder, or an .xml; otherwise the newest run's.",
      valueName: "file"
    )
  )
  var loadWeights: String?

  @Option(
    name: [.customLong("recipe"), .customLong("config")],
    help: .init("The recipe the model was trained with; it must agree.", valueName: "recipe")
  )
  var recipe: String?

  @OptionGroup var changes: OverrideArguments

  /// The model that is meant.
  ///
  /// - Throws: ``UsageError`` where none or several are named.
  func request(
    _ inputs: Inputs,
    library: RecipeLibrary,
    compute: ComputeArguments,
    workspace: WorkspaceArguments
  ) throws -> ModelRequest {
    if let positional = inputs.model, let loadWeights {
      throw UsageError("two models: '\(positional)' and '\(loadWeights)'; name one")
    }
    let reference = inputs.recipe ?? recipe
    let expected = try reference.map { try library.recipe($0).model.name }
    let model: URL
    if let path = inputs.model ?? loadWeights {
      guard FileManager.default.fileExists(atPath: path) else {
        throw UsageError("there is no model at '\(path)'" + Suggestion.phrase(forPath: path))
      }
      model = URL(filePath: path)
    } else {
      let latest = workspace.url.appending(path: "latest")
      guard latest.isDirectory else {
        throw UsageError(
          "no model: name a checkpoint, or train one first (no run in \(workspace.workDirectory))"
        )
      }
      model = latest.resolvingSymlinksInPath()
      guard Inputs.isModelFolder(model) else {
        throw UsageError(
          "no model: the newest run, \(model.relativePath), left none; name a checkpoint"
        )
      }
    }
    var engine = try compute.engineOptions(isExported: Inputs.isExportedModel(model))
    // A trained model is run as it was trained; a shorter type is the user's choice.
    if compute.precision == nil { engine.precision = .fp32 }
    return ModelRequest(model: model, engine: engine, expectedModel: expected)
  }

  /// The confidence threshold that the user set; `nil`: the model's own.
  ///
  /// - Throws: ``UsageError`` for values that only training can change.
  func confidenceThreshold() throws -> Float? {
    let overrides = try changes.overrides()
    let allowed: Set<String> = ["postprocessing.confidenceThreshold"]
    for entry in overrides {
      if let other = try entry.keys().subtracting(allowed).min() {
        throw UsageError(
          "\(entry.source): \(other) is fixed when a model is trained; "
            + "here only postprocessing.confidenceThreshold can be changed"
        )
      }
    }
    let changed = try Recipe(name: "", task: .detection, model: ModelOptions(""))
      .applying(overrides)
    guard case .value(let threshold) = changed.postprocessing.confidenceThreshold else {
      return nil
    }
    guard (0...1).contains(threshold) else {
      throw UsageError("postprocessing.confidenceThreshold: \(threshold) is not within 0 and 1")
    }
    return threshold
  }
}
