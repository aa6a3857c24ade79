import Foundation
import OTXCore
import OTXOpenVINO

/// What a model itself says of how it is to be quantised: `model_info/optimization_config` of its
/// `rt_info`, with the keys of Python OTX 2.6.
struct OptimizationConfiguration: Equatable {
  var preset = QuantizationPreset.auto
  var modelType = QuantizedModelType.auto
  var ignored = IgnoredScope()
  /// Whether every name must be found.
  var validates = true
  /// Keys that mean nothing here.
  var unknownKeys: [String] = []

  init() {}

  /// Reads the entry of the model at `url`; one without is all defaults.
  init(of url: URL) throws {
    let path = ["model_info", "optimization_config"]
    let text = try ModelFiles.runtimeInfo(of: url, at: path) ?? ""
    try self.init(json: text.isEmpty ? "{}" : text, source: url.path)
  }

  /// - Throws: ``ConfigurationError/invalid(_:)`` for text that is no such configuration.
  init(json text: String, source: String) throws {
    let object = try? JSONSerialization.jsonObject(with: Data(text.utf8))
    guard let object = object as? [String: Any] else {
      throw ConfigurationError.invalid("\(source): its optimization_config is no JSON: \(text)")
    }
    for (key, value) in object.sorted(by: { $0.key < $1.key }) {
      let word = (value as? String)?.lowercased()
      switch key {
      case "preset":
        guard let preset = word.flatMap(QuantizationPreset.init(rawValue:)) else {
          unknownKeys.append("preset: \(value)")
          continue
        }
        self.preset = preset
      case "model_type":
        guard word == "transformer" else {
          unknownKeys.append("model_type: \(value)")
          continue
        }
        modelType = .transformer
      case "ignored_scope": read(scope: value as? [String: Any] ?? [:])
      default: unknownKeys.append(key)
      }
    }
  }

  private mutating func read(scope: [String: Any]) {
    for (key, value) in scope.sorted(by: { $0.key < $1.key }) {
      switch key {
      case "names": ignored.names = value as? [String] ?? []
      case "patterns": ignored.patterns = value as? [String] ?? []
      case "types": ignored.types = value as? [String] ?? []
      case "validate": validates = value as? Bool ?? true
      default: unknownKeys.append("ignored_scope.\(key)")
      }
    }
  }

  /// The quantiser's options: what the user says counts, else what the model says.
  func options(_ user: OptimizeOptions) -> PostTrainingQuantizer.Options {
    var options = PostTrainingQuantizer.Options()
    let modelType = user.modelType == .auto ? modelType : user.modelType
    options.isTransformer = modelType == .transformer
    let preset = user.preset == .auto ? preset : user.preset
    options.isSymmetric = preset == .auto ? !options.isTransformer : preset == .performance
    options.ignored.names = user.ignoredScope.names + ignored.names
    options.ignored.patterns = user.ignoredScope.patterns + ignored.patterns
    options.ignored.types = user.ignoredScope.types + ignored.types
    options.ignored.validates = validates
    return options
  }

  /// What a quantised model says of how it was made, where NNCF says it: Python OTX takes a model
  /// with such an entry for quantised.
  static func entries(_ options: OptimizeOptions) -> [(path: [String], value: String)] {
    let path = ["nncf", "quantization"]
    return [
      (path + ["producer"], "otx \(OTXVersion.current)"),
      (path + ["preset"], options.preset.rawValue),
      (path + ["model_type"], options.modelType.rawValue),
      (path + ["subset_size"], "\(options.subsetSize)"),
      (path + ["fast_bias_correction"], "True"),
    ]
  }
}
