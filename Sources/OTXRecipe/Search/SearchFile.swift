public import Foundation
import OTXCore
import Yams

/// A file that says how to search: the keys of a recipe's `search:`, or an `hpo_config.yaml` of
/// earlier versions.
public enum SearchFile {
  /// What becomes of a key of earlier versions.
  private enum Meaning {
    case key(String)
    /// A number of trials.
    case trials
    case algorithm
    case metric
    /// Known, and has nothing to change here.
    case noEffect
  }

  private static let legacy: [String: Meaning] = [
    "metric": .metric, "metric_name": .metric, "search_algorithm": .algorithm,
    "hp_space": .key("space"), "search_space": .key("space"), "num_trials": .trials,
    "expected_time_ratio": .key("timeRatio"), "maximum_resource": .key("maximumEpochs"),
    "minimum_resource": .key("minimumEpochs"), "reduction_factor": .key("reductionFactor"),
    "num_workers": .key("jobs"), "subset_ratio": .key("proxy"), "early_stop": .noEffect,
    "save_path": .noEffect, "mode": .noEffect, "asynchronous_sha": .noEffect,
    "asynchronous_bracket": .noEffect, "acceptable_additional_time_ratio": .noEffect,
    "adapt_bs_search_space_max_val": .noEffect, "prior_hyper_parameters": .noEffect,
  ]

  /// What the file says, as values of a recipe.
  ///
  /// - Parameter url: YAML or JSON.
  /// - Returns: What to lay over the recipe, keys of this version with the file's lines.
  /// - Throws: ``FileError`` for a file that cannot be read, ``ConfigurationError`` for one that says
  ///   nothing of a search.
  public static func overrides(_ url: URL) throws -> [RecipeOverride] {
    let text: String
    do {
      text = try String(contentsOf: url, encoding: .utf8)
    } catch {
      throw FileError.cannotRead(url.path, reason: error.reason)
    }
    let source = url.lastPathComponent
    guard let root = try parseYAML(text, source: source)?.mapping else {
      throw ConfigurationError.invalid("\(source) says nothing of a search")
    }
    if root["search"] != nil { return [RecipeOverride(text: text, source: source)] }
    var result: [RecipeOverride] = []
    for (key, value) in root {
      let name = key.string ?? ""
      // A list of the same meaning in both: `metric`.
      guard let meaning = legacy[name] else {
        result.append(entry(name, flowText(value), source, key))
        continue
      }
      let word = value.string ?? flowText(value)
      switch meaning {
      case .key(let new):
        if value.null == nil, word != "None" {
          result.append(entry(new, flowText(value), source, key))
        }
      case .trials:
        if let count = value.int { result.append(entry("budget", "\(count) trials", source, key)) }
      case .algorithm:
        // Bayesian search of whole trainings (`smbo`) was a stub.
        result.append(entry("algorithm", word.lowercased() == "smbo" ? "asha" : word, source, key))
      case .metric:
        // Earlier versions' names for a task's own score.
        let isOwn = ["mAP", "mDice", "val/accuracy", "accuracy"].contains(word)
        result.append(entry("metric", isOwn ? "auto" : word, source, key))
      case .noEffect: break
      }
    }
    return result
  }

  private static func entry(
    _ key: String,
    _ value: String,
    _ source: String,
    _ node: Node
  ) -> RecipeOverride {
    let place = node.mark.map { "\(source):\($0.line)" } ?? source
    return RecipeOverride(key: "search.\(key)", value: value, source: place)
  }
}
