import Foundation
import Synchronization

/// Threads of our own for work on many files: never the cooperative pool.
enum WorkerThreads {
  /// The machine's cores.
  static var coreCount: Int { max(ProcessInfo.processInfo.activeProcessorCount, 1) }

  /// Runs `body` for every index, on the calling thread and `threadCount - 1` others; waits.
  static func forEach(
    _ count: Int,
    threadCount: Int = coreCount,
    _ body: @escaping @Sendable (Int) -> Void
  ) {
    // Threads cost more than a few headers do.
    let helperCount = min(threadCount, count / 16) - 1
    let next = NextIndex()
    @Sendable func work() {
      while true {
        let index = next.take()
        guard index < count else { return }
        body(index)
      }
    }
    guard helperCount > 0 else { return work() }
    let finished = DispatchSemaphore(value: 0)
    for _ in 0..<helperCount {
      Thread.detachNewThread {
        work()
        finished.signal()
      }
    }
    work()
    for _ in 0..<helperCount { finished.wait() }
  }

  private final class NextIndex: Sendable {
    private let value = Atomic<Int>(0)
    func take() -> Int { value.add(1, ordering: .relaxed).oldValue }
  }
}

/// Results of parallel work, one for each index; each index is written by one thread.
final class ParallelResults<Element: Sendable>: Sendable {
  private let values: Mutex<[Element?]>
  init(count: Int) { values = Mutex([Element?](repeating: nil, count: count)) }
  func set(_ index: Int, _ value: Element) { values.withLock { $0[index] = value } }
  var all: [Element?] { values.withLock { $0 } }
}
