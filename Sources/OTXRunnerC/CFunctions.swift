public import COTXRun
import Foundation
import OTXCore
import OTXImage
import OTXInference

// The functions of `otx_run.h`. Everything that they hand out was made by `malloc`.

/// What stands behind an `otx_run_model`.
private final class Opened {
  let pipeline: InferencePipeline
  init(_ pipeline: InferencePipeline) { self.pipeline = pipeline }
}

private nonisolated(unsafe) let version = strdup(OTXVersion.current)

/// The version of this library; `otx_run.h` says more of this and of all functions below.
@_cdecl("otx_run_version")
public func otxRunVersion() -> UnsafePointer<CChar>? { UnsafePointer(version) }

/// The program `otx-run`.
@_cdecl("otx_run_main")
public func otxRunMain(
  _ count: Int32,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  let words = (1..<max(Int(count), 1)).compactMap { arguments?[$0].map { String(cString: $0) } }
  return RunnerProgram.run(words)
}

/// Opens a model, or several in a row.
@_cdecl("otx_run_open")
public func otxRunOpen(
  _ path: UnsafePointer<CChar>?,
  _ device: UnsafePointer<CChar>?,
  _ threshold: Float,
  _ model: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  guarded(error) {
    model?.pointee = nil
    guard let path, let model else { throw InferenceError.usage("path and model must be given") }
    var options = DeployedModel.Options()
    if let device { options.device = String(cString: device) }
    if threshold >= 0 { options.confidenceThreshold = threshold }
    let urls = try ModelPackage.models(at: URL(filePath: String(cString: path)))
    let pipeline = try InferencePipeline(
      urls.map { try DeployedModel(reading: $0, options: options) }
    )
    model.pointee = OpaquePointer(Unmanaged.passRetained(Opened(pipeline)).toOpaque())
  }
}

/// Gives a model back.
@_cdecl("otx_run_close")
public func otxRunClose(_ model: OpaquePointer?) {
  guard let model else { return }
  Unmanaged<Opened>.fromOpaque(UnsafeRawPointer(model)).release()
}

/// Looks at a picture file.
@_cdecl("otx_run_predict_file")
public func otxRunPredictFile(
  _ model: OpaquePointer?,
  _ path: UnsafePointer<CChar>?,
  _ result: UnsafeMutablePointer<UnsafeMutablePointer<otx_run_result>?>?,
  _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  predict(model, result, error) {
    guard let path else { throw InferenceError.usage("path must be given") }
    let name = String(cString: path)
    return (try ImageFile.read(URL(filePath: name)), name)
  }
}

/// Looks at the bytes of a picture file.
@_cdecl("otx_run_predict_bytes")
public func otxRunPredictBytes(
  _ model: OpaquePointer?,
  _ bytes: UnsafePointer<UInt8>?,
  _ count: Int,
  _ result: UnsafeMutablePointer<UnsafeMutablePointer<otx_run_result>?>?,
  _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  predict(model, result, error) {
    let name = "a picture in memory"
    let bytes = Array(UnsafeBufferPointer(start: bytes, count: bytes == nil ? 0 : max(count, 0)))
    return (try ImageFile.decode(bytes, name: name), name)
  }
}

/// Looks at pixels in memory.
@_cdecl("otx_run_predict_pixels")
public func otxRunPredictPixels(
  _ model: OpaquePointer?,
  _ pixels: UnsafePointer<UInt8>?,
  _ height: Int32,
  _ width: Int32,
  _ stride: Int,
  _ result: UnsafeMutablePointer<UnsafeMutablePointer<otx_run_result>?>?,
  _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  predict(model, result, error) {
    let rowCount = Int(width) * Image.channelCount
    guard let pixels, height > 0, width > 0, stride >= rowCount,
      Int(height) * Int(width) <= ImageHeader.maximumPixelCount
    else {
      throw InferenceError.usage(
        "a picture needs pixels, height and width above 0, and a stride of 3 bytes a pixel at least"
      )
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(height) * rowCount)
    for row in 0..<Int(height) {
      bytes += UnsafeBufferPointer(start: pixels + row * stride, count: rowCount)
    }
    let size = ImageSize(height: Int(height), width: Int(width))
    return (Image(size: size, pixels: bytes), "a picture in memory")
  }
}

/// Frees what a prediction gave.
@_cdecl("otx_run_free_result")
public func otxRunFreeResult(_ result: UnsafeMutablePointer<otx_run_result>?) {
  guard let result else { return }
  for index in 0..<result.pointee.count {
    free(UnsafeMutablePointer(mutating: result.pointee.findings?[index].label))
  }
  free(result.pointee.findings)
  free(UnsafeMutablePointer(mutating: result.pointee.json))
  free(result)
}

/// Frees an error's text.
@_cdecl("otx_run_free_text")
public func otxRunFreeText(_ text: UnsafeMutablePointer<CChar>?) { free(text) }

/// Runs `body`; what it throws becomes a text and a status.
private func guarded(
  _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ body: () throws -> Void
) -> Int32 {
  error?.pointee = nil
  do {
    try body()
    return 0
  } catch let thrown {
    error?.pointee = strdup("\(thrown)")
    return 1
  }
}

private func predict(
  _ model: OpaquePointer?,
  _ result: UnsafeMutablePointer<UnsafeMutablePointer<otx_run_result>?>?,
  _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ picture: () throws -> (image: Image, name: String)
) -> Int32 {
  guarded(error) {
    result?.pointee = nil
    guard let model, let result else {
      throw InferenceError.usage("model and result must be given")
    }
    let opened = Unmanaged<Opened>.fromOpaque(UnsafeRawPointer(model)).takeUnretainedValue()
    let (image, name) = try picture()
    let start = ContinuousClock.now
    let findings = try opened.pipeline.findings(in: image, name: name)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let frame = SourceFrame(origin: FrameOrigin(kind: .image, name: name), image: image)
    let found = FrameResult(frame: frame, findings: findings, seconds: seconds)
    result.pointee = try found.makeC()
  }
}

extension FrameResult {
  /// The result as C sees it; freed by `otx_run_free_result`.
  fileprivate func makeC() throws -> UnsafeMutablePointer<otx_run_result> {
    var rows: [otx_run_finding] = []
    FrameResult.add(findings, parent: -1, at: (0, 0), to: &rows)
    guard
      let memory = calloc(1, MemoryLayout<otx_run_result>.stride)?
        .assumingMemoryBound(to: otx_run_result.self),
      let list = calloc(max(rows.count, 1), MemoryLayout<otx_run_finding>.stride)?
        .assumingMemoryBound(to: otx_run_finding.self)
    else { throw InferenceError.failed("there is no memory for the result") }
    for (index, row) in rows.enumerated() { list[index] = row }
    memory.pointee.height = Int32(clamping: frame.image.height)
    memory.pointee.width = Int32(clamping: frame.image.width)
    memory.pointee.count = rows.count
    memory.pointee.findings = list
    memory.pointee.json = UnsafePointer(strdup(jsonLine))
    return memory
  }

  /// Appends what a model found, then what the next one found inside each.
  ///
  /// `origin`: where the picture that was looked at lies in the whole one.
  private static func add(
    _ found: PictureFindings,
    parent: Int,
    at origin: (x: Float, y: Float),
    to rows: inout [otx_run_finding]
  ) {
    let first = rows.count
    for finding in found.findings {
      var row = otx_run_finding()
      row.label = UnsafePointer(strdup(finding.label))
      row.score = finding.score
      row.parent = Int32(clamping: parent)
      if let box = finding.box {
        row.has_box = 1
        (row.x1, row.y1) = (box.x1 + origin.x, box.y1 + origin.y)
        (row.x2, row.y2) = (box.x2 + origin.x, box.y2 + origin.y)
      }
      if let value = finding.value { (row.has_value, row.value) = (1, value) }
      rows.append(row)
    }
    for (index, inside) in found.inside.enumerated() {
      // The part that was cut out begins at a whole pixel.
      let row = rows[first + index]
      add(
        inside,
        parent: first + index,
        at: (row.x1.rounded(.down), row.y1.rounded(.down)),
        to: &rows
      )
    }
  }
}
