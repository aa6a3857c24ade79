import OTXCore
import Synchronization

/// How often each client may ask: a bucket that fills with the rate and holds a second's worth.
final class RateLimiter: Sendable {
  private struct Bucket {
    var tokens: Double
    var filled: ContinuousClock.Instant
  }

  private let rate: Double
  private let capacity: Double
  private let clientLimit: Int
  private let buckets = Mutex<[String: Bucket]>([:])

  /// - Parameters:
  ///   - rate: Requests a second; 0: no limit.
  ///   - clientLimit: Clients that are remembered: addresses can be made up.
  init(rate: Double, clientLimit: Int = 10_000) {
    (self.rate, self.clientLimit) = (rate, clientLimit)
    capacity = max(rate, 1)
  }

  /// - Returns: `nil` for a request that may pass, else the seconds until one may.
  func wait(for client: String, at now: ContinuousClock.Instant = .now) -> Double? {
    guard rate > 0 else { return nil }
    return buckets.withLock { buckets -> Double? in
      var bucket = buckets[client] ?? Bucket(tokens: capacity, filled: now)
      fill(&bucket, now)
      defer {
        if buckets[client] == nil, buckets.count >= clientLimit { forget(&buckets, now) }
        buckets[client] = bucket
      }
      guard bucket.tokens >= 1 else { return (1 - bucket.tokens) / rate }
      bucket.tokens -= 1
      return nil
    }
  }

  private func fill(_ bucket: inout Bucket, _ now: ContinuousClock.Instant) {
    let seconds = max((now - bucket.filled) / .seconds(1), 0)
    bucket.tokens = min(bucket.tokens + seconds * rate, capacity)
    bucket.filled = now
  }

  /// Forgets whoever has a full bucket; if all have asked just now, half of them.
  private func forget(_ buckets: inout [String: Bucket], _ now: ContinuousClock.Instant) {
    buckets = buckets.filter { _, bucket in
      var bucket = bucket
      fill(&bucket, now)
      return bucket.tokens < capacity
    }
    if buckets.count >= clientLimit {
      for key in buckets.keys.prefix(clientLimit / 2) { buckets[key] = nil }
    }
  }

  var clientCount: Int { buckets.withLock { $0.count } }
}
