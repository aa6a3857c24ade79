import OTXCore
import OTXOpenVINO

extension TaskEngine {
  /// The graph that is exported: the model's own outputs, and its explanations where they are wanted.
  func exportedGraph(
    _ recorder: any GraphRecordingEngine<Kind>,
    _ options: ExportOptions
  ) async throws -> OperatorGraph {
    guard options.explains else { return try await recorder.recordGraph() }
    guard let explainer = recorder as? any ExplanationRecordingEngine<Kind> else {
      throw EngineError.jobNotSupported("export explanations", by: backend)
    }
    return try await explainer.recordExplainedGraph(.auto)
  }

  /// Compares maps and features of an exported model with the checkpoint's.
  ///
  /// Maps are rounded to 0…255, so they are compared by their mean difference.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when they disagree.
  func compareExplanations(
    of exported: any ExplainingEngine<Kind>,
    allowing tolerance: Double
  ) async throws {
    guard let original = sub as? any ExplainingEngine<Kind> else { return }
    let batch = try await sampleBatch(count: 3)
    let expected = try await original.explain(batch, method: .auto)
    let found = try await exported.explain(batch, method: .auto)
    var features = ParityReport()
    let name = ExplainOutput.featureVector
    try features.compare(
      found.filter { $0.key == name },
      with: expected.filter { $0.key == name }
    )
    guard features.maxRelativeDifference <= tolerance else {
      throw ModelError.exportFailed(
        "the exported model's features differ from the checkpoint's by \(features.maxRelativeDifference) (relative; allowed \(tolerance))"
      )
    }
    let maps = try expected.output(ExplainOutput.saliencyMap)
    let others = try found.output(ExplainOutput.saliencyMap)
    guard maps.shape == others.shape else {
      throw ModelError.unexpectedOutputShape(
        ExplainOutput.saliencyMap,
        shape: others.shape,
        expected: "\(maps.shape)"
      )
    }
    let sum = zip(maps.values, others.values).reduce(0.0) { $0 + Double(abs($1.0 - $1.1)) }
    let difference = sum / Double(max(maps.values.count, 1))
    guard difference <= max(2, 255 * tolerance) else {
      throw ModelError.exportFailed(
        "the exported model's saliency maps differ from the checkpoint's by \(difference) of 255 on average"
      )
    }
  }
}
