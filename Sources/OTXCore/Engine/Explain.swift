/// How it is found out what a model looks at.
///
/// Raw values are what users type.
public enum ExplainMethod: String, Codable, Sendable, CaseIterable {
  /// One map a label: ReciproCAM for convolutional classifiers, ViT-ReciproCAM for vision
  /// transformers, class probabilities for detectors.
  case auto
  /// One map whatever the label: the mean of the last features over the channels.
  case activationMap = "activationmap"

  /// Reads a name, one of OTX 1 too.
  public init?(name: String) {
    switch name.lowercased() {
    case "auto", "reciprocam", "vitreciprocam", "classwisesaliencymap": self = .auto
    case "activationmap", "activation_map": self = .activationMap
    default: return nil
    }
  }
}

/// Names of the outputs that a model has besides its own when it explains itself; Python OTX's names.
public enum ExplainOutput {
  /// `[N, K, h, w]`, one map a label, or `[N, h, w]`; 0…255, each map from its least to its most.
  public static let saliencyMap = "saliency_map"
  /// `[N, D]`: the means of the last features, to compare pictures by.
  public static let featureVector = "feature_vector"
}

/// A sub-engine that can say what its model looks at.
public protocol ExplainingEngine<Kind>: SubEngine {
  /// The model's outputs for a batch, ``ExplainOutput``'s among them.
  ///
  /// - Throws: ``ModelError/mismatch(_:)`` for a model that has no features with places.
  func explain(_ batch: Kind.Batch, method: ExplainMethod) async throws -> [String: ModelOutput]
}

/// A sub-engine that can write down a model that explains itself.
public protocol ExplanationRecordingEngine<Kind>: ExplainingEngine, GraphRecordingEngine {
  /// As `recordGraph()`, with ``ExplainOutput``'s outputs after the model's own.
  func recordExplainedGraph(_ method: ExplainMethod) async throws -> OperatorGraph
}
