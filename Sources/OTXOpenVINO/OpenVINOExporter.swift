public import Foundation
public import OTXCore

/// Writes recorded networks as OpenVINO models.
public struct OpenVINOExporter: Sendable {
  public init() {}

  /// Writes `openvino.xml` and `openvino.bin`, and beside them what other programs look for:
  /// `label_schema.json`, `config.json`, `confidence_threshold`.
  ///
  /// Everything is written aside first and takes its name when it is complete; if anything fails,
  /// `directory` is left as it was.
  ///
  /// - Parameters:
  ///   - graph: From normalised pictures `[N, 3, H, W]` to the named outputs of `info`'s task.
  ///   - info: Goes into the model (`rt_info/model_info`).
  ///   - directory: Made if it is not there.
  ///   - halfPrecision: Stores weights as fp16, half the size.
  /// - Returns: Where the files are.
  /// - Throws: ``ModelError/exportFailed(_:)`` naming the operators that OpenVINO does not know, and
  ///   what the file system says.
  public func export(
    graph: OperatorGraph,
    info: ModelInfo,
    to directory: URL,
    halfPrecision: Bool = false
  ) throws -> ExportedModel {
    let model = try ConvertedModel(converting: graph, name: info.model)
    for (key, value) in try RuntimeInfo.entries(for: info) {
      try model.setRuntimeInfo(value, at: [RuntimeInfo.element, key])
    }
    let files = FileManager.default
    let aside = directory.appending(path: ".openvino-\(UUID().uuidString)")
    try Folder.make(directory)
    try Folder.make(aside)
    defer { try? files.removeItem(at: aside) }

    let xml = aside.appending(path: "openvino.xml")
    try model.save(to: xml, halfPrecision: halfPrecision)
    let exported = ExportedModel(xml: xml, bin: aside.appending(path: "openvino.bin"), info: info)
    // OpenVINO does not notice a full disk while it writes; reading back does.
    _ = try ConvertedModel(reading: xml)
    for file in [exported.xml, exported.bin] { try synchronize(file) }
    try OpenVINOExporter.writeCompanions(of: info, to: aside)
    return try exported.moved(from: aside, to: directory)
  }

  /// Writes the files that OTX 1 leaves beside a model.
  package static func writeCompanions(of info: ModelInfo, to directory: URL) throws {
    let schema = LabelSchema(labels: info.labels, task: info.task)
    try schema.write(to: directory.appending(path: "label_schema.json"))
    let threshold = info.effectiveConfidenceThreshold
    try AtomicFile.write(
      withUnsafeBytes(of: threshold.bitPattern.littleEndian) { Data($0) },
      to: directory.appending(path: "confidence_threshold")
    )
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(
      try encoder.encode(DeploymentConfiguration(info)),
      to: directory.appending(path: "config.json")
    )
  }

  /// Brings a file's contents to the disk.
  private func synchronize(_ file: URL) throws {
    let handle = try FileHandle(forReadingFrom: file)
    defer { try? handle.close() }
    guard fsync(handle.fileDescriptor) == 0 else {
      throw FileError.cannotWrite(file.path, reason: String(cString: strerror(errno)))
    }
  }
}

/// `config.json` beside an exported model, with the keys of OTX 1 and, where they differ, those of
/// OTX 2 too.
private struct DeploymentConfiguration: Encodable {
  struct Parameters: Encodable {
    var confidenceThreshold: Float
    var isThresholdFromResult = false
    var labels: LabelSchema

    enum CodingKeys: String, CodingKey {
      case confidenceThreshold = "confidence_threshold"
      case isThresholdFromResult = "result_based_confidence_threshold"
      case labels
    }
  }

  struct Tiling: Encodable {
    var isEnabled = false
    enum CodingKeys: String, CodingKey { case isEnabled = "enable_tiling" }
  }

  var modelType: String
  var taskType: String
  var converterType: String
  var parameters: Parameters
  var tiling = Tiling()

  init(_ info: ModelInfo) {
    let labels = LabelSchema(labels: info.labels, task: info.task)
    modelType = info.task.kind.exportedEntries["model_type"] ?? ""
    taskType = info.task.kind.exportedTaskName
    converterType = labels.domain
    parameters = Parameters(
      confidenceThreshold: info.effectiveConfidenceThreshold,
      labels: labels
    )
  }

  enum CodingKeys: String, CodingKey {
    case modelType = "model_type"
    case typeOfModel = "type_of_model"
    case taskType = "task_type"
    case converterType = "converter_type"
    case parameters = "model_parameters"
    case tiling = "tiling_parameters"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(modelType, forKey: .modelType)
    try container.encode(modelType, forKey: .typeOfModel)
    try container.encode(taskType, forKey: .taskType)
    try container.encode(converterType, forKey: .converterType)
    try container.encode(parameters, forKey: .parameters)
    try container.encode(tiling, forKey: .tiling)
  }
}
