package import Foundation
package import OTXCore

/// How long a model takes on this machine.
package struct LatencyMeter {
  private let model: OpenVINOModel
  private let input: ArrayBuffer

  /// Compiles `url` for one picture at a time.
  ///
  /// - Parameters:
  ///   - url: The `.xml`.
  ///   - preprocessing: What its pictures are like.
  ///   - precision: The arithmetic; `auto`: the device's own.
  ///   - threads: 0: as many as OpenVINO takes.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``, ``OpenVINOError``.
  package init(
    _ url: URL,
    preprocessing: Preprocessing,
    precision: Precision,
    threads: Int = 0
  ) throws {
    var options = OpenVINOModel.Options()
    options.precision = precision
    options.threads = threads
    model = try OpenVINOModel(reading: url, preprocessing: preprocessing, options: options)
    let picture = try ImageBatch(stacking: [.noise(preprocessing.inputSize, seed: 1)])
    input = picture.array
  }

  /// The arithmetic that the model was compiled for: `f32`, `bf16`.
  package var arithmetic: String { (try? model.property("INFERENCE_PRECISION_HINT")) ?? "" }

  /// Milliseconds of `meters`, the median of turns so that what else the machine does hits all.
  ///
  /// - Parameters:
  ///   - meters: What to measure.
  ///   - seconds: How long to measure, for all together.
  /// - Returns: One for each.
  /// - Throws: ``OpenVINOError``.
  package static func medians(_ meters: [LatencyMeter], seconds: Double = 3) throws -> [Double] {
    // The quickest of a turn's runs: what another program interrupts says nothing of the model.
    func run(_ meter: LatencyMeter) throws -> Double {
      try meter.model.timed([meter.input], requestCount: 1, seconds: 0).latencies.min() ?? .nan
    }
    for meter in meters { _ = try run(meter) }
    var times = [[Double]](repeating: [], count: meters.count)
    let start = ContinuousClock.now
    repeat {
      for (index, meter) in meters.enumerated() { times[index].append(try run(meter)) }
    } while times[0].count < 6 || (ContinuousClock.now - start) / .seconds(1) < seconds
    return times.map { $0.sorted()[$0.count / 2] * 1000 }
  }
}
