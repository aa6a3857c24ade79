public import Foundation
public import OTXCore
import OTXData
import OTXOpenVINO

/// How a model is exported.
public struct ExportOptions: Codable, Sendable, Equatable {
  /// Weights as fp16 in the file; arithmetic is the device's either way.
  public var halfPrecision = false
  /// The most that raw outputs may differ from the checkpoint's, relative to their largest.
  public var tolerance = 1e-4
  /// The most that the score may differ.
  public var metricTolerance = 1e-3
  /// Pictures the score is compared on, where there is data.
  public var sampleCount = 64
  public init() {}
}

/// An exported model and the proof that it is the trained one.
public struct ExportResult: Codable, Sendable {
  public var model: ExportedModel
  public var parity: ParityReport
}

extension TaskEngine {
  /// Writes the model as OpenVINO IR into `directory`, once it is shown to be the same model.
  ///
  /// The graph before non-maximum suppression is run by both frameworks at batch 1 and 3 in fp32
  /// and must agree within `options.tolerance`; then the written file itself is loaded and its
  /// score compared with the checkpoint's on samples of the data. That takes seconds, which are not
  /// the calling actor's.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when they disagree; then `directory` is left as it
  ///   was. ``EngineError/jobNotSupported(_:by:)`` when the framework cannot record graphs.
  @concurrent
  public func export(to directory: URL, options: ExportOptions) async throws -> ExportResult {
    guard let recorder = sub as? any GraphRecordingEngine<Kind> else {
      throw EngineError.jobNotSupported("export", by: backend)
    }
    let info = await sub.info
    try Folder.make(directory)
    let aside = directory.appending(path: ".export-\(getpid())", directoryHint: .isDirectory)
    try Folder.make(aside)
    defer { try? FileManager.default.removeItem(at: aside) }

    var parity = try await compareRawOutputs(recorder, info: info)
    guard parity.maxRelativeDifference <= options.tolerance else {
      throw ModelError.exportFailed(
        "the OpenVINO model's outputs differ from the checkpoint's by \(parity.maxRelativeDifference) (relative; allowed \(options.tolerance))"
      )
    }
    try Task.checkCancellation()
    var exported = try OpenVINOExporter().export(
      graph: try await recorder.recordGraph(),
      info: info,
      to: aside,
      halfPrecision: options.halfPrecision
    )
    try Task.checkCancellation()
    try await compareScores(of: exported, into: &parity, options: options)
    try Task.checkCancellation()
    try AtomicFile.write(
      try JSONEncoder.pretty.encode(parity),
      to: aside.appending(path: "parity.json")
    )
    exported = try exported.moved(from: aside, to: directory)
    return ExportResult(model: exported, parity: parity)
  }

  /// Runs the same pictures through both frameworks, at two batch sizes.
  private func compareRawOutputs(
    _ recorder: any GraphRecordingEngine<Kind>,
    info: ModelInfo
  ) async throws -> ParityReport {
    let graph = try await recorder.recordRawGraph()
    let compiled = try OpenVINOModel(compiling: graph, info: info)
    let native = try OpenVINOModel(compiling: graph, info: info, precision: .auto)
    var report = ParityReport()
    let pictures = try samplePictures(info: info, count: 3)
    for count in [1, 3] {
      let batch = try Kind.Batch(collating: Array(pictures.prefix(count)))
      let expected = try await recorder.rawOutputs(batch)
      try report.compare(try compiled.outputs(for: batch.images), with: expected)
      try report.compareDeviceDefault(try native.outputs(for: batch.images), with: expected)
    }
    return report
  }

  /// Pictures to compare frameworks on: of the dataset where there is one, else drawn by a formula.
  private func samplePictures(info: ModelInfo, count: Int) throws -> [Kind.Entity] {
    let size = info.preprocessing.inputSize
    return (0..<count).map { index in
      var generator = CounterGenerator(seed: 0, UInt64(index))
      var image = Image(size: size)
      // Smooth gradients with noise: every level of a network has something to see.
      let phase = Double(generator.next() % 628) / 100
      for row in 0..<size.height {
        for column in 0..<size.width {
          let wave = sin(Double(row) / 17 + phase) + cos(Double(column) / 23 - phase)
          let base = 127 + 45 * wave
          let noise = generator.next()
          for channel in 0..<3 {
            let jitter = Double((noise >> (8 * UInt64(channel))) & 31) - 16
            image.pixels[(row * size.width + column) * 3 + channel] = UInt8(
              min(max(base + jitter + Double(channel * 9), 0), 255)
            )
          }
        }
      }
      let frame = ImageFrame(itemID: "sample \(index)", originalSize: size)
      return Kind.unlabeled(image, frame: frame)
    }
  }

  /// Compares the score of the written file with the checkpoint's on some pictures of the data.
  private func compareScores(
    of exported: ExportedModel,
    into parity: inout ParityReport,
    options: ExportOptions
  ) async throws {
    guard dataset != nil else { return }
    let data = try await dataModule()
    let subset: Subset = data.itemCount(.val) > 0 ? .val : .test
    guard data.itemCount(subset) > 0 else { return }
    var engineOptions = EngineOptions()
    engineOptions.precision = .fp32
    let openvino = OpenVINOBackend()
    let exact = try openvino.makeEngine(Kind.self, from: .ir(exported.xml), options: engineOptions)
    engineOptions.precision = .auto
    let native = try openvino.makeEngine(Kind.self, from: .ir(exported.xml), options: engineOptions)

    let info = await sub.info
    var scores = [Kind.Score](repeating: Kind.Score(labels: info.labels), count: 3)
    var gatherers = [TileGatherer<Kind>](repeating: TileGatherer(data.tiling), count: 3)
    var seen = 0
    let batches = try data.batches(subset, mode: .evaluation)
    while seen < options.sampleCount, let batch = try batches.next() {
      var doneCount = 0
      for (index, engine) in [sub, exact, native].enumerated() {
        let whole = gatherers[index].add(try await engine.predict(batch), batch.entities)
        scores[index].update(whole.predictions, whole.entities)
        doneCount = whole.entities.count
      }
      seen += doneCount
    }
    let name = Kind.performanceMetric
    let values = scores.map { $0.compute(at: info).values[name] ?? 0 }
    parity.metric = name
    parity.sampleCount = seen
    parity.checkpointScore = values[0]
    parity.metricDifference = abs(values[1] - values[0])
    parity.deviceDefaultMetricDifference = abs(values[2] - values[0])
    guard abs(values[1] - values[0]) <= options.metricTolerance else {
      throw ModelError.exportFailed(
        "the OpenVINO model scores \(values[1]) where the checkpoint scores \(values[0]) (\(name) on \(seen) pictures)"
      )
    }
  }
}
