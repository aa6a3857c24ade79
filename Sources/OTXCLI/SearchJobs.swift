import Foundation
import OTX
import OTXCore
import OTXRecipe
import OTXTuning

/// A search for hyper-parameters, and the training that follows it.
enum SearchRequest: Sendable {
  /// - `fixedKeys`: Recipe keys that the user set, which are not searched.
  case begin(TrainRequest, fixedKeys: Set<String>)
  /// Goes on with the search in a folder; `nil`: the newest of a workspace that is not at its end.
  case resume(URL?, workDirectory: URL, RecipeLibrary)
}

/// A search was interrupted; all that it found is kept in its folder.
struct InterruptedSearch: Error {
  var folder: URL
}

extension URL {
  /// Whether it is the folder of a search.
  var isSearch: Bool { Workspace.isSearch(self) }
}

extension StandardJobs {
  func search(
    _ request: SearchRequest,
    observers: [any TrainingObserver],
    observe: @escaping @Sendable (SearchEvent) -> Void
  ) async throws -> TrainOutcome {
    let (folder, library) = try await searchFolder(request, observers)
    let found: SearchResult
    do {
      found = try await SearchResult.resume(folder, library: library, observe: observe)
    } catch is CancellationError {
      throw InterruptedSearch(folder: folder)
    }
    let page = try? SearchOverview(folder).writePage()
    observe(
      .message(
        "The search is done: \(folder.relativePath)"
          + (page.map { " (\($0.lastPathComponent); otx hpo show)" } ?? "")
      )
    )
    let run = try await found.train(observers: observers)
    return TrainOutcome(run, decisions: found.decisions, search: folder)
  }

  private func searchFolder(
    _ request: SearchRequest,
    _ observers: [any TrainingObserver]
  ) async throws -> (URL, RecipeLibrary) {
    switch request {
    case .resume(let folder, let workDirectory, let library):
      let workspace = Workspace(root: workDirectory)
      guard let place = folder ?? workspace.newestUnfinishedSearch else {
        throw ConfigurationError.invalid(
          "\(workDirectory.relativePath) holds no search to go on with; begin one with --hpo and without --resume"
        )
      }
      return (place, library)
    case .begin(let request, let fixedKeys):
      let engine = try Engine(
        data: request.data,
        recipe: request.recipe,
        memoryLimit: request.engine.memoryLimit,
        workspace: Workspace(root: request.workDirectory),
        library: request.library,
        registry: ownRegistry ?? .standard,
        weights: request.weights
      )
      for event in engine.dataEvents { observers.tell(event) }
      for decision in engine.decisions { observers.tell(.message(decision.description)) }
      let folder = try await engine.beginSearch(
        fixedKeys: fixedKeys,
        modelDirectory: request.modelDirectory,
        allowsPartialWeights: request.weights.allowsPartialWeights
      )
      return (folder, request.library)
    }
  }
}
