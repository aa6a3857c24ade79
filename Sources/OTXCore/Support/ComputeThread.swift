import Foundation

/// One operating-system thread that runs an engine's work, one job after the other.
///
/// libtorch keeps gradient mode, autocast and the OpenMP pool per thread, so everything that
/// touches a tensor of one engine runs here; the thread's stack is large enough for deep graphs.
package final class ComputeThread: SerialExecutor {
  private let queue: Queue

  /// - Throws: ``SystemThread/Refusal``.
  package init(name: String) throws {
    let queue = Queue()
    self.queue = queue
    try SystemThread.start(name: name, stackSize: 16 << 20) { queue.run() }
  }

  deinit { queue.stop() }

  package func enqueue(_ job: consuming ExecutorJob) {
    queue.add(Work(job: UnownedJob(job), executor: asUnownedSerialExecutor()))
  }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }
}

/// A job and the executor it is to believe it runs on.
private struct Work {
  let job: UnownedJob
  let executor: UnownedSerialExecutor
}

/// What the thread and its owner share; the thread does not keep its owner alive.
private final class Queue: @unchecked Sendable {
  // Guarded by `condition`, hence the unchecked conformance.
  private let condition = NSCondition()
  private var waiting: [Work] = []
  private var isStopped = false

  func add(_ work: Work) {
    condition.lock()
    waiting.append(work)
    condition.signal()
    condition.unlock()
  }

  func stop() {
    condition.lock()
    isStopped = true
    condition.signal()
    condition.unlock()
  }

  func run() {
    while let work = next() { work.job.runSynchronously(on: work.executor) }
  }

  private func next() -> Work? {
    condition.lock()
    defer { condition.unlock() }
    while waiting.isEmpty && !isStopped { condition.wait() }
    return waiting.isEmpty ? nil : waiting.removeFirst()
  }
}
