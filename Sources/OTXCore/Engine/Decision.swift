/// One choice that was made for the user, and why.
public struct Decision: Codable, Sendable, Equatable, CustomStringConvertible {
  /// The recipe key it is about: `inputSize`.
  public var setting: String
  public var value: String
  public var reason: String
  public init(setting: String, value: String, reason: String) {
    (self.setting, self.value, self.reason) = (setting, value, reason)
  }
  /// `inputSize: 416x416 (pictures are up to 416x416)`.
  public var description: String { "\(setting): \(value) (\(reason))" }
}
