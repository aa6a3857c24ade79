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
public final class ImageClassifier: LogitsTrainable, LossConfigurable {
  public typealias Kind = MultiClassClassification
  public let network: any ImageClassifierNetwork
  public var module: any ParameterTree { network }
  public var lossOptions = LossOptions()

  public init(network: any ImageClassifierNetwork) { self.network = network }

  public func loss(
    _ images: Tensor,
    _ batch: MultiClassClassification.Batch
  ) throws -> LossTerms {
    try loss(ofLogits: network.logits(images).to(.float32), batch)
  }

  public func loss(
    ofLogits logits: Tensor,
    _ batch: MultiClassClassification.Batch
  ) throws -> LossTerms {
    let targets = try ImageClassifier.targets(of: batch, labelCount: logits.shape[1])
    let loss = try crossEntropy(
      logits,
      targets.to(logits.device),
      labelSmoothing: lossOptions.labelSmoothing
    )
    return LossTerms([NamedTensor("loss_cls", loss)])
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
  /// The zoo's lines: every backbone that has a classifier is a model by its own name.
  static func entries(of backbones: [BackboneEntry]) -> [any ModelEntry] {
    backbones.filter(\.descriptor.hasClassifier).map { entry in
      let backbone = entry.descriptor
      return ZooModel<MultiClassClassification>(
        ModelDescriptor(
          name: backbone.name,
          title: backbone.title,
          task: .multiClassClassification,
          backbones: [backbone.name],
          preprocessing: backbone.preprocessing,
          sizeMultiple: backbone.sizeMultiple,
          hasDynamicSize: backbone.hasDynamicSize,
          parameterCount: backbone.parameterCount,
          gigaMultiplyAdds: backbone.gigaMultiplyAdds
        )
      ) { info in
        let size = info.preprocessing.inputSize
        guard let network = try entry.makeClassifier(labelCount: info.labels.count, for: size)
        else { throw ModelError.noClassifier }
        return ImageClassifier(network: network)
      }
    }
  }
}

extension ModelError {
  static let noClassifier = ModelError.mismatch(
    "a backbone that was built without labels has no classifier"
  )
}
