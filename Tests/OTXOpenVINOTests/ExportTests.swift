import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXOpenVINO

@Suite("Exported models")
struct ExportTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func carryTheirInformation() throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    #expect(exported.xml == folder.file("openvino.xml"))
    #expect(try ModelInfo(readingIR: exported.xml) == SampleModels.classifierInfo)
    #expect(exported.info == SampleModels.classifierInfo)
  }

  @Test func sayWhatModelAPIAsks() throws {
    let exported = try OpenVINOExporter().export(
      graph: SampleGraphs.detector(),
      info: SampleModels.detectorInfo,
      to: folder.url
    )
    let entries = try IRDocument(reading: exported.xml).runtimeInfo
    func entry(_ key: String) -> String? { entries["model_info/\(key)"] }
    #expect(entry("model_type") == "ssd")
    #expect(entry("task_type") == "detection")
    #expect(entry("labels") == "thing")
    #expect(entry("label_ids") == "00000000")
    #expect(
      entry("label_info")
        == #"{"label_groups":[["thing"]],"label_ids":["00000000"],"label_names":["thing"]}"#
    )
    #expect(entry("mean_values") == "0.0 0.0 0.0")
    #expect(entry("scale_values") == "32.0 32.0 255.0")
    #expect(entry("resize_type") == "standard")
    #expect(entry("pad_value") == "0")
    #expect(entry("confidence_threshold") == "0.25")
    #expect(entry("iou_threshold") == "0.5")
    #expect(entry("reverse_input_channels") == "True")
  }

  /// Keys and their spelling are those of Model API's tiler.
  @Test func sayHowPicturesAreTiled() throws {
    var info = SampleModels.detectorInfo
    let plain = try OpenVINOExporter().export(
      graph: SampleGraphs.detector(),
      info: info,
      to: folder.url
    )
    #expect(try IRDocument(reading: plain.xml).runtimeInfo["model_info/tile_size"] == nil)
    info.tiling = Tiling(
      tileSize: ImageSize(height: 300, width: 300),
      overlap: 0.25,
      maximumInstanceCount: 77,
      withFullImage: true
    )
    let tiled = try OpenVINOExporter().export(
      graph: SampleGraphs.detector(),
      info: info,
      to: folder.url
    )
    let entries = try IRDocument(reading: tiled.xml).runtimeInfo
    #expect(entries["model_info/tile_size"] == "300")
    #expect(entries["model_info/tiles_overlap"] == "0.25")
    #expect(entries["model_info/max_pred_number"] == "77")
    #expect(entries["model_info/tile_with_full_img"] == "True")
    #expect(try ModelInfo(readingIR: tiled.xml).tiling == info.tiling)
    // Without our own entry, as Python OTX writes it.
    let text = try String(contentsOf: tiled.xml, encoding: .utf8)
    let foreign = folder.file("foreign.xml")
    try text.replacingOccurrences(of: RuntimeInfo.ownKey, with: "somebody_elses")
      .write(to: foreign, atomically: true, encoding: .utf8)
    #expect(try ModelInfo(readingIR: foreign).tiling == info.tiling)
  }

  @Test func writeLabelsAsOneWordEach() throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    let entries = try IRDocument(reading: exported.xml).runtimeInfo
    #expect(entries["model_info/labels"] == "cat dog_\"big\" bird_&_co")
    #expect(entries["model_info/output_raw_scores"] == "True")
  }

  @Test func areUnderstoodWithoutOurOwnEntry() throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    let text = try String(contentsOf: exported.xml, encoding: .utf8)
    let foreign = folder.file("foreign.xml")
    try text.replacingOccurrences(of: RuntimeInfo.ownKey, with: "somebody_elses")
      .write(to: foreign, atomically: true, encoding: .utf8)
    var expected = SampleModels.classifierInfo
    expected.backbone = "unknown"
    expected.confidenceThreshold = expected.effectiveConfidenceThreshold
    #expect(try ModelInfo(readingIR: foreign) == expected)
  }

  @Test func nameTheirLayersAsTheNetworkDoes() throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    let text = try String(contentsOf: exported.xml, encoding: .utf8)
    let names = text.matches(of: /<layer id="\d+" name="([^"]*)"/).map { String($0.1) }
    #expect(Set(names).count == names.count)
    #expect(
      Set(names).isSuperset(of: [
        "image", "stem.weight", "stem/conv2d", "norm.running_mean", "norm/batch_norm",
        "fc.weight", "fc/linear", "logits/result",
      ])
    )
  }

  @Test func storeWhatDependsOnNoInputAsItIs() throws {
    var writer = GraphWriter()
    let image = writer.input("image", [nil, 4, 8, 8])
    let weight = writer.weight("depthwise.weight", Formula.input([4, 1, 3, 3]), [4, 1, 3, 3])
    writer.output(
      "y",
      writer.one(
        "aten::conv2d",
        .value(image),
        .value(weight),
        .none,
        .ints(1, 1),
        .ints(1, 1),
        .ints(1, 1),
        .int(4),
        rank: 4
      )
    )
    let exported = try OpenVINOExporter().export(
      graph: writer.graph,
      info: SampleModels.classifierInfo,
      to: folder.url
    )
    let text = try String(contentsOf: exported.xml, encoding: .utf8)
    let layers = text.matches(of: /<layer id="\d+" name="([^"]*)" type="([^"]*)"/)
      .map { "\($0.2) \($0.1)" }
    #expect(
      layers == [
        "Parameter image", "Const depthwise.weight", "GroupConvolution depthwise/conv2d",
        "Result y/result",
      ]
    )
  }

  @Test func areTheSameFilesEachTime() throws {
    let first = try SampleModels.exportClassifier(to: folder.file("first"))
    _ = try OpenVINOModel(compiling: SampleGraphs.detector())
    let second = try SampleModels.exportClassifier(to: folder.file("second"))
    #expect(try Data(contentsOf: first.xml) == Data(contentsOf: second.xml))
    #expect(try Data(contentsOf: first.bin) == Data(contentsOf: second.bin))
  }

  @Test func areHalfTheSizeWithHalfPrecision() throws {
    func size(_ url: URL) throws -> Int { try Data(contentsOf: url).count }
    let full = try SampleModels.exportClassifier(to: folder.file("full"))
    let half = try SampleModels.exportClassifier(to: folder.file("half"), halfPrecision: true)
    #expect(try Double(size(half.bin)) < 0.6 * Double(size(full.bin)))

    let images = try SampleModels.images(ImageSize(height: 32, width: 32), count: 2)
    let outputs = try [full, half].map { exported in
      try OpenVINOModel(reading: exported.xml, preprocessing: exported.info.preprocessing)
        .outputs(for: images)
    }
    var parity = ParityReport()
    try parity.compare(outputs[1], with: outputs[0])
    #expect(parity.maxRelativeDifference > 0)
    #expect(parity.maxRelativeDifference < 0.01)
  }

  @Test func replaceOlderOnesAndLeaveNothingBehind() throws {
    try SampleModels.exportClassifier(to: folder.url)
    var info = SampleModels.classifierInfo
    info.model = "second"
    let exported = try SampleModels.exportClassifier(to: folder.url, info: info)
    #expect(try ModelInfo(readingIR: exported.xml).model == "second")
    #expect(try folder.names.allSatisfy { !$0.hasPrefix(".") })
    let threshold = try Data(contentsOf: folder.file("confidence_threshold"))
    #expect(threshold.count == 4)
    #expect(threshold.withUnsafeBytes { $0.loadUnaligned(as: Float.self) } == 0.35)
  }

  @Test func haveTheirLabelsAndConfigurationBesideThem() throws {
    try SampleModels.exportClassifier(to: folder.url)
    #expect(
      try folder.names == [
        "confidence_threshold", "config.json", "label_schema.json", "openvino.bin",
        "openvino.xml",
      ]
    )
    let schema = try LabelSchema(reading: folder.file("label_schema.json"))
    #expect(schema.labels == SampleModels.classifierInfo.labels)

    struct Configuration: Decodable {
      struct Parameters: Decodable { var confidenceThreshold: Double }
      var typeOfModel: String
      var taskType: String
      var converterType: String
      var modelParameters: Parameters
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let configuration = try decoder.decode(
      Configuration.self,
      from: Data(contentsOf: folder.file("config.json"))
    )
    #expect(configuration.typeOfModel == "Classification")
    #expect(configuration.taskType == "classification")
    #expect(configuration.converterType == "CLASSIFICATION")
    expectClose(configuration.modelParameters.confidenceThreshold, 0.35)
  }

  @Test func needAFolderThatCanBeWrittenTo() throws {
    let file = folder.file("file")
    try Data().write(to: file)
    #expect(throws: FileError.self) {
      try SampleModels.exportClassifier(to: file.appending(path: "below"))
    }
  }

  @Test func areNotTouchedByAnExportThatFails() throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    let before = try folder.names
    #expect(throws: ModelError.self) {
      try OpenVINOExporter().export(
        graph: SampleGraphs.withUnknownOperators(),
        info: SampleModels.classifierInfo,
        to: folder.url
      )
    }
    #expect(try folder.names == before)
    #expect(try ModelInfo(readingIR: exported.xml) == SampleModels.classifierInfo)
  }
}
