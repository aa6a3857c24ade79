import NIOCore
import OTXCore
import Synchronization

/// The connections that are open: a limited number, of which those go first that ask for nothing.
final class ConnectionTable: Sendable {
  /// What a connection is doing.
  enum State: Equatable {
    /// Nothing, or sending a header.
    case waiting
    /// Sending a body.
    case sending
    /// Waiting for its answer.
    case asking
  }

  private struct Entry {
    var channel: any Channel
    var state = State.waiting
    var since: ContinuousClock.Instant
  }

  private let limit: Int
  private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

  init(limit: Int) { self.limit = limit }

  var count: Int { entries.withLock { $0.count } }

  /// Takes a connection in; where there are too many, one that waits since long is closed for it.
  ///
  /// - Returns: Whether it may stay.
  func add(_ channel: any Channel, now: ContinuousClock.Instant = .now) -> Bool {
    let (stays, closed) = entries.withLock { entries -> (Bool, (any Channel)?) in
      var closed: (any Channel)?
      if entries.count >= limit {
        guard let victim = Self.victim(of: entries, now) else { return (false, nil) }
        closed = entries.removeValue(forKey: victim)?.channel
      }
      entries[ObjectIdentifier(channel)] = Entry(channel: channel, since: now)
      return (true, closed)
    }
    closed?.close(promise: nil)
    return stays
  }

  /// The oldest that waits; else the oldest whose body takes more than a few seconds.
  private static func victim(
    of entries: [ObjectIdentifier: Entry],
    _ now: ContinuousClock.Instant
  ) -> ObjectIdentifier? {
    func oldest(_ state: State, olderThan age: Duration) -> ObjectIdentifier? {
      entries.filter { $0.value.state == state && now - $0.value.since >= age }
        .min { $0.value.since < $1.value.since }?.key
    }
    return oldest(.waiting, olderThan: .zero) ?? oldest(.sending, olderThan: .seconds(3))
  }

  func set(_ state: State, of channel: any Channel, now: ContinuousClock.Instant = .now) {
    entries.withLock { entries in
      entries[ObjectIdentifier(channel)]?.state = state
      entries[ObjectIdentifier(channel)]?.since = now
    }
  }

  func remove(_ channel: any Channel) {
    entries.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
  }
}
