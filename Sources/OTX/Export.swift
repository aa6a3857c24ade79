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
  /// The same of a file whose weights are fp16: a rounded weight moves every output.
  public var halfPrecisionTolerance = 5e-2
  /// The most that the score may differ.
  public var metricTolerance = 1e-3
  /// Pictures the score is compared on, where there is data.
  public var sampleCount = 64
  /// Whether the model says what it looks at, too: the outputs of ``ExplainOutput``.
  public var explains = false
  public init() {}

  /// What the last layers of the written file may differ by.
  var fileTolerance: Double { halfPrecision ? halfPrecisionTolerance : tolerance }
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
  /// and must agree within `options.tolerance`; then the written file itself is loaded: its last
  /// layers, and what it says of samples of the data and its score on them, are compared with the
  /// checkpoint's. That takes seconds, which are not the calling actor's.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when they disagree, naming the first layer that does;
  ///   then `directory` is left as it was. ``EngineError/jobNotSupported(_:by:)`` when the framework
  ///   cannot record graphs.
  @concurrent
  public func export(to directory: URL, options: ExportOptions) async throws -> ExportResult {
    try await exporting(to: directory, options: options) { job in
      let raw = try await job.recorder.recordRawGraph()
      try await job.compareRawOutputs(
        allowing: options.tolerance,
        compile: { try OpenVINOModel(compiling: raw, info: job.info, precision: $0) },
        probe: { try LayerProbe(converting: raw, preprocessing: job.info.preprocessing) }
      )
      let exported = try OpenVINOExporter().export(
        graph: try await exportedGraph(job.recorder, options),
        info: job.info,
        to: job.aside,
        halfPrecision: options.halfPrecision
      )
      try Task.checkCancellation()
      try await job.compareLayers(of: exported.xml)
      if options.explains {
        try await compareExplanations(
          of: OpenVINOEngine<Kind>(reading: exported.xml, options: .exact),
          allowing: options.fileTolerance
        )
      }
      try await job.compareScores {
        try OpenVINOBackend().makeEngine(Kind.self, from: .ir(exported.xml), options: $0)
      }
      try job.finish(job.aside, last: exported.xml.lastPathComponent)
      return ExportResult(
        model: ExportedModel(
          xml: directory.appending(path: exported.xml.lastPathComponent),
          bin: directory.appending(path: exported.bin.lastPathComponent),
          info: exported.info
        ),
        parity: job.parity
      )
    }
  }

  /// The engine's model as what writes graphs down.
  func graphRecorder() throws -> any GraphRecordingEngine<Kind> {
    guard let recorder = sub as? any GraphRecordingEngine<Kind> else {
      throw EngineError.jobNotSupported("export", by: backend)
    }
    return recorder
  }

  /// Exports by `body` in a folder aside, which is gone afterwards.
  func exporting<Result>(
    to directory: URL,
    options: ExportOptions,
    _ body: (ExportJob<Kind>) async throws -> Result
  ) async throws -> Result {
    let recorder = try graphRecorder()
    try Folder.make(directory)
    let aside = directory.appending(path: ".export-\(getpid())", directoryHint: .isDirectory)
    try Folder.make(aside)
    defer { try? FileManager.default.removeItem(at: aside) }
    let info = await sub.info
    return try await body(
      ExportJob(
        engine: self,
        recorder: recorder,
        info: info,
        options: options,
        aside: aside,
        directory: directory
      )
    )
  }

  /// Pictures to compare frameworks on: validation pictures where there are as many, else drawn ones.
  func sampleBatch(count: Int) async throws -> Kind.Batch {
    if dataset != nil, let data = try? await dataModule(batchSize: count),
      let subset = [Subset.val, .test].first(where: { data.itemCount($0) >= count }),
      let batch = try? data.batches(subset, mode: .evaluation).next(), batch.images.count == count
    {
      return batch
    }
    return try Kind.Batch(collating: await drawnPictures(count: count))
  }

  /// Pictures drawn by a formula.
  private func drawnPictures(count: Int) async -> [Kind.Entity] {
    let size = await sub.info.preprocessing.inputSize
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
}

extension EngineOptions {
  /// Arithmetic in 32 bits, to compare by.
  static var exact: EngineOptions {
    var options = EngineOptions()
    options.precision = .fp32
    return options
  }
}
