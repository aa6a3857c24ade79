public import Foundation
public import OTXCore
import OTXONNX
import OTXOpenVINO

/// An ONNX model and the proof that it is the trained one.
public struct ONNXExport: Codable, Sendable, Equatable {
  /// `model.onnx`, and `model.onnx.data` where the weights stand in a file of their own.
  public var files: [URL]
  public var parity: ParityReport
}

extension TaskEngine {
  /// Writes the model as ONNX into `directory`, once it is shown to be the same model.
  ///
  /// The graph before non-maximum suppression is written, read by OpenVINO's own ONNX reader, and run
  /// at batch 1 and 3 in fp32 beside the checkpoint; then the same reader runs the whole model, whose
  /// score on samples of the data must be the checkpoint's.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when they disagree, or naming the operators that cannot
  ///   be written; then `directory` is left as it was. ``EngineError/jobNotSupported(_:by:)`` when
  ///   the framework cannot record graphs.
  @concurrent
  public func exportONNX(to directory: URL, options: ExportOptions) async throws -> ONNXExport {
    try await exporting(to: directory, options: options) { job in
      let info = job.info
      func write(_ graph: OperatorGraph, _ folder: String) throws -> [URL] {
        try ONNXExporter().export(
          graph: graph,
          info: info,
          to: job.aside.appending(path: folder, directoryHint: .isDirectory),
          halfPrecision: options.halfPrecision
        )
      }
      let raw = try write(try await job.recorder.recordRawGraph(), "raw")
      try await job.compareRawOutputs(allowing: options.fileTolerance) { precision in
        var compiling = OpenVINOModel.Options()
        compiling.precision = precision
        return try OpenVINOModel(
          reading: raw[0],
          preprocessing: info.preprocessing,
          options: compiling
        )
      } probe: {
        try LayerProbe(reading: raw[0], preprocessing: info.preprocessing)
      }
      let files = try write(try await exportedGraph(job.recorder, options), "model")
      let open: (EngineOptions) throws -> any SubEngine<Kind> = {
        try OpenVINOEngine<Kind>(reading: files[0], info: info, options: $0)
      }
      // Whatever is chosen among the raw outputs, chosen by the file itself.
      let engine = try open(EngineOptions())
      for count in [1, 3] {
        _ = try await engine.predict(sampleBatch(count: count))
      }
      if options.explains {
        try await compareExplanations(
          of: OpenVINOEngine<Kind>(reading: files[0], info: info, options: .exact),
          allowing: options.fileTolerance
        )
      }
      try await job.compareScores(open)
      try job.finish(files[0].deletingLastPathComponent(), last: files[0].lastPathComponent)
      return ONNXExport(
        files: files.map { directory.appending(path: $0.lastPathComponent) },
        parity: job.parity
      )
    }
  }
}
