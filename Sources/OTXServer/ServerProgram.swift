import Foundation
import OTXCore
import OTXInference
import Synchronization

/// A server as a program: it talks, and stops when it is asked to.
package enum ServerProgram {
  /// Serves until SIGINT or SIGTERM comes, or the task is cancelled; the second signal ends the process.
  ///
  /// - Parameters:
  ///   - server: What to serve.
  ///   - log: Gets what is worth telling people.
  /// - Throws: ``InferenceError/failed(_:)`` where it cannot listen.
  package static func run(
    _ server: ModelServer,
    log: @escaping @Sendable (String) -> Void
  ) async throws {
    let address = server.state.options.address
    let asked = StopFlag()
    let (stops, stop) = AsyncStream<Void>.makeStream()
    let watch = try SignalWatch([SIGINT, SIGTERM]) { _ in
      if asked.raise() { _exit(130) }
      log("stopping; requests that are under way are answered first")
      stop.yield()
    }
    defer { watch.end() }
    for model in server.state.models {
      let stages = model.description.stages
      let text = stages.map { "\($0.model) for \($0.title) (\($0.storage), in \($0.arithmetic))" }
      log("\(model.name): \(text.joined(separator: ", then "))")
    }
    if !address.isLoopback {
      log(
        "warning: \(address.host) can be reached from other machines, and whoever reaches it may use "
          + "it: there is no password and no encryption; put a proxy in front"
      )
    }
    let serving = Task {
      try await server.run { port in
        log("serving on \(address.link(port: port)) (Ctrl-C stops)")
      }
    }
    let listener = Task { for await _ in stops { serving.cancel() } }
    defer { listener.cancel() }
    try await withTaskCancellationHandler {
      try await serving.value
    } onCancel: {
      serving.cancel()
    }
  }

  private final class StopFlag: Sendable {
    private let raised = Atomic(false)
    /// - Returns: Whether it was raised before.
    func raise() -> Bool { raised.exchange(true, ordering: .relaxed) }
  }
}
