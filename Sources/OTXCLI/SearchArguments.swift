import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

/// Whether hyper-parameters are searched, and how.
struct SearchArguments: ParsableArguments {
  @Flag(
    name: [.customLong("hpo"), .customLong("enable-hpo")],
    help: "Search for hyper-parameters first, and train with the best of them."
  )
  var isSearch = false

  @Option(
    help: .init(
      "With --hpo: when the search ends, for example 30m, 1h or '200 trials'.",
      valueName: "time|count"
    )
  )
  var budget: String?

  @Option(
    name: .customLong("hpo-time-ratio"),
    help: .init(
      "With --hpo: what the search may take, in whole trainings (4).",
      valueName: "ratio"
    )
  )
  var timeRatio: String?

  @Option(
    name: .customLong("hpo-config"),
    help: .init(
      "With --hpo: what is searched and how: the keys of a recipe's search, or an hpo_config.yaml of "
        + "earlier versions.",
      valueName: "file"
    ),
    completion: .file(extensions: ["yaml", "yml", "json"])
  )
  var config: String?

  @Option(
    name: .customLong("hpo-jobs"),
    help: .init("With --hpo: trials at a time.", valueName: "count")
  )
  var jobs: String?

  func validate() throws {
    let given = [
      ("--budget", budget), ("--hpo-time-ratio", timeRatio), ("--hpo-config", config),
      ("--hpo-jobs", jobs),
    ].filter { $0.1 != nil }.map(\.0)
    if let first = given.first, !isSearch { throw ValidationError("\(first) is for --hpo only") }
    if budget != nil, timeRatio != nil {
      throw ValidationError("--budget and --hpo-time-ratio both say when the search ends; give one")
    }
  }

  /// The options as values of a recipe.
  func overrides() throws -> [RecipeOverride] {
    var result: [RecipeOverride] = []
    if let config {
      let url = URL(filePath: config)
      guard FileManager.default.fileExists(atPath: url.path) else {
        throw UsageError(
          "--hpo-config: there is nothing at '\(config)'" + Suggestion.phrase(forPath: config)
        )
      }
      result += try SearchFile.overrides(url)
    }
    let values = [
      ("budget", "budget", budget), ("timeRatio", "hpo-time-ratio", timeRatio),
      ("jobs", "hpo-jobs", jobs),
    ]
    return result
      + values.compactMap { key, option, value in
        value.map { RecipeOverride(key: "search.\(key)", value: $0, source: "--\(option)") }
      }
  }
}
