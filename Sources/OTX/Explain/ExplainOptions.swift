import OTXCore

/// How pictures are explained.
public struct ExplainOptions: Codable, Sendable, Equatable {
  /// Which maps are made.
  public enum Target: String, Codable, Sendable, CaseIterable {
    /// One for each label that the model finds in the picture.
    case predictions
    /// One for each label that the model knows.
    case all
    /// One for the picture as a whole: its activation map.
    case image
  }

  public var target = Target.predictions
  /// The score from which a label counts as found; if there is none, the surest one is taken.
  public var confidenceThreshold: Float = 0.3
  /// Whether each map is judged by deletion and insertion, which runs the model some forty times.
  public var judges = false
  /// Parts that pixels are taken away or put back in, when maps are judged.
  public var judgementSteps = 20
  public init() {}

  var method: ExplainMethod { target == .image ? .activationMap : .auto }
}
