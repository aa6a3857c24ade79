import Foundation
import OTXCore
import OTXOpenVINO

extension OptimizationJob {
  /// Leaves layers in real numbers that whole ones make slower here, if that makes the model quicker.
  func keepSpeed(_ work: inout QuantizedModel, into result: inout OptimizationResult) async throws {
    let native = try meter(source, .auto)
    let quantized = try meter(work.xml, .auto)
    let times = try LatencyMeter.medians([native, quantized], seconds: 2)
    // Whoever gains a third has nothing to win here.
    guard times[1] > 0.66 * times[0] else { return }
    let slow = try work.quantizer.slowLayers()
    guard !slow.isEmpty else { return }
    let folder = work.xml.deletingLastPathComponent()
    var best: (layers: Layers, time: Double) = ([], times[1])
    for share in [1.0, 0.5, 0.25] {
      try Task.checkCancellation()
      let count = max(Int((Double(slow.count) * share).rounded(.up)), 1)
      let layers = Set(slow.prefix(count))
      var trial = QuantizedModel(
        quantizer: work.quantizer,
        xml: folder.appending(path: "trial.xml"),
        leftOut: layers
      )
      guard !work.quantizer.quantizedLayers(without: layers).isEmpty else { continue }
      try await calibrate(work.quantizer, without: [layers])
      try write(&trial)
      defer {
        try? FileManager.default.removeItem(at: trial.xml)
        try? FileManager.default.removeItem(at: folder.appending(path: "trial.bin"))
      }
      let pair = try LatencyMeter.medians([quantized, try meter(trial.xml, .auto)], seconds: 2)
      // In the same turns: the ratio holds whatever else the machine does.
      let time = times[1] * pair[1] / pair[0]
      if time < 0.98 * best.time { best = (layers, time) }
    }
    guard !best.layers.isEmpty else { return }
    work.leftOut = best.layers
    try write(&work)
    result.revertedForSpeed = slow.filter(best.layers.contains).map(\.name)
    observers.tell(
      .message(
        "left in real numbers for speed (\(String(format: "%.2f", times[1])) ms became \(String(format: "%.2f", best.time)) ms): \(result.revertedForSpeed.joined(separator: ", "))"
      )
    )
  }

  private func meter(_ url: URL, _ precision: Precision) throws -> LatencyMeter {
    try LatencyMeter(
      url,
      preprocessing: info.preprocessing,
      precision: precision,
      threads: options.threads
    )
  }

  /// Measures the model as it was and as it is now.
  func measureLatencies(_ result: inout OptimizationResult) throws {
    var names = ["fp32", "int8"]
    var meters = [try meter(source, .fp32), try meter(result.model.xml, .auto)]
    let native = try meter(source, .auto)
    if native.arithmetic != "f32" {
      names.append(native.arithmetic == "f16" ? "fp16" : native.arithmetic)
      meters.append(native)
    }
    let medians = try LatencyMeter.medians(meters)
    result.latencies = zip(names, medians).map { ModelLatency(name: $0, milliseconds: $1) }
    guard let own = result.latency("int8"),
      let best = result.latencies.filter({ $0.name != "int8" }).min(by: {
        $0.milliseconds < $1.milliseconds
      }), best.milliseconds < own
    else { return }
    result.notes.append(
      String(
        format:
          "on this machine the model as it was is quicker in %@ (%.2f ms) than quantised (%.2f ms)",
        best.name,
        best.milliseconds,
        own
      )
    )
  }
}
