package import Foundation
package import OTXCore
import OTXImage
import OTXOpenVINO

/// A deployed model (`openvino.xml`), compiled and ready to look at pictures, whatever its task.
///
/// Used from one thread at a time.
package final class DeployedModel {
  /// How a model is run.
  package struct Options: Sendable, Equatable {
    /// A device as users name it: `auto`, `cpu`, `gpu`, `gpu:1`.
    package var device = "auto"
    /// `auto`: what the device does by default (bf16 on a CPU with AMX).
    package var precision = Precision.auto
    /// 0: as many as OpenVINO takes.
    package var threads = 0
    /// `nil`: the model's own.
    package var confidenceThreshold: Float?
    /// For many pictures rather than for one soon.
    package var hasManyPictures = false
    package init() {}
  }

  /// The `.xml`.
  package let url: URL
  package let info: ModelInfo
  /// The colour of each label.
  package let colors: [Color]
  let network: OpenVINOModel
  private let outputs: any OutputReader

  /// - Parameters:
  ///   - url: The `.xml`, with its `.bin` beside it, or a folder with `openvino.xml`.
  ///   - options: Device, arithmetic, threads, threshold.
  /// - Throws: ``ModelError`` for files that cannot be used, ``OpenVINOError``,
  ///   ``NativeLibraryError``.
  package init(reading url: URL, options: Options = Options()) throws {
    let file = url.isFolder ? url.appending(path: "openvino.xml") : url
    var info = try ModelInfo(readingIR: file)
    if let threshold = options.confidenceThreshold {
      (info.confidenceThreshold, info.labelThresholds) = (threshold, nil)
    }
    var compiling = OpenVINOModel.Options()
    compiling.device = options.device
    compiling.precision = options.precision
    compiling.threads = options.threads
    compiling.hasManyRequests = options.hasManyPictures
    network = try OpenVINOModel(
      reading: file,
      preprocessing: info.preprocessing,
      options: compiling
    )
    self.url = file
    self.info = info
    colors = DeployedModel.colors(of: info.labels, beside: file)
    outputs = info.task.kind.outputReader
  }

  /// The same model for another thread: the compiled network is shared, nothing else is.
  package init(sharing other: DeployedModel) {
    network = OpenVINOModel(sharing: other.network)
    (url, info, colors, outputs) = (other.url, other.info, other.colors, other.outputs)
  }

  /// Pictures at once that give the most of them a second.
  package var bestRequestCount: Int { network.bestRequestCount }

  /// The colours that `label_schema.json` beside the model gives its labels, else the palette's.
  private static func colors(of labels: LabelInfo, beside file: URL) -> [Color] {
    let folder = file.deletingLastPathComponent()
    let schema = [folder, folder.deletingLastPathComponent()].lazy
      .map { $0.appending(path: "label_schema.json") }
      .compactMap { try? LabelSchema(reading: $0) }
      .first { Set($0.labels.names) == Set(labels.names) }
    return labels.names.enumerated().map { index, name in
      schema?.colors[name] ?? LabelPalette.color(index)
    }
  }

  /// What the device computes with: `bf16`, `f32`.
  package var arithmetic: String {
    (try? network.property("INFERENCE_PRECISION_HINT")).map(DeployedModel.shortName) ?? "unknown"
  }

  /// OpenVINO says either `bf16` or `bfloat16`.
  private static func shortName(_ type: String) -> String {
    ["bfloat16": "bf16", "float32": "f32", "float16": "f16"][type] ?? type
  }

  /// Whether what it finds has a place in the picture, so that another model can look at it.
  package var givesBoxes: Bool { info.task == .detection }

  /// A picture as the network takes it.
  package func prepare(_ image: Image, name: String) throws -> PreparedPicture {
    try PreparedPicture(image, name: name, info: info)
  }

  /// What the outputs for a prepared picture say; one set of outputs for each of its batches.
  func findings(
    in outputs: [[String: ModelOutput]],
    of picture: PreparedPicture,
    threshold: Float? = nil
  ) throws -> PictureFindings {
    var info = info
    if let threshold { (info.confidenceThreshold, info.labelThresholds) = (threshold, nil) }
    return try self.outputs.read(
      zip(outputs, picture.batches.map(\.frames)).map { ($0, $1) },
      info: info
    )
  }

  /// Looks at one picture.
  ///
  /// - Parameters:
  ///   - image: The picture.
  ///   - name: What messages call it.
  ///   - threshold: What is less sure is left out; `nil`: the model's own.
  /// - Returns: What the model found.
  /// - Throws: ``ModelError``, ``OpenVINOError``, ``DataError`` for a picture without pixels.
  package func findings(
    in image: Image,
    name: String,
    threshold: Float? = nil
  ) throws -> PictureFindings {
    let picture = try prepare(image, name: name)
    return try findings(
      in: picture.batches.map { try network.outputs(for: $0.images) },
      of: picture,
      threshold: threshold
    )
  }
}

/// A picture as a network takes it: whole, or cut into tiles.
package struct PreparedPicture: Sendable {
  /// What goes through the network at once.
  struct Batch: Sendable {
    var images: ImageBatch
    var frames: [ImageFrame]
  }

  let batches: [Batch]

  /// Tiles of one batch: large pictures must not need memory for all their tiles at once.
  private static let tilesAtOnce = 8

  init(_ image: Image, name: String, info: ModelInfo) throws {
    guard let tiling = info.tiling else {
      let (input, frame) = try info.preprocessing.prepare(image, itemID: name)
      batches = [Batch(images: try ImageBatch(stacking: [input]), frames: [frame])]
      return
    }
    let grid = TileGrid(image.size, tiling)
    batches = try stride(from: 0, to: grid.count, by: PreparedPicture.tilesAtOnce).map { start in
      let indices = start..<min(start + PreparedPicture.tilesAtOnce, grid.count)
      let tiles = try indices.map { index -> (image: Image, frame: ImageFrame) in
        let region = grid[index]
        let (input, frame) = try info.preprocessing.prepare(
          try image.cropped(to: region),
          itemID: name
        )
        return (input, frame.inTile(at: region, of: image.size, index: index, count: grid.count))
      }
      return Batch(
        images: try ImageBatch(stacking: tiles.map(\.image)),
        frames: tiles.map(\.frame)
      )
    }
  }
}

extension ImageFrame {
  /// The frame of a tile's own picture, as one of the whole picture.
  fileprivate func inTile(
    at region: PixelRegion,
    of size: ImageSize,
    index: Int,
    count: Int
  ) -> ImageFrame {
    var frame = self
    frame.originalSize = size
    frame.offsetX = offsetX - Float(region.x) * scaleX
    frame.offsetY = offsetY - Float(region.y) * scaleY
    (frame.tileIndex, frame.tileCount) = (index, count)
    return frame
  }
}

/// Reads a network's outputs for one picture.
private protocol OutputReader: Sendable {
  func read(
    _ parts: [(outputs: [String: ModelOutput], frames: [ImageFrame])],
    info: ModelInfo
  ) throws -> PictureFindings
}

private struct TaskOutputReader<Kind: VisionTask>: OutputReader {
  func read(
    _ parts: [(outputs: [String: ModelOutput], frames: [ImageFrame])],
    info: ModelInfo
  ) throws -> PictureFindings {
    var predictions = try parts.flatMap {
      try Kind.predictions(from: $0.outputs, frames: $0.frames, info: info)
    }
    if let tiling = info.tiling, let merge = Kind.tileMerge {
      predictions = [merge(predictions, tiling)]
    }
    guard let first = predictions.first, predictions.count == 1 else {
      throw ModelError.mismatch("the model gave \(predictions.count) predictions for one picture")
    }
    let prediction = Kind.confident(first, info: info)
    let findings = Kind.findings(prediction, labels: info.labels)
    return PictureFindings(
      findings: findings,
      marks: Kind.overlay(prediction, labels: info.labels),
      summary: Kind.summary(of: findings)
    )
  }
}

extension VisionTask {
  fileprivate static var outputReader: any OutputReader { TaskOutputReader<Self>() }
}

extension URL {
  /// Whether there is a folder of this name.
  var isFolder: Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      && isDirectory.boolValue
  }
}
