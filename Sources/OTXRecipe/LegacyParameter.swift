import Foundation
import OTXCore

/// A parameter of the `params` section of OTX 1.x, and the recipe key that takes its place.
public enum LegacyParameter {
  private enum Meaning {
    /// The value goes to this key as it is.
    case key(String)
    /// `true` keeps the default choice, `false` needs a value given beside it.
    case automaticThreshold
    case batchSizeSearch
    /// Known, and has nothing to change here; the text says why.
    case noEffect(String)
    /// Known, and not done yet.
    case missing(String)
  }

  private static let table: [(name: String, meaning: Meaning)] = [
    ("learning_parameters.batch_size", .key("batchSize")),
    ("learning_parameters.inference_batch_size", .noEffect("it is chosen by the program")),
    ("learning_parameters.learning_rate", .key("optimizer.learningRate")),
    ("learning_parameters.learning_rate_warmup_iters", .key("schedule.warmupSteps")),
    ("learning_parameters.num_iters", .key("maxEpochs")),
    ("learning_parameters.num_workers", .key("data.workerCount")),
    ("learning_parameters.enable_early_stopping", .key("earlyStopping.enabled")),
    ("learning_parameters.early_stop_start", .key("earlyStopping.warmupEpochs")),
    ("learning_parameters.early_stop_patience", .key("earlyStopping.patience")),
    ("learning_parameters.early_stop_iteration_patience", .key("earlyStopping.warmupSteps")),
    ("learning_parameters.use_adaptive_interval", .key("adaptiveScheduling")),
    ("learning_parameters.auto_adapt_batch_size", .batchSizeSearch),
    ("learning_parameters.auto_num_workers", .noEffect("worker threads are always chosen")),
    ("learning_parameters.input_size", .key("inputSize")),
    ("postprocessing.confidence_threshold", .key("postprocessing.confidenceThreshold")),
    ("postprocessing.nms_iou_threshold", .key("postprocessing.iouThreshold")),
    ("postprocessing.result_based_confidence_threshold", .automaticThreshold),
    ("postprocessing.max_num_detections", .missing("a limit on detections")),
    ("postprocessing.use_ellipse_shapes", .missing("ellipses")),
    ("algo_backend.train_type", .missing("other learning methods than Incremental")),
    ("algo_backend.mem_cache_size", .noEffect("the picture cache has a budget of its own")),
    ("algo_backend.storage_cache_scheme", .missing("a cache of pictures on disk")),
    ("algo_backend.enable_noisy_label_detection", .missing("noisy-label detection")),
    ("pot_parameters.preset", .noEffect("otx optimize has it: --preset")),
    ("pot_parameters.stat_subset_size", .noEffect("otx optimize has it: --subset-size")),
    ("pot_parameters.stat_requests_number", .noEffect("it is chosen by the program")),
    ("nncf_optimization.enable_quantization", .noEffect("otx optimize CHECKPOINT does it")),
    ("nncf_optimization.enable_pruning", .missing("pruning")),
    ("nncf_optimization.pruning_supported", .missing("pruning")),
    (
      "nncf_optimization.maximal_accuracy_degradation",
      .noEffect("otx optimize has it: --max-drop")
    ),
    ("tiling_parameters.enable_tiling", .key("data.tiling.enabled")),
    (
      "tiling_parameters.enable_adaptive_params",
      .noEffect("tiles are fitted to the objects unless their size is given")
    ),
    ("tiling_parameters.tile_size", .key("data.tiling.tileSize")),
    ("tiling_parameters.tile_overlap", .key("data.tiling.overlap")),
    ("tiling_parameters.tile_max_number", .key("data.tiling.maximumInstanceCount")),
    ("tiling_parameters.tile_sampling_ratio", .key("data.tiling.samplingRatio")),
    ("tiling_parameters.object_tile_ratio", .key("data.tiling.objectTileRatio")),
  ]

  /// The names that are known: `learning_parameters.batch_size`, ….
  public static var names: [String] { table.map(\.name) }

  static func isSupported(_ name: String) -> Bool {
    guard let entry = table.first(where: { $0.name == name }) else { return false }
    return if case .missing = entry.meaning { false } else { true }
  }

  /// The recipe values that `--name value` of a `params` section stands for.
  ///
  /// - Parameters:
  ///   - name: `learning_parameters.batch_size`; `-` and `_` are the same.
  ///   - value: As it was typed; values from Python spelling (`True`) are read too.
  ///   - source: Where it was typed, for messages.
  /// - Returns: What to lay over the recipe; nothing where the parameter changes nothing here.
  /// - Throws: ``ConfigurationError``: an unknown name with the nearest one, a name this version
  ///   has nothing for, or a value of another type.
  public static func overrides(
    name: String,
    value: String,
    source: String = "params"
  ) throws -> [RecipeOverride] {
    let folded = name.replacingOccurrences(of: "-", with: "_")
    guard let entry = table.first(where: { $0.name == folded }) else {
      throw ConfigurationError.unknownName(
        name,
        kind: "parameter",
        known: table.filter { isSupported($0.name) }.map(\.name)
      )
    }
    let written = ["True": "true", "False": "false", "None": "none"][value] ?? value
    let place = "\(source) --\(folded)"
    switch entry.meaning {
    case .key("inputSize"):
      let size = written.lowercased() == "default" ? "auto" : written.lowercased()
      return [RecipeOverride(key: "inputSize", value: size, source: place)]
    case .key(let key): return [RecipeOverride(key: key, value: written, source: place)]
    case .automaticThreshold:
      guard written == "true" || written == "false" else {
        throw ConfigurationError.invalidValue(
          value,
          key: folded,
          expected: "true or false",
          source: source
        )
      }
      // `true` wins over a threshold given beside it, as it did; `false` leaves it in force.
      let auto = RecipeOverride(
        key: "postprocessing.confidenceThreshold",
        value: "auto",
        source: place
      )
      return written == "true" ? [auto] : []
    case .batchSizeSearch:
      guard written.lowercased() == "none" else {
        throw ConfigurationError.invalid(
          "\(place): this version does not search for a batch size yet; "
            + "give one with --learning_parameters.batch_size"
        )
      }
      return []
    case .noEffect: return []
    case .missing(let what):
      throw ConfigurationError.invalid("\(place): this version does not have \(what) yet")
    }
  }
}
