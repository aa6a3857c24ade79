public import Foundation

/// One choice that was made for the user, why, and what else was considered.
public struct Decision: Codable, Sendable, Equatable, CustomStringConvertible {
  /// The recipe key it is about: `inputSize`.
  public var setting: String
  public var value: String
  public var reason: String
  /// What else was considered; empty where there was nothing else to take.
  public var alternatives: [Alternative]

  /// A value that was considered and not taken.
  public struct Alternative: Codable, Sendable, Equatable, CustomStringConvertible {
    public var value: String
    /// Why it was not taken.
    public var reason: String
    public init(_ value: String, _ reason: String) { (self.value, self.reason) = (value, reason) }
    /// `ssd_mobilenetv2: finds fewer small objects`.
    public var description: String { "\(value): \(reason)" }
  }

  public init(
    setting: String,
    value: String,
    reason: String,
    alternatives: [Alternative] = []
  ) {
    (self.setting, self.value, self.reason) = (setting, value, reason)
    self.alternatives = alternatives
  }

  private enum CodingKeys: String, CodingKey { case setting, value, reason, alternatives }

  /// Decisions of earlier versions name no alternatives.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    setting = try container.decode(String.self, forKey: .setting)
    value = try container.decode(String.self, forKey: .value)
    reason = try container.decode(String.self, forKey: .reason)
    alternatives =
      try container.decodeIfPresent([Alternative].self, forKey: .alternatives) ?? []
  }

  /// `inputSize: 416x416 (pictures are up to 416x416)`.
  public var description: String { "\(setting): \(value) (\(reason))" }

  /// ``description`` with the values that were not taken: `…; not ssd_mobilenetv2, yolox_tiny`.
  public var summary: String {
    alternatives.isEmpty
      ? description : "\(description); not " + alternatives.map(\.value).joined(separator: ", ")
  }
}

/// The decisions of a run in a file of their own, whole.
public enum DecisionFile {
  /// Its name in a run's folder.
  public static let name = "decisions.json"

  static func data(_ decisions: [Decision]) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(decisions)
  }

  static func decisions(_ data: Data) -> [Decision]? {
    try? JSONDecoder().decode([Decision].self, from: data)
  }

  /// Writes the decisions into a run's folder.
  ///
  /// - Throws: ``FileError/cannotWrite(_:reason:)``.
  public static func write(_ decisions: [Decision], in directory: URL) throws {
    try AtomicFile.write(data(decisions), to: directory.appending(path: name))
  }

  /// The decisions in a run's folder; `nil` where there are none that can be read.
  public static func read(in directory: URL) -> [Decision]? {
    (try? Data(contentsOf: directory.appending(path: name))).flatMap(decisions)
  }
}
