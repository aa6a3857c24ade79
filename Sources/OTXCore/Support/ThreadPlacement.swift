import Foundation
import Synchronization

/// Keeps threads that are started besides bound ones off their cores.
///
/// A new thread may run where the thread that starts it may: one that a bound thread starts would
/// share its core for ever, however many are idle.
package enum ThreadPlacement {
  /// Where other threads may run, once some threads are bound to cores; `nil`: none is.
  private static let free = Mutex<[Int]?>(nil)

  /// Says that threads of this process are bound to cores from now on.
  ///
  /// - Parameter processors: Where all other threads may run, as the system numbers them.
  package static func threadsAreBound(leaving processors: [Int]) {
    free.withLock { $0 = processors }
  }

  /// Lets the calling thread run on every core again, where the one that started it may be bound.
  static func releaseCurrentThread() {
    guard let processors = free.withLock({ $0 }), let last = processors.last else { return }
    var mask = [UInt8](repeating: 0, count: (last / 64 + 1) * 8)
    // The kernel's mask is of words; on machines that write the low byte first, so is one of bytes.
    for processor in processors { mask[processor / 8] |= 1 << (processor % 8) }
    // Glibc's function is an extension that Swift's module of it leaves out.
    typealias Function = @convention(c) (Int32, Int, UnsafeRawPointer) -> Int32
    guard let symbol = dlsym(nil, "sched_setaffinity") else { return }
    _ = unsafeBitCast(symbol, to: Function.self)(0, mask.count, mask)
  }
}
