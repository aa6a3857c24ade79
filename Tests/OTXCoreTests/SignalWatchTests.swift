import Foundation
import OTXCore
import Testing

@Suite("Signals", .serialized) struct SignalWatchTests {
  @Test("a signal that is sent as soon as the watch stands is heard, and so is each after it")
  func atOnce() async throws {
    let (signals, heard) = AsyncStream<Int32>.makeStream()
    for _ in 0..<50 {
      let watch = try SignalWatch([SIGUSR1, SIGUSR2]) { heard.yield($0) }
      kill(getpid(), SIGUSR1)
      var numbers = signals.makeAsyncIterator()
      #expect(await numbers.next() == SIGUSR1)
      kill(getpid(), SIGUSR2)
      #expect(await numbers.next() == SIGUSR2)
      watch.end()
    }
  }

  @Test("a signal that was ignored before is ignored again when the watch ends")
  func given() async throws {
    let before = signal(SIGUSR2, SIG_IGN)
    defer { signal(SIGUSR2, before) }
    let (signals, heard) = AsyncStream<Int32>.makeStream()
    let watch = try SignalWatch([SIGUSR2]) { heard.yield($0) }
    watch.end()
    // It would end this process were it not ignored, and be the first that is heard were it watched.
    kill(getpid(), SIGUSR2)
    let next = try SignalWatch([SIGUSR1]) { heard.yield($0) }
    kill(getpid(), SIGUSR1)
    var numbers = signals.makeAsyncIterator()
    #expect(await numbers.next() == SIGUSR1)
    next.end()
  }
}
