import Foundation
import OTXCore
import OTXData
import OTXOpenVINO

/// One export of a checkpoint: what it knows on the way, and the proof that it gathers.
final class ExportJob<Kind: VisionTask> {
  let engine: TaskEngine<Kind>
  let recorder: any GraphRecordingEngine<Kind>
  let info: ModelInfo
  let options: ExportOptions
  /// Where files are made.
  let aside: URL
  /// Where they go.
  let directory: URL
  private(set) var parity = ParityReport()

  init(
    engine: TaskEngine<Kind>,
    recorder: any GraphRecordingEngine<Kind>,
    info: ModelInfo,
    options: ExportOptions,
    aside: URL,
    directory: URL
  ) {
    self.engine = engine
    self.recorder = recorder
    self.info = info
    self.options = options
    self.aside = aside
    self.directory = directory
    parity.precision = options.halfPrecision ? "fp16" : "fp32"
  }

  /// Runs the same pictures through both frameworks, at two batch sizes.
  ///
  /// - Parameters:
  ///   - tolerance: The most that they may differ, relative to the largest number of an output.
  ///   - compile: Gives the other framework's model at a precision.
  ///   - probe: Gives its layers, to say where a difference begins.
  /// - Throws: ``ModelError/exportFailed(_:)`` when they differ by more.
  func compareRawOutputs(
    allowing tolerance: Double,
    compile: (Precision) throws -> OpenVINOModel,
    probe: () throws -> LayerProbe
  ) async throws {
    let (compiled, native) = (try compile(.fp32), try compile(.auto))
    for count in [1, 3] {
      let batch = try await engine.sampleBatch(count: count)
      let expected = try await recorder.rawOutputs(batch)
      try parity.compare(try compiled.outputs(for: batch.images), with: expected)
      try parity.compareDeviceDefault(try native.outputs(for: batch.images), with: expected)
    }
    try Task.checkCancellation()
    guard parity.maxRelativeDifference > tolerance else { return }
    let place = try await firstDrift(of: probe(), allowing: tolerance)
    throw ModelError.exportFailed(
      "the exported model's outputs differ from the checkpoint's by \(parity.maxRelativeDifference) (relative; allowed \(tolerance))\(place)"
    )
  }

  /// Compares the last layers of the file at `xml` with the checkpoint's.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when they differ, naming the first layer that does.
  func compareLayers(of xml: URL) async throws {
    let probe = try LayerProbe(reading: xml, preprocessing: info.preprocessing)
    let batch = try await engine.sampleBatch(count: 2)
    let expected = try await recorder.layerOutputs(batch, named: Set(probe.heads.map(\.name)))
    let found = try probe.differences(of: probe.heads, from: expected, on: batch.images)
    guard !found.isEmpty else {
      throw ModelError.exportFailed(
        "no layer of the exported model is one of the checkpoint's, so the two cannot be compared"
      )
    }
    let worst = found.map(\.difference.maxRelative).max() ?? 0
    parity.fileRelativeDifference = worst
    guard worst > options.fileTolerance else { return }
    let place = try await firstDrift(of: probe, allowing: options.fileTolerance)
    throw ModelError.exportFailed(
      "the last layers of the exported model differ from the checkpoint's by \(worst) (relative; allowed \(options.fileTolerance))\(place)"
    )
  }

  /// Says in a sentence which layer is the first to differ.
  private func firstDrift(of probe: LayerProbe, allowing tolerance: Double) async throws -> String {
    let batch = try await engine.sampleBatch(count: 2)
    let expected = try await recorder.layerOutputs(batch, named: nil)
    let found = try probe.differences(from: expected, on: batch.images) {
      $0.difference.maxRelative > tolerance
    }
    guard let last = found.last else { return "" }
    guard last.difference.maxRelative > tolerance else {
      return "; every layer agrees, so it is behind the last layer with a name"
    }
    return String(
      format: "; the first layer that differs is %@ (%@), by %.2g",
      last.layer,
      last.type,
      last.difference.maxRelative
    )
  }

  /// Compares what the written file says of some pictures of the data, and its score, with the
  /// checkpoint's.
  ///
  /// `open` gives an engine that runs the file, at the options' precision.
  func compareScores(_ open: (EngineOptions) throws -> any SubEngine<Kind>) async throws {
    guard engine.dataset != nil else { return }
    let data = try await engine.dataModule()
    let subset: Subset = data.itemCount(.val) > 0 ? .val : .test
    guard data.itemCount(subset) > 0, options.sampleCount > 0 else { return }
    var nativeOptions = EngineOptions()
    nativeOptions.precision = .auto
    let engines = [engine.sub, try open(.exact), try open(nativeOptions)]
    let found = try await engine.compare(engines, on: data, subset, count: options.sampleCount)
    let name = Kind.performanceMetric
    parity.metric = name
    parity.sampleCount = found.pictureCount
    parity.predictions = found.predictions[1]
    parity.checkpointScore = found.scores[0]
    let difference = abs(found.scores[1] - found.scores[0])
    parity.metricDifference = difference
    parity.deviceDefaultMetricDifference = abs(found.scores[2] - found.scores[0])
    guard difference <= options.metricTolerance else {
      throw ModelError.exportFailed(
        "the exported model scores \(found.scores[1]) where the checkpoint scores \(found.scores[0]) (\(name) on \(found.pictureCount) pictures); its layers agree, so it is the post-processing"
      )
    }
  }

  /// Writes `parity.json` beside the model in `folder` and moves everything there to where it goes.
  func finish(_ folder: URL, last: String) throws {
    try Task.checkCancellation()
    try AtomicFile.write(
      try JSONEncoder.pretty.encode(parity),
      to: folder.appending(path: "parity.json")
    )
    try Folder.moveContents(of: folder, to: directory, last: last)
  }
}

/// What several engines say of the same pictures.
struct PredictionComparison {
  /// Of each engine.
  var scores: [Double]
  /// Of each engine, beside the first.
  var predictions: [PredictionParity]
  var pictureCount: Int
}

extension TaskEngine {
  /// Runs engines of this model on the first pictures of a subset.
  func compare(
    _ engines: [any SubEngine<Kind>],
    on data: DataModule<Kind>,
    _ subset: Subset,
    count: Int
  ) async throws -> PredictionComparison {
    let info = await sub.info
    var scores = engines.map { _ in Kind.Score(labels: info.labels) }
    var gatherers = engines.map { _ in TileGatherer<Kind>(data.tiling) }
    var predictions = engines.map { _ in PredictionParity() }
    var seen = 0
    let batches = try data.batches(subset, mode: .evaluation)
    while seen < count, let batch = try batches.next() {
      try Task.checkCancellation()
      var first: [[Finding]] = []
      for (index, engine) in engines.enumerated() {
        let whole = gatherers[index].add(try await engine.predict(batch), batch.entities)
        scores[index].update(whole.predictions, whole.entities)
        let findings = whole.predictions.map {
          Kind.findings(Kind.confident($0, info: info), labels: info.labels)
        }
        if index == 0 {
          first = findings
          seen += whole.entities.count
        }
        for (own, expected) in zip(findings, first) {
          let takesFirst = Kind.taskType == .multiClassClassification
          predictions[index].add(own, expected, takesFirst: takesFirst)
        }
      }
    }
    return PredictionComparison(
      scores: scores.map { $0.compute(at: info).values[Kind.performanceMetric] ?? 0 },
      predictions: predictions,
      pictureCount: seen
    )
  }
}
