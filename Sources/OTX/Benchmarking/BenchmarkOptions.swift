public import Foundation
public import OTXCore

/// How models are timed.
///
/// Every precision is combined with every number of threads and of streams.
public struct BenchmarkOptions: Codable, Sendable, Equatable {
  public var device = "auto"
  /// `auto`: the device's own (bf16 on a CPU with AMX).
  public var precisions: [Precision] = [.auto]
  /// 0: as many as the framework takes.
  public var threads = [0]
  /// Requests under way at once: 1 for the shortest latency; 0: as many as give the most pictures a
  /// second.
  public var streams = [1, 0]
  /// Pictures of a request.
  public var batchSize = 1
  /// Seconds that each turn is timed for, after a warm-up of a fifth of that.
  public var seconds = 2.0
  /// Turns of each combination; all combinations take theirs in rotation, so that what else the machine
  /// does hits all.
  public var turns = 3
  public init() {}

  /// - Throws: ``ConfigurationError/invalidValue(_:key:expected:source:)``.
  public func validate() throws {
    func fail(_ value: String, _ key: String, _ expected: String) -> ConfigurationError {
      .invalidValue(value, key: key, expected: expected, source: "benchmark")
    }
    for (key, counts) in [("threads", threads), ("streams", streams)] {
      guard !counts.isEmpty, counts.allSatisfy({ (0...1024).contains($0) }) else {
        throw fail("\(counts)", key, "whole numbers of 0 (automatic) to 1024")
      }
    }
    guard !precisions.isEmpty else {
      throw fail("nothing", "precision", "auto, fp32, bf16 or fp16")
    }
    guard (1...1024).contains(batchSize) else {
      throw fail("\(batchSize)", "batch-size", "1 to 1024")
    }
    guard seconds.isFinite, (0.01...3600).contains(seconds) else {
      throw fail("\(seconds)", "seconds", "0.01 to 3600")
    }
    guard (1...1000).contains(turns) else { throw fail("\(turns)", "turns", "1 to 1000") }
  }

  /// Every combination, in the order of the table.
  var combinations: [BenchmarkSetting] {
    precisions.flatMap { precision in
      threads.flatMap { threads in
        streams.map { BenchmarkSetting(precision: precision, threads: threads, streams: $0) }
      }
    }
  }
}

/// One way to run a model.
public struct BenchmarkSetting: Codable, Sendable, Hashable {
  public var precision: Precision
  public var threads: Int
  public var streams: Int

  public init(precision: Precision, threads: Int, streams: Int) {
    (self.precision, self.threads, self.streams) = (precision, threads, streams)
  }
}

/// What one model took, run in one way.
public struct BenchmarkRow: Codable, Sendable {
  /// The model's file.
  public var model: URL
  /// `openvino`, `torch`.
  public var backend: String
  /// What was asked for.
  public var setting: BenchmarkSetting
  /// What the framework did: its arithmetic (`f32`, `bf16`) and its threads.
  public var arithmetic: String
  public var threads: Int
  /// Requests that were under way at once.
  public var requestCount: Int
  public var batchSize: Int
  /// Seconds from the start of a request to its end, over all turns.
  public var latency: Percentiles
  /// The median of the turns.
  public var picturesPerSecond: Double
  /// The slowest and the quickest turn.
  public var slowestTurn: Double
  public var quickestTurn: Double
  /// Seconds until the model was ready.
  public var loadSeconds: Double
  /// The most memory of a process that did nothing else; `nil` where there was none of its own.
  public var peakMemoryBytes: Int?
  public var runCount: Int
  /// Bytes of the model's files.
  public var byteCount: Int
  /// Weights of convolutions and matrix products; `nil` where they cannot be counted (checkpoints).
  public var parameterCount: Int?
  /// Multiplications with additions for one picture, of convolutions and matrix products.
  public var multiplyAddCount: Int?
}

/// Where in a row of sorted values some stand.
public struct Percentiles: Codable, Sendable, Equatable {
  public var least: Double
  public var median: Double
  public var p90: Double
  public var p99: Double
  public var mean: Double

  /// - Parameter values: At least one, in any order. A percentile is the value that so many percent do
  ///   not exceed (nearest rank).
  public init(_ values: [Double]) {
    let sorted = values.sorted()
    func rank(_ share: Double) -> Double {
      guard !sorted.isEmpty else { return .nan }
      let index = Int((share * Double(sorted.count)).rounded(.up)) - 1
      return sorted[min(max(index, 0), sorted.count - 1)]
    }
    (least, median, p90, p99) = (sorted.first ?? .nan, rank(0.5), rank(0.9), rank(0.99))
    mean = sorted.reduce(0, +) / Double(sorted.count)
  }
}
