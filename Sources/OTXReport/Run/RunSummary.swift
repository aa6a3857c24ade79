public import Foundation
public import OTXCore

/// What a run's report needs to know and no other file of the run says.
///
/// Written when a run begins, and again when it ends.
public struct RunSummary: Codable, Sendable, Equatable {
  /// Its name in a run's folder.
  public static let fileName = "summary.json"

  /// Where the data was, for people.
  public var data: String
  public var task: TaskType
  /// The model's name, and its title for people.
  public var model: String
  public var modelTitle: String
  public var parameterCount: Int
  public var started: Date
  public var seed: Int
  public var profile: DatasetProfile?
  public var machine: [ReportFact]
  public var versions: [ReportFact]
  /// `nil` until the run has ended.
  public var result: TrainingResult?

  public init(
    data: String,
    task: TaskType,
    model: String,
    modelTitle: String,
    parameterCount: Int,
    started: Date,
    seed: Int,
    profile: DatasetProfile?,
    machine: [ReportFact],
    versions: [ReportFact],
    result: TrainingResult? = nil
  ) {
    self.data = data
    self.task = task
    self.model = model
    self.modelTitle = modelTitle
    self.parameterCount = parameterCount
    self.started = started
    self.seed = seed
    self.profile = profile
    self.machine = machine
    self.versions = versions
    self.result = result
  }

  /// Writes the summary into a run's folder.
  ///
  /// - Throws: ``OTXCore/FileError/cannotWrite(_:reason:)``.
  public func write(to directory: URL) throws {
    try AtomicFile.write(
      try ReportFiles.encoder.encode(self),
      to: directory.appending(path: RunSummary.fileName)
    )
  }

  /// The summary in a run's folder; `nil` where there is none that can be read.
  public init?(directory: URL) {
    guard
      let summary = ReportFiles.read(
        RunSummary.self,
        directory.appending(path: RunSummary.fileName)
      )
    else { return nil }
    self = summary
  }
}

/// Values kept as JSON in a run's folder.
enum ReportFiles {
  static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    // A score that is no number must not cost the report.
    encoder.nonConformingFloatEncodingStrategy =
      .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return encoder
  }

  static func read<Value: Decodable>(_ type: Value.Type, _ url: URL) -> Value? {
    guard let data = try? Data(contentsOf: url) else { return nil }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    decoder.nonConformingFloatDecodingStrategy =
      .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try? decoder.decode(type, from: data)
  }
}

/// The machine that a program runs on, for people.
public enum Machine {
  /// Processor, cores, memory and system.
  public static func facts() -> [ReportFact] {
    let process = ProcessInfo.processInfo
    return [
      ReportFact("processor", Processor.current.name),
      ReportFact("cores", "\(Processor.current.coreCount)"),
      ReportFact("memory", NumberText.bytes(Int(process.physicalMemory))),
      ReportFact("system", process.operatingSystemVersionString),
    ]
  }
}
