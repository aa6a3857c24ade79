public import OTXCore
import OTXNN
public import OTXTensor

/// Multi-class classification by cross-entropy.
public final class ImageClassifier: ClassifierModel, LossConfigurable {
  public typealias Kind = MultiClassClassification
  public let network: any ImageClassifierNetwork
  public var lossOptions = LossOptions()

  public init(network: any ImageClassifierNetwork) { self.network = network }

  public convenience init(network: any ImageClassifierNetwork, info: ModelInfo) {
    self.init(network: network)
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

  public func outputs(ofLogits logits: Tensor) throws -> [NamedTensor] {
    [NamedTensor(MultiClassClassification.Output.logits, logits)]
  }
}
