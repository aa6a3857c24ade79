package import OTXCore

extension OpenVINOModel {
  /// What many runs took.
  package struct Timing: Sendable {
    /// Seconds from each run's start to its end.
    package var latencies: [Double]
    /// Seconds from the first start to the last end.
    package var elapsed: Double
  }

  /// Requests at once that give the most pictures a second.
  package var bestRequestCount: Int {
    max((try? property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")).flatMap { Int($0) } ?? 1, 1)
  }

  /// Runs the model on the same inputs again and again.
  ///
  /// - Parameters:
  ///   - arrays: One an input.
  ///   - requestCount: Runs that are under way at once.
  ///   - seconds: No run starts later; at least three are made.
  /// - Returns: What each run took, and all together.
  /// - Throws: ``OpenVINOError``; nothing runs on then.
  package func timed(
    _ arrays: [ArrayBuffer],
    requestCount: Int,
    seconds: Double
  ) throws -> Timing {
    let requests = try (0..<max(requestCount, 1)).map { try request($0) }
    for request in requests { try set(arrays, of: request) }
    var started = [ContinuousClock.Instant?](repeating: nil, count: requests.count)
    var timing = Timing(latencies: [], elapsed: 0)
    defer {
      // After an error: nothing may run on into memory that is gone.
      for (request, start) in zip(requests, started) where start != nil { try? request.wait() }
    }
    let begin = ContinuousClock.now
    func finish(_ index: Int) throws {
      guard let start = started[index] else { return }
      started[index] = nil
      try requests[index].wait()
      timing.latencies.append((ContinuousClock.now - start) / .seconds(1))
    }
    var index = 0
    while true {
      try finish(index)
      let now = ContinuousClock.now
      let running = started.count { $0 != nil }
      guard (now - begin) / .seconds(1) < seconds || timing.latencies.count + running < 3 else {
        break
      }
      started[index] = now
      try requests[index].start()
      index = (index + 1) % requests.count
    }
    for next in requests.indices { try finish((index + next) % requests.count) }
    timing.elapsed = (ContinuousClock.now - begin) / .seconds(1)
    return timing
  }
}
