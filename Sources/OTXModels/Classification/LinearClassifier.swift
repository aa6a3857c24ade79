public import OTXCore
public import OTXNN
public import OTXTensor

/// The means of a backbone's last level and one linear layer: a classifier on any backbone.
///
/// Weights are `backbone.…`, `head.weight` and `head.bias`.
public final class LinearClassifier: PooledClassifier {
  public let backbone: any Backbone
  public let head: Linear
  public var levels: [FeatureLevel] { backbone.levels }

  /// - Parameters:
  ///   - backbone: Its last level is looked at.
  ///   - labelCount: Outputs of the linear layer.
  /// - Throws: ``ModelError/mismatch(_:)`` for a backbone without levels, `TensorError`.
  public init(backbone: any Backbone, labelCount: Int) throws {
    guard let channels = backbone.levels.last?.channels else {
      throw ModelError.mismatch("\(type(of: backbone)) gives no features to classify by")
    }
    self.backbone = backbone
    head = try Linear(channels, labelCount)
    try Initialization.normal(standardDeviation: 0.01).apply(to: head.weight)
    if let bias = head.bias { try Initialization.constant(0).apply(to: bias) }
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    try backbone(images)
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    try head(means.flatten(startDim: 1))
  }
}

extension LinearClassifier {
  private static let ownBackbone = "mobilenet_v3_large"

  /// The model of each task that classifies whole pictures.
  static func descriptor(for task: TaskType) -> ModelDescriptor {
    ModelDescriptor(
      name: "linear_classifier",
      title: "Linear classifier",
      task: task,
      backbones: [ownBackbone] + ModelZoo.backbones.map(\.name).filter { $0 != ownBackbone },
      preprocessing: Preprocessing(inputSize: ImageSize(height: 224, width: 224)),
      hasDynamicSize: true,
      parameterCount: 2_816_915,
      gigaMultiplyAdds: 0.20656
    )
  }
}

extension ClassifierModel {
  /// The zoo's line for one linear layer on any backbone.
  static var linear: any ModelEntry {
    ZooModel<Kind>(LinearClassifier.descriptor(for: Kind.taskType)) { info in
      let backbone = try ModelZoo.makeBackbone(info.backbone, for: info.preprocessing.inputSize)
      let network = try LinearClassifier(backbone: backbone, labelCount: outputCount(info))
      return try Self(network: network, info: info)
    }
  }
}
