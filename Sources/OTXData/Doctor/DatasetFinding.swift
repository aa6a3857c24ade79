/// Something that a look at a dataset found, and what to do about it.
public struct DatasetFinding: Codable, Sendable, Equatable {
  /// How bad it is.
  public enum Severity: String, Codable, Sendable, CaseIterable {
    /// Data is lost, or scores would be wrong.
    case error
    /// Training works, but most likely not as it is meant.
    case warning
    /// Worth knowing.
    case note
  }

  public var severity: Severity
  /// A short name of the kind of problem, for counting: `near-duplicates across subsets`.
  public var kind: String
  /// File, line or item it is about.
  public var location: String
  public var message: String
  /// A command that helps; empty where only the user can.
  public var suggestion: String

  public init(
    _ severity: Severity,
    kind: String,
    location: String,
    message: String,
    suggestion: String = ""
  ) {
    self.severity = severity
    self.kind = kind
    self.location = location
    self.message = message
    self.suggestion = suggestion
  }
}
