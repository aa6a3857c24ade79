import HTTPTypes
import OTXCore
import OTXImage
import OTXInference

/// What one thread of the server works with: each model, with requests of its own.
struct PictureWorker {
  var pipelines: [InferencePipeline]
}

/// Looks at one picture for a client; runs on a thread of the pool.
struct PictureWork: Sendable {
  var upload: Upload
  var query: PredictionQuery
  var modelName: String
  var pixelLimit: Int

  /// What goes back to the client, but for the time it waited.
  struct Answer: Sendable {
    var result: FrameResult
    var timings: [(name: String, seconds: Double)]
    /// The picture with marks, if it was asked for.
    var drawn: [UInt8]?
  }

  /// - Throws: ``Problem`` for a picture that cannot be read; what inference throws.
  func run(_ worker: PictureWorker) throws -> Answer {
    let pipeline = worker.pipelines[query.model]
    var clock = StopWatch()
    let image = try decode()
    var timings = [("decoding", clock.lap())]
    let findings = try pipeline.findings(in: image, name: upload.name, threshold: query.threshold)
    timings.append(("inference", clock.lap()))
    let seconds = timings.reduce(0) { $0 + $1.1 }
    let frame = SourceFrame(origin: FrameOrigin(kind: .image, name: upload.name), image: image)
    let result = FrameResult(frame: frame, findings: findings, seconds: seconds)
    var drawn: [UInt8]?
    if let overlay = query.overlay {
      let painter = FramePainter(colors: pipeline.models[0].colors)
      let picture = try painter.paint(result, note: nil)
      drawn = try overlay == .png ? ImageFile.png(picture) : ImageFile.jpeg(picture, quality: 90)
      timings.append(("drawing", clock.lap()))
    }
    return Answer(result: result, timings: timings, drawn: drawn)
  }

  private func decode() throws -> Image {
    do {
      let header = try ImageHeader(of: upload.bytes, name: upload.name)
      let size = header.storedSize
      guard size.height * size.width <= pixelLimit else {
        throw Problem(
          .contentTooLarge,
          .pictureTooLarge,
          "the picture's header says \(size) pixels; at most \(pixelLimit) are taken on"
        )
      }
      return try ImageFile.decode(
        upload.bytes,
        header: header,
        name: upload.name,
        orientation: .applied
      )
    } catch DataError.unreadable(_, let reason) {
      throw Problem(.unprocessableContent, .unreadablePicture, "the picture \(reason)")
    }
  }
}

/// Seconds from one moment to the next.
struct StopWatch {
  private var last = ContinuousClock.now

  mutating func lap() -> Double {
    let now = ContinuousClock.now
    defer { last = now }
    return (now - last) / .seconds(1)
  }
}
