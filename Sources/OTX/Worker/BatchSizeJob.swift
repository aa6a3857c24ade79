import Foundation
import OTXCore
import OTXData
import OTXRecipe

/// Trains on batches of one size for some steps, in a process of its own where it is done as a job:
/// running out of memory harms nobody there.
enum BatchSizeJob: WorkerJob {
  struct Input: Codable, Sendable {
    /// The settled recipe as YAML, with the batch size to try.
    var recipe: String
    /// Where the data is.
    var record: RunRecord
    /// Bytes that training may take; 0: what the machine has.
    var memoryLimit: Int
    /// A folder to write in; it is removed.
    var folder: URL
  }

  struct Output: Codable, Sendable {
    /// What it took at most; `nil` where memory ran out.
    var bytes: Int?
  }

  static let name = "batch-size"

  static func run(
    _ input: Input,
    tell: @escaping @Sendable (String) -> Void
  ) async throws -> Output {
    var recipe = try Recipe(
      yaml: input.recipe,
      source: "recipe.yaml",
      name: "trial",
      among: RecipeLibrary.builtIn.entries
    )
    // Any weights take the same memory.
    recipe.weights = "none"
    guard let location = input.record.location else {
      throw ConfigurationError.invalid("the data is no longer where it was")
    }
    let dataset = try DatasetReader.read(
      location,
      strict: recipe.data.strict,
      labels: recipe.data.labels,
      headerCache: .user
    )
    let engine = try Engine(
      recipe: recipe,
      dataset: dataset,
      location: location,
      memoryLimit: input.memoryLimit,
      registry: WorkerEntry.currentRegistry
    )
    return Output(bytes: try await engine.job.trialMemory(in: input.folder))
  }
}
