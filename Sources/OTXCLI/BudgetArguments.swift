import ArgumentParser
import OTXCore
import OTXRecipe

/// What a training may take of time and memory.
struct BudgetArguments: ParsableArguments {
  @Option(
    help: .init(
      "The time that the whole command may take: 90s, 20m, 1h30m or 0:20:00. Epochs, validation and "
        + "schedule are chosen to fill it on this machine; --max-epochs is the upper bound.",
      valueName: "duration"
    )
  )
  var time: String?

  @Option(
    help: .init(
      "Make the batch fit the memory: none, auto (smaller where an estimate says so), safe (smaller "
        + "where trials say so) or full (as large as trials find room for).",
      valueName: "choice"
    ),
    completion: .list(AdaptiveBatchSize.allCases.map(\.rawValue))
  )
  var adaptiveBs: String?

  /// The options as values of a recipe.
  var overrides: [RecipeOverride] {
    [("timeBudget", "time", time), ("adaptiveBatchSize", "adaptive-bs", adaptiveBs)].compactMap {
      key,
      option,
      value in
      value.map { RecipeOverride(key: key, value: $0, source: "--\(option)") }
    }
  }
}
