package import Foundation
package import OTXCore

/// How long a model takes on this machine.
package struct LatencyMeter {
  private let model: OpenVINOModel
  private let picture: ImageBatch

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
    var generator = CounterGenerator(seed: 0, 1)
    var image = Image(size: preprocessing.inputSize)
    for index in image.pixels.indices { image.pixels[index] = UInt8(generator.next() & 255) }
    picture = try ImageBatch(stacking: [image])
  }

  /// The arithmetic that the model was compiled for: `f32`, `bf16`.
  package var arithmetic: String { (try? model.property("INFERENCE_PRECISION_HINT")) ?? "" }

  /// Seconds of one run.
  package func run() throws -> Double {
    let start = ContinuousClock.now
    _ = try model.outputs(for: picture)
    return (ContinuousClock.now - start) / .seconds(1)
  }

  /// Median milliseconds of `meters`, run in turns so that what else the machine does hits all.
  ///
  /// - Parameters:
  ///   - meters: What to measure.
  ///   - seconds: How long to measure, for all together.
  /// - Returns: One for each.
  /// - Throws: ``OpenVINOError``.
  package static func medians(_ meters: [LatencyMeter], seconds: Double = 3) throws -> [Double] {
    for meter in meters { for _ in 0..<2 { _ = try meter.run() } }
    var times = [[Double]](repeating: [], count: meters.count)
    let start = ContinuousClock.now
    repeat {
      for (index, meter) in meters.enumerated() { times[index].append(try meter.run()) }
    } while times[0].count < 5 || (ContinuousClock.now - start) / .seconds(1) < seconds
    return times.map { $0.sorted()[$0.count / 2] * 1000 }
  }
}
