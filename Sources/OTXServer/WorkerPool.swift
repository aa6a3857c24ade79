import Foundation
import HTTPTypes
import OTXCore
import Synchronization

/// Threads that do the heavy work, so that the threads of the network never wait; and a short queue.
///
/// Each thread has a context of its own, which no other thread touches.
final class WorkerPool<Context>: @unchecked Sendable {
  // Guarded by `condition`, hence the unchecked conformance.
  private let condition = NSCondition()
  private var waiting: [@Sendable (Context) -> Void] = []
  private var running = 0
  private var isStopped = false
  private let limit: Int

  /// - Parameters:
  ///   - contexts: One for each thread.
  ///   - waitingLimit: Work that may wait while all threads are busy.
  /// - Throws: ``SystemThread/Refusal``.
  init(_ contexts: [Context], waitingLimit: Int) throws {
    (limit, threadCount) = (waitingLimit, contexts.count)
    for context in contexts {
      let owned = OwnedContext(value: context)
      try SystemThread.start(name: "otx.predict", stackSize: 8 << 20) { [self] in
        while let work = next() {
          work(owned.value)
          condition.withLock { running -= 1 }
        }
      }
    }
  }

  /// Handed to one thread, which alone uses it from then on.
  private struct OwnedContext: @unchecked Sendable { let value: Context }

  let threadCount: Int

  /// What waits, and what is being worked on.
  var load: (waiting: Int, running: Int) {
    condition.withLock { (waiting.count, running) }
  }

  var isFull: Bool { condition.withLock { isStopped || waiting.count >= limit } }

  /// Does work on one of the threads.
  ///
  /// - Returns: What it gave, and the seconds it waited for a thread.
  /// - Throws: ``Problem`` when too much waits already; what `body` throws.
  func run<Result: Sendable>(
    _ body: @escaping @Sendable (Context) throws -> Result
  ) async throws -> (result: Result, waited: Double) {
    let asked = ContinuousClock.now
    return try await withCheckedThrowingContinuation { continuation in
      let isAccepted = condition.withLock {
        guard !isStopped, waiting.count < limit + threadCount - running else {
          return false
        }
        waiting.append { context in
          let waited = (ContinuousClock.now - asked) / .seconds(1)
          continuation.resume(with: Swift.Result { (try body(context), waited) })
        }
        condition.signal()
        return true
      }
      if !isAccepted { continuation.resume(throwing: Self.busy) }
    }
  }

  static var busy: Problem {
    Problem(
      .serviceUnavailable,
      .busy,
      "more predictions wait than are taken on; ask again in a second",
      retryAfter: 1
    )
  }

  private func next() -> (@Sendable (Context) -> Void)? {
    condition.withLock {
      while waiting.isEmpty, !isStopped { condition.wait() }
      guard !waiting.isEmpty else { return nil }
      running += 1
      return waiting.removeFirst()
    }
  }

  /// Lets the threads end after what waits.
  func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
    }
  }
}

/// Bytes of bodies that are held at once.
final class UploadBudget: Sendable {
  private let limit: Int
  private let held = Mutex(0)

  init(_ limit: Int) { self.limit = limit }

  /// - Returns: Whether so many more may be held.
  func take(_ count: Int) -> Bool {
    held.withLock { held in
      guard held + count <= limit else { return false }
      held += count
      return true
    }
  }

  func giveBack(_ count: Int) { held.withLock { $0 -= count } }
  var heldCount: Int { held.withLock { $0 } }
}
