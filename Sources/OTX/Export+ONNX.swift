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
    guard let recorder = sub as? any GraphRecordingEngine<Kind> else {
      throw EngineError.jobNotSupported("export", by: backend)
    }
    let info = await sub.info
    try Folder.make(directory)
    let aside = directory.appending(path: ".export-\(getpid())", directoryHint: .isDirectory)
    try Folder.make(aside)
    defer { try? FileManager.default.removeItem(at: aside) }

    func write(_ graph: OperatorGraph, _ folder: String) throws -> [URL] {
      try ONNXExporter().export(
        graph: graph,
        info: info,
        to: aside.appending(path: folder, directoryHint: .isDirectory),
        halfPrecision: options.halfPrecision
      )
    }
    let raw = try write(try await recorder.recordRawGraph(), "raw")
    let allowed = options.halfPrecision ? options.halfPrecisionTolerance : options.tolerance
    var parity = try await compareRawOutputs(recorder, allowing: allowed) { precision in
      var compiling = OpenVINOModel.Options()
      compiling.precision = precision
      return try OpenVINOModel(
        reading: raw[0],
        preprocessing: info.preprocessing,
        options: compiling
      )
    }
    try Task.checkCancellation()
    let files = try write(try await exportedGraph(recorder, options), "model")
    let open: (EngineOptions) throws -> any SubEngine<Kind> = {
      try OpenVINOEngine<Kind>(reading: files[0], info: info, options: $0)
    }
    // Whatever is chosen among the raw outputs, chosen by the file itself.
    let pictures = try samplePictures(info: info, count: 3)
    let engine = try open(EngineOptions())
    for count in [1, 3] {
      _ = try await engine.predict(Kind.Batch(collating: Array(pictures.prefix(count))))
    }
    if options.explains {
      try await compareExplanations(
        of: OpenVINOEngine<Kind>(reading: files[0], info: info, options: .exact),
        allowing: allowed
      )
    }
    try Task.checkCancellation()
    try await compareScores(into: &parity, options: options, open)
    try Task.checkCancellation()
    try AtomicFile.write(
      try JSONEncoder.pretty.encode(parity),
      to: files[0].deletingLastPathComponent().appending(path: "parity.json")
    )
    return ONNXExport(files: try files.moved(to: directory), parity: parity)
  }
}

extension [URL] {
  /// Moves these files of one folder, and all beside them, to another; the first comes last, so that
  /// it never stands there without what it needs.
  func moved(to directory: URL) throws -> [URL] {
    guard let first else { return [] }
    let source = first.deletingLastPathComponent()
    let names = try FileManager.default.contentsOfDirectory(atPath: source.path)
    let last = first.lastPathComponent
    for name in names.filter({ $0 != last }).sorted() + [last] {
      let (from, to) = (source.appending(path: name), directory.appending(path: name))
      guard rename(from.path, to.path) == 0 else {
        throw FileError.cannotWrite(to.path, reason: String(cString: strerror(errno)))
      }
    }
    return map { directory.appending(path: $0.lastPathComponent) }
  }
}
