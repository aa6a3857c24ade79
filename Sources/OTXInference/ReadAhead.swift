import Foundation
import OTXCore

/// Does work ahead on a thread of its own: a few results wait for whoever takes them.
final class ReadAhead<Element: Sendable>: @unchecked Sendable {
  // Guarded by `condition`, hence the unchecked conformance.
  private let condition = NSCondition()
  private var ready: [Element] = []
  private var failure: (any Error)?
  private var isAtEnd = false
  private var isStopped = false

  /// - Parameters:
  ///   - capacity: How many results may wait; the thread rests then.
  ///   - body: Makes the next one; `nil` after the last. Called on the thread only.
  /// - Throws: ``SystemThread/Refusal``.
  init(capacity: Int, _ body: @escaping @Sendable () throws -> Element?) throws {
    try SystemThread.start(name: "otx.frames", stackSize: 8 << 20) { [weak self] in
      while true {
        let result = Result { try body() }
        guard let self, self.add(result, capacity: capacity) else { return }
      }
    }
  }

  /// - Returns: Whether to go on.
  private func add(_ result: Result<Element?, any Error>, capacity: Int) -> Bool {
    condition.withLock {
      defer { condition.broadcast() }
      switch result {
      case .success(let element?): ready.append(element)
      case .success(nil): isAtEnd = true
      case .failure(let error):
        failure = error
        isAtEnd = true
      }
      while ready.count >= capacity, !isStopped { condition.wait() }
      return !isStopped && !isAtEnd
    }
  }

  /// The next result; waits for it.
  func next() throws -> Element? {
    try condition.withLock {
      while ready.isEmpty, !isAtEnd { condition.wait() }
      defer { condition.broadcast() }
      if !ready.isEmpty { return ready.removeFirst() }
      if let failure { throw failure }
      return nil
    }
  }

  /// Lets the thread end after what it is doing.
  func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
    }
  }
}
