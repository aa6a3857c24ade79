public import OTXCore
public import OTXNN
public import OTXTensor

/// A backbone that can carry a classifier.
public protocol ImageClassifierNetwork: Backbone {
  /// `[N, K]` before softmax, of pictures `[N, 3, H, W]`.
  ///
  /// - Throws: ``ModelError/mismatch(_:)`` when it was built without labels.
  func logits(_ images: Tensor) throws -> Tensor
}

/// Multi-class classification by cross-entropy.
///
/// The checkpoint is the network's own tree, so that it loads into torchvision's model as it is.
public final class ImageClassifier: TaskModel {
  public typealias Kind = MultiClassClassification
  public let network: any ImageClassifierNetwork
  public var module: any ParameterTree { network }

  public init(network: any ImageClassifierNetwork) { self.network = network }

  public func loss(
    _ images: Tensor,
    _ batch: MultiClassClassification.Batch
  ) throws -> LossTerms {
    let logits = try network.logits(images).to(.float32)
    let targets = try ImageClassifier.targets(of: batch, labelCount: logits.shape[1])
    return LossTerms([NamedTensor("loss_cls", try crossEntropy(logits, targets.to(images.device)))])
  }

  /// Classes `[N]`, or probabilities `[N, K]` where pictures were mixed.
  private static func targets(
    of batch: MultiClassClassification.Batch,
    labelCount: Int
  ) throws -> Tensor {
    guard batch.entities.contains(where: { !$0.mixedLabels.isEmpty }) else {
      return try Tensor(batch.entities.map(\.label), shape: [batch.count])
    }
    var shares = [Float](repeating: 0, count: batch.count * labelCount)
    for (row, entity) in batch.entities.enumerated() {
      for part in entity.labelShares where (0..<labelCount).contains(part.label) {
        shares[row * labelCount + part.label] += part.share
      }
    }
    return try Tensor(shares, shape: [batch.count, labelCount])
  }

  public func outputs(_ images: Tensor) throws -> [NamedTensor] {
    [NamedTensor(MultiClassClassification.Output.logits, try network.logits(images))]
  }
}

extension ImageClassifier {
  /// The zoo's line for a network that has torchvision's name.
  static func entry(
    _ name: String,
    title: String,
    parameterCount: Int,
    gigaMultiplyAdds: Double,
    make: @escaping @Sendable (_ labelCount: Int) throws -> any ImageClassifierNetwork
  ) -> ZooModel<MultiClassClassification> {
    ZooModel(
      ModelDescriptor(
        name: name,
        title: title,
        task: .multiClassClassification,
        backbones: [name],
        preprocessing: Preprocessing(inputSize: ImageSize(height: 224, width: 224)),
        hasDynamicSize: true,
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { info in
      ImageClassifier(network: try make(info.labels.count))
    }
  }

  static let resNet18 = entry(
    "resnet18",
    title: "ResNet-18",
    parameterCount: 11_178_051,
    gigaMultiplyAdds: 1.814
  ) { try ResNet(labelCount: $0) }

  static let mobileNetV3Large = entry(
    "mobilenet_v3_large",
    title: "MobileNetV3-Large",
    parameterCount: 4_205_875,
    gigaMultiplyAdds: 0.2153
  ) { try MobileNetV3(labelCount: $0) }
}

extension ModelError {
  static let noClassifier = ModelError.mismatch(
    "a backbone that was built without labels has no classifier"
  )
}
