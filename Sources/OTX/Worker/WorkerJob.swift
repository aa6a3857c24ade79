/// Work that a child process does for this one: what may be killed for its memory, hang or crash
/// harms nobody else there.
///
/// Everything that goes in and out are values; the list of jobs is ``WorkerJobs/all``.
package protocol WorkerJob: SendableMetatype {
  associatedtype Input: Codable & Sendable
  /// News while it runs.
  associatedtype Message: Codable & Sendable
  associatedtype Output: Codable & Sendable

  /// What the child is told to do.
  static var name: String { get }

  /// Does the work; ends early, with everything saved, where its task is cancelled.
  ///
  /// - Parameters:
  ///   - input: What to do.
  ///   - tell: Takes news, on any thread.
  /// - Returns: The result.
  /// - Throws: Anything; the parent gets its words.
  static func run(
    _ input: Input,
    tell: @escaping @Sendable (Message) -> Void
  ) async throws -> Output
}

/// The jobs a child process knows.
enum WorkerJobs {
  static let all: [any WorkerJob.Type] = [
    ProbeJob.self, TrialJob.self, BatchSizeJob.self, BenchmarkJob.self,
  ]

  static func named(_ name: String) -> (any WorkerJob.Type)? { all.first { $0.name == name } }
}

/// Shows that child processes work, and what becomes of those that do not.
package enum ProbeJob: WorkerJob {
  package enum Action: String, Codable, Sendable {
    /// Answers with its input.
    case echo
    /// Throws.
    case fail
    /// Ends without an answer.
    case quit
    /// Ends as a crash does.
    case crash
    /// Waits until it is cancelled, and answers then.
    case wait
    /// Waits, and cannot be cancelled.
    case hang
  }

  package struct Input: Codable, Sendable {
    package var action: Action
    package var text: String
    package init(_ action: Action, _ text: String = "") {
      (self.action, self.text) = (action, text)
    }
  }

  package static let name = "probe"

  package static func run(
    _ input: Input,
    tell: @escaping @Sendable (String) -> Void
  ) async throws -> String {
    // Seen in the log, never taken for a message.
    print("probing")
    tell(input.text)
    switch input.action {
    case .echo: return input.text
    case .fail: throw ProbeFailure(text: input.text)
    case .quit: WorkerEntry.quit(3)
    case .crash: WorkerEntry.crash()
    case .wait:
      try? await Task.sleep(for: .seconds(3600))
      return "cancelled"
    case .hang:
      while true { try? await Task.sleep(for: .milliseconds(50)) }
    }
  }

  private struct ProbeFailure: Error, CustomStringConvertible {
    var text: String
    var description: String { "failed as asked: \(text)" }
  }
}
