/// Finds a batch size that fits a memory, by trials.
///
/// The algorithms are those of OpenVINO Training eXtensions 2.x (`adaptive_bs`): `safe` takes the
/// given size or, where that is too large, the largest smaller one; `full` goes on to the largest
/// there is room for. Sizes beside the given one are even.
public struct BatchSizeSearch: Sendable, Equatable {
  /// What a trial of a batch size came to.
  public enum Outcome: Sendable, Equatable {
    case outOfMemory
    /// Bytes that it took at most.
    case bytes(Int)
  }

  /// One trial.
  public struct Attempt: Sendable, Equatable {
    public var batchSize: Int
    public var outcome: Outcome
  }

  /// What a search came to.
  public struct Result: Sendable, Equatable {
    public var batchSize: Int
    /// Whether a trial showed that it fits; else it is 1, for want of anything smaller.
    public var isTried: Bool
    /// All trials, in order.
    public var attempts: [Attempt]
  }

  /// The bytes there are.
  public let memory: Int
  /// The largest batch size of use: all pictures at once.
  public let largest: Int

  /// The shares of the memory that a batch should take at least and may take at most.
  private static let (least, most) = (0.75, 0.9)
  /// The share that a large batch is first aimed at, and what it loses when memory ran out.
  private static let (aim, aimLoss) = (0.82, 0.1)
  /// A search that has not ended by then goes round in circles.
  private static let attemptLimit = 24

  public init(memory: Int, largest: Int) {
    self.memory = max(memory, 1)
    self.largest = max(largest, 1)
  }

  /// The given batch size where it fits, else the largest smaller one, by halving.
  ///
  /// - Parameters:
  ///   - given: The batch size that is wanted.
  ///   - trial: Tries a batch size for some steps.
  /// - Returns: The size, and how it was found.
  /// - Throws: What `trial` throws.
  public func safe(
    from given: Int,
    trial: (_ batchSize: Int) async throws -> Outcome
  ) async throws -> Result {
    var attempts: [Attempt] = []
    return try await decrease(from: given, tooLarge: given + 2, &attempts, trial)
  }

  /// The largest batch size there is room for, by a line through the trials so far.
  ///
  /// - Parameters:
  ///   - given: The batch size to begin with.
  ///   - trial: Tries a batch size for some steps.
  /// - Returns: The size, and how it was found.
  /// - Throws: What `trial` throws.
  public func full(
    from given: Int,
    trial: (_ batchSize: Int) async throws -> Outcome
  ) async throws -> Result {
    var attempts: [Attempt] = []
    let first = min(given, largest)
    guard try await fits(first, &attempts, trial) else {
      return try await decrease(from: first - 2, tooLarge: first, &attempts, trial)
    }
    guard first + 2 <= largest, try await fits(first + 2, &attempts, trial) else {
      return Result(batchSize: first, isTried: true, attempts: attempts)
    }
    var aim = BatchSizeSearch.aim
    while attempts.count < BatchSizeSearch.attemptLimit, !isFilled(attempts) {
      let next = usable(estimate(attempts, aim: aim))
      guard !attempts.contains(where: { $0.batchSize == next }) else { break }
      if try await !fits(next, &attempts, trial), attempts.last?.outcome == .outOfMemory {
        aim -= BatchSizeSearch.aimLoss
        if aim <= 0 { break }
      }
    }
    let best = attempts.filter { isFitting($0.outcome) }.map(\.batchSize).max() ?? first
    return Result(batchSize: best, isTried: true, attempts: attempts)
  }

  /// Between what fits and what is too large, until nothing even lies between.
  private func decrease(
    from given: Int,
    tooLarge: Int,
    _ attempts: inout [Attempt],
    _ trial: (Int) async throws -> Outcome
  ) async throws -> Result {
    var (fitting, tooLarge, current) = (0, tooLarge, max(given, 1))
    while tooLarge - fitting > 2, attempts.count < BatchSizeSearch.attemptLimit {
      if try await fits(current, &attempts, trial) {
        fitting = current
      } else {
        tooLarge = current
      }
      current = BatchSizeSearch.evenMiddle(fitting, tooLarge)
    }
    return Result(batchSize: max(fitting, 1), isTried: fitting > 0, attempts: attempts)
  }

  private func fits(
    _ batchSize: Int,
    _ attempts: inout [Attempt],
    _ trial: (Int) async throws -> Outcome
  ) async throws -> Bool {
    let outcome = try await trial(batchSize)
    attempts.append(Attempt(batchSize: batchSize, outcome: outcome))
    return isFitting(outcome)
  }

  private func isFitting(_ outcome: Outcome) -> Bool {
    guard case .bytes(let count) = outcome else { return false }
    return Double(count) <= BatchSizeSearch.most * Double(memory)
  }

  /// Whether the newest trial took as much as a batch should.
  private func isFilled(_ attempts: [Attempt]) -> Bool {
    guard let last = attempts.last, isFitting(last.outcome), case .bytes(let count) = last.outcome
    else { return false }
    return Double(count) >= BatchSizeSearch.least * Double(memory) || last.batchSize >= largest
  }

  /// The batch size at which a line through two trials reaches `aim`.
  private func estimate(_ attempts: [Attempt], aim: Double) -> Int {
    let known = attempts.compactMap { attempt -> (size: Double, bytes: Double)? in
      guard case .bytes(let count) = attempt.outcome else { return nil }
      return (Double(attempt.batchSize), Double(count))
    }
    // The two whose memory lies closest to what is aimed at say most of what is there.
    let target = aim * Double(memory)
    let near = known.sorted { abs($0.bytes - target) < abs($1.bytes - target) }
    guard let one = near.first, let other = near.dropFirst().first(where: { $0.size != one.size })
    else { return attempts.last?.batchSize ?? 1 }
    let slope = (one.bytes - other.bytes) / (one.size - other.size)
    // Memory that does not grow with the batch sets no limit.
    guard slope > 0 else { return largest }
    let size = 2 * ((target - one.bytes) / slope / 2 + one.size / 2).rounded()
    return Int(min(max(size, 2), Double(largest)))
  }

  /// No batch that leaves less than half of one behind at the end of an epoch.
  private func usable(_ batchSize: Int) -> Int {
    let size = min(max(batchSize, 1), largest)
    return size > largest / 2 && size < largest ? max(largest / 2, 1) : size
  }

  /// An even number strictly between, as near to the middle as there is one.
  private static func evenMiddle(_ low: Int, _ high: Int) -> Int {
    let middle = 2 * Int((Double(low + high) / 4).rounded())
    if middle >= high { return middle - 2 }
    return middle <= low ? middle + 2 : middle
  }
}
