import Foundation
import Synchronization

/// Hears of signals that the system sends to this process, from the moment it is made.
///
/// Of a dispatch source nobody knows when it begins to hear, and what comes before is lost. Here the
/// handler stands when `init` returns: it writes the signal's number to a pipe, and a thread of its own
/// reads them. A program that this one starts is not told to ignore the signals, as it would be where
/// they were ignored to be heard by a dispatch source.
package final class SignalWatch: Sendable {
  // What each signal did before: the handler's address. As an optional function, `SIG_IGN` (1) would be
  // taken for the end of a list by the iterator of one.
  private let former: [(number: Int32, handler: Int)]

  // What the handler writes to. One pipe serves the whole process: a handler has no context.
  private nonisolated(unsafe) static var input: Int32 = -1
  private static let observers = Mutex<[Int32: @Sendable (Int32) -> Void]>([:])

  /// Made once, by whoever watches first.
  private static let opened: Result<Void, any Error> = Result {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EMFILE) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // A handler never waits: of thousands of signals nobody has read, one more tells nothing new.
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    input = ends[1]
    let output = ends[0]
    try SystemThread.start(name: "otx-signals") {
      var number: UInt8 = 0
      while true {
        let count = read(output, &number, 1)
        if count < 0, errno == EINTR { continue }
        guard count == 1 else { return }
        let signal = Int32(number)
        observers.withLock { $0[signal] }?(signal)
      }
    }
  }

  /// - Parameters:
  ///   - numbers: The signals, such as `SIGINT`; one that is watched already is heard by the new watch.
  ///   - observe: Gets each signal's number, on a thread of its own.
  /// - Throws: The system's reason where it gives no pipe or no thread.
  package init(_ numbers: [Int32], _ observe: @escaping @Sendable (Int32) -> Void) throws {
    try SignalWatch.opened.get()
    SignalWatch.observers.withLock { observers in
      for number in numbers { observers[number] = observe }
    }
    former = numbers.map { number in
      let handler = signal(number) { number in
        let code = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(SignalWatch.input, &byte, 1)
        errno = code
      }
      return (number, unsafeBitCast(handler, to: Int.self))
    }
  }

  /// Gives the signals back to whom they belonged.
  package func end() {
    for (number, handler) in former {
      signal(number, unsafeBitCast(handler, to: sighandler_t?.self))
    }
    SignalWatch.observers.withLock { observers in
      for (number, _) in former { observers[number] = nil }
    }
  }
}
