import Foundation
import OTXCore
import Synchronization

/// Threads of our own for work on many files: never the cooperative pool.
enum WorkerThreads {
  /// The machine's cores.
  static var coreCount: Int { Processor.current.coreCount }

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
    // Helpers count once they run: where the system gives no more threads, nobody waits for them;
    // one that comes late finds nothing left to do.
    let helpers = RunningCount()
    for _ in 0..<helperCount {
      Thread.detachNewThread {
        helpers.begin()
        work()
        helpers.end()
      }
    }
    work()
    helpers.wait()
  }

  /// How many helpers are at work.
  private final class RunningCount: @unchecked Sendable {
    // Guarded by `condition`, hence the unchecked conformance.
    private let condition = NSCondition()
    private var count = 0

    func begin() { condition.withLock { count += 1 } }

    func end() {
      condition.withLock {
        count -= 1
        condition.broadcast()
      }
    }

    func wait() { condition.withLock { while count > 0 { condition.wait() } } }
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
