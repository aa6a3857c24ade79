import Foundation
import OTXCore
import OTXData
import OTXOpenVINO

/// What `parity.json` says of an optimised model.
struct OptimizationParity: Codable {
  var type: OptimizationType
  var metric: String
  var before: Double?
  var after: Double?
  var drop: Double?
  var sampleCount: Int
  /// The differences of the last layers with weights, by layer; rounding moves them.
  var outputs: [String: OutputDifference] = [:]
  /// What differs after post-processing; `nil` where there was no data.
  var predictions: PredictionParity?
  /// The layers with the largest relative errors, those first.
  var layers: [LayerDifference] = []
  /// How far the model that was optimised is from its checkpoint; `nil` where nobody knows.
  var source: ParityReport?
  var calibrationItemCount: Int
  var quantizedOperationCount: Int
  var revertedForScore: [String]
  var revertedForSpeed: [String]
  var latencies: [ModelLatency]
  /// What was taken out of the network; `nil`: nothing.
  var pruning: PruningResult?

  static let fileName = "parity.json"

  init(_ result: OptimizationResult) {
    type = result.type
    metric = result.metric
    (before, after, drop) = (result.before, result.after, result.drop)
    sampleCount = result.validationItemCount
    calibrationItemCount = result.calibrationItemCount
    quantizedOperationCount = result.quantizedOperationCount
    revertedForScore = result.revertedForScore
    revertedForSpeed = result.revertedForSpeed
    latencies = result.latencies
  }

  /// Takes the result of more work in: a fine-tuning before the quantisation.
  mutating func update(_ result: OptimizationResult, source: ParityReport) {
    (before, after, drop) = (result.before, result.after, result.drop)
    (pruning, latencies) = (result.pruning, result.latencies)
    self.source = source
  }

  func write(to directory: URL) throws {
    try AtomicFile.write(
      try JSONEncoder.pretty.encode(self),
      to: directory.appending(path: OptimizationParity.fileName)
    )
  }

  init(readingFrom directory: URL) throws {
    let file = directory.appending(path: OptimizationParity.fileName)
    self = try JSONDecoder().decode(OptimizationParity.self, from: Data(contentsOf: file))
  }
}

extension OptimizationJob {
  /// Compares the optimised model with the one it was made of: layers, and what both say of pictures.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` for a model whose weights were only stored shorter and
  ///   whose layers differ by more than that explains, naming the first.
  func parity(
    of result: OptimizationResult,
    on subset: Subset?
  ) async throws -> OptimizationParity {
    var parity = OptimizationParity(result)
    let sourceParity = source.deletingLastPathComponent().appending(
      path: OptimizationParity.fileName
    )
    parity.source = (try? Data(contentsOf: sourceParity)).flatMap {
      try? JSONDecoder().decode(ParityReport.self, from: $0)
    }
    try await compareLayers(of: result, into: &parity)
    guard let subset else { return parity }
    let data = try await engine.dataModule(batchSize: 1)
    let engines = try [source, result.model.xml].map {
      try engine.sibling(for: $0, precision: .fp32, threads: options.threads).sub
    }
    let found = try await engine.compare(engines, on: data, subset, count: 64).predictions[1]
    parity.predictions = found
    observers.tell(
      .message(
        "of \(found.pictureCount) pictures, \(found.differingCount) get other predictions than before"
      )
    )
    return parity
  }

  private func compareLayers(
    of result: OptimizationResult,
    into parity: inout OptimizationParity
  ) async throws {
    let reference = try probe(source, simplifies: result.type == .ptq)
    let own = try probe(result.model.xml)
    let pictures = try await engine.sampleBatch(count: 2).images
    let found = try own.differences(of: own.weighted, from: reference, on: pictures)
    // Weights of whole numbers are not known as weights; the layers have the same names.
    let names = Set(reference.heads.map(\.name))
    let last = own.layers.filter { names.contains($0.name) }
    for head in try own.differences(of: last, from: reference, on: pictures) {
      parity.outputs[head.layer] = head.difference
    }
    parity.layers = Array(
      found.sorted { $0.difference.relativeError > $1.difference.relativeError }.prefix(10)
    )
    let allowed = ExportOptions().halfPrecisionTolerance
    guard result.type == .fp16,
      parity.outputs.values.contains(where: { $0.maxRelative > allowed }),
      let first = found.first(where: { $0.difference.maxRelative > allowed })
    else { return }
    throw ModelError.exportFailed(
      String(
        format:
          "the layer %@ differs by %.2g (relative; allowed %.2g) with weights of 16 bits; keep them at 32",
        first.layer,
        first.difference.maxRelative,
        allowed
      )
    )
  }

  private func probe(_ url: URL, simplifies: Bool = false) throws -> LayerProbe {
    try LayerProbe(
      reading: url,
      preprocessing: info.preprocessing,
      threads: options.threads,
      simplifies: simplifies
    )
  }
}
