import Foundation
import OTXCore
import OTXOpenVINO
import OTXTesting

@testable import OTXInference

/// Networks whose answers can be told from the picture by hand.
enum TestModels {
  static let size = ImageSize(height: 16, width: 16)
  static let preprocessing = Preprocessing(
    inputSize: size,
    mean: [0, 0, 0],
    std: [255, 255, 255]
  )

  /// Says which of red, green and blue is strongest.
  static func colorClassifier(in folder: TemporaryFolder) throws -> URL {
    var writer = GraphWriter()
    let image = writer.input("image", [nil, 3, 16, 16])
    let mean = writer.one(
      "aten::mean",
      .value(image),
      .ints(2, 3),
      .bool(false),
      .none,
      rank: 2
    )
    writer.output("logits", writer.one("aten::mul", .value(mean), .double(20), rank: 2))
    let info = ModelInfo(
      model: "color_classifier",
      backbone: "none",
      task: .multiClassClassification,
      labels: LabelInfo(names: ["red", "green", "blue"]),
      preprocessing: preprocessing
    )
    return try export(writer.graph, info, to: folder.url.appending(path: "classifier"))
  }

  /// Finds `left` in the left half, as sure as the picture is red, and `right` in the right half, as
  /// sure as it is green.
  static func halvesDetector(
    in folder: TemporaryFolder,
    tiling: Tiling? = nil,
    name: String = "detector"
  ) throws -> URL {
    var writer = GraphWriter()
    let image = writer.input("image", [nil, 3, 16, 16])
    let mean = writer.one(
      "aten::mean",
      .value(image),
      .ints(2, 3),
      .bool(false),
      .none,
      rank: 2
    )
    let scores = writer.one(
      "aten::slice",
      .value(mean),
      .int(1),
      .int(0),
      .int(2),
      .int(1),
      rank: 2
    )
    let nothing = writer.one("aten::mul", .value(scores), .double(0), rank: 2)
    let column = writer.one("aten::unsqueeze", .value(scores), .int(-1), rank: 3)
    let zeros = writer.one("aten::unsqueeze", .value(nothing), .int(-1), rank: 3)
    let corners = writer.weight("corners", [0, 0, 8, 16, 8, 0, 16, 16], [1, 2, 4])
    let boxes = writer.one("aten::add", .value(zeros), .value(corners), .int(1), rank: 3)
    writer.output("bboxes", writer.one("aten::cat", .list([boxes, column]), .int(-1), rank: 3))
    let numbers = writer.weight("numbers", [0, 1], [1, 2])
    writer.output(
      "labels",
      writer.one("aten::add", .value(nothing), .value(numbers), .int(1), rank: 2)
    )
    let info = ModelInfo(
      model: "halves_detector",
      backbone: "none",
      task: .detection,
      labels: LabelInfo(names: ["left", "right"]),
      preprocessing: preprocessing,
      confidenceThreshold: 0.25,
      tiling: tiling
    )
    return try export(writer.graph, info, to: folder.url.appending(path: name))
  }

  private static func export(_ graph: OperatorGraph, _ info: ModelInfo, to folder: URL) throws
    -> URL
  {
    try OpenVINOExporter().export(graph: graph, info: info, to: folder).xml
  }

  /// A picture of one colour.
  static func plain(_ red: UInt8, _ green: UInt8, _ blue: UInt8, height: Int = 40, width: Int = 60)
    -> Image
  {
    Image(
      size: ImageSize(height: height, width: width),
      red: red,
      green: green,
      blue: blue
    )
  }
}
