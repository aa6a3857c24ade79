import Foundation
import OTXCore
import OTXTesting

@testable import OTXOpenVINO

/// Models made of the sample graphs, and pictures for them.
enum SampleModels {
  static let classifierInfo = ModelInfo(
    model: "tiny_classifier",
    backbone: "none",
    task: .multiClassClassification,
    labels: LabelInfo(names: ["cat", "dog \"big\"", "bird & co"]),
    preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 32))
  )

  /// Means and deviations that take bytes to where the graph reads boxes: pixels 0…16 and scores.
  static let detectorInfo = ModelInfo(
    model: "tiny_detector",
    backbone: "none",
    task: .detection,
    labels: LabelInfo(names: ["thing"]),
    preprocessing: Preprocessing(
      inputSize: ImageSize(height: 8, width: 8),
      mean: [0, 0, 0],
      std: [32, 32, 255]
    ),
    confidenceThreshold: 0.25,
    iouThreshold: 0.5
  )

  /// A picture of noise that depends on `k` alone; of blue, no two pixels of the first 64 have the
  /// same.
  static func image(_ size: ImageSize, k: Int) -> Image {
    let values = Formula.integers([size.height, size.width, 3], below: 256, k: 2000 + k)
    var image = Image(size: size, pixels: values.map { UInt8($0) })
    for pixel in 0..<size.height * size.width {
      image.pixels[3 * pixel + 2] = UInt8((pixel * 37 + 11 * k) % 64 * 4)
    }
    return image
  }

  static func images(_ size: ImageSize, count: Int) throws -> ImageBatch {
    try ImageBatch(stacking: (0..<count).map { image(size, k: $0) })
  }

  static func classificationBatch(count: Int) throws -> MultiClassClassification.Batch {
    let size = classifierInfo.preprocessing.inputSize
    return try .init(
      collating: (0..<count).map { index in
        .init(
          image: image(size, k: index),
          frame: ImageFrame(itemID: "\(index)", originalSize: size),
          label: 0
        )
      }
    )
  }

  static func detectionBatch(count: Int) throws -> Detection.Batch {
    let size = detectorInfo.preprocessing.inputSize
    return try .init(
      collating: (0..<count).map { index in
        .init(
          image: image(size, k: index),
          frame: ImageFrame(itemID: "\(index)", originalSize: size),
          objects: []
        )
      }
    )
  }

  @discardableResult
  static func exportClassifier(
    to directory: URL,
    info: ModelInfo = classifierInfo,
    halfPrecision: Bool = false
  ) throws -> ExportedModel {
    try OpenVINOExporter().export(
      graph: SampleGraphs.classifier(),
      info: info,
      to: directory,
      halfPrecision: halfPrecision
    )
  }
}
