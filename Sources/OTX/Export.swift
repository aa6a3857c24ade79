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
  /// The same of an ONNX model whose weights are fp16: a rounded weight moves every output.
  public var halfPrecisionTolerance = 5e-2
  /// The most that the score may differ.
  public var metricTolerance = 1e-3
  /// Pictures the score is compared on, where there is data.
  public var sampleCount = 64
  /// Whether the model says what it looks at, too: the outputs of ``ExplainOutput``.
  public var explains = false
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

    let raw = try await recorder.recordRawGraph()
    var parity = try await compareRawOutputs(recorder, allowing: options.tolerance) {
      try OpenVINOModel(compiling: raw, info: info, precision: $0)
    }
    try Task.checkCancellation()
    var exported = try OpenVINOExporter().export(
      graph: try await exportedGraph(recorder, options),
      info: info,
      to: aside,
      halfPrecision: options.halfPrecision
    )
    try Task.checkCancellation()
    let file = exported.xml
    if options.explains {
      let allowed = options.halfPrecision ? options.halfPrecisionTolerance : options.tolerance
      try await compareExplanations(
        of: OpenVINOEngine<Kind>(reading: file, options: .exact),
        allowing: allowed
      )
    }
    try await compareScores(into: &parity, options: options) {
      try OpenVINOBackend().makeEngine(Kind.self, from: .ir(file), options: $0)
    }
    try Task.checkCancellation()
    try AtomicFile.write(
      try JSONEncoder.pretty.encode(parity),
      to: aside.appending(path: "parity.json")
    )
    exported = try exported.moved(from: aside, to: directory)
    return ExportResult(model: exported, parity: parity)
  }

  /// Runs the same pictures through both frameworks, at two batch sizes.
  ///
  /// - Parameters:
  ///   - recorder: The checkpoint's engine.
  ///   - tolerance: The most that they may differ, relative to the largest number of an output.
  ///   - compile: Gives the other framework's model at a precision.
  /// - Returns: How far they are apart.
  /// - Throws: ``ModelError/exportFailed(_:)`` when they differ by more.
  func compareRawOutputs(
    _ recorder: any GraphRecordingEngine<Kind>,
    allowing tolerance: Double,
    _ compile: (Precision) throws -> OpenVINOModel
  ) async throws -> ParityReport {
    let (compiled, native) = (try compile(.fp32), try compile(.auto))
    var report = ParityReport()
    let pictures = try samplePictures(info: await sub.info, count: 3)
    for count in [1, 3] {
      let batch = try Kind.Batch(collating: Array(pictures.prefix(count)))
      let expected = try await recorder.rawOutputs(batch)
      try report.compare(try compiled.outputs(for: batch.images), with: expected)
      try report.compareDeviceDefault(try native.outputs(for: batch.images), with: expected)
    }
    guard report.maxRelativeDifference <= tolerance else {
      throw ModelError.exportFailed(
        "the exported model's outputs differ from the checkpoint's by \(report.maxRelativeDifference) (relative; allowed \(tolerance))"
      )
    }
    return report
  }

  /// Pictures to compare frameworks on: of the dataset where there is one, else drawn by a formula.
  func samplePictures(info: ModelInfo, count: Int) throws -> [Kind.Entity] {
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
  ///
  /// `open` gives an engine that runs the file, at the options' precision.
  func compareScores(
    into parity: inout ParityReport,
    options: ExportOptions,
    _ open: (EngineOptions) throws -> any SubEngine<Kind>
  ) async throws {
    guard dataset != nil else { return }
    let data = try await dataModule()
    let subset: Subset = data.itemCount(.val) > 0 ? .val : .test
    guard data.itemCount(subset) > 0 else { return }
    let exact = try open(.exact)
    var engineOptions = EngineOptions()
    engineOptions.precision = .auto
    let native = try open(engineOptions)

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
        "the exported model scores \(values[1]) where the checkpoint scores \(values[0]) (\(name) on \(seen) pictures)"
      )
    }
  }
}

extension EngineOptions {
  /// Arithmetic in 32 bits, to compare by.
  static var exact: EngineOptions {
    var options = EngineOptions()
    options.precision = .fp32
    return options
  }
}
