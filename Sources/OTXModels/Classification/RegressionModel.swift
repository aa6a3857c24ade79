public import OTXCore
import OTXNN
public import OTXTensor

/// Regression: one output for each target, learned as a standardised value.
public final class RegressionModel: ClassifierModel {
  public typealias Kind = Regression
  public let network: any ImageClassifierNetwork
  private let targets: [RegressionTarget]
  private let lossKind: RegressionLoss

  public init(network: any ImageClassifierNetwork, info: ModelInfo) {
    self.network = network
    targets = info.regression?.targets ?? info.labels.names.map { RegressionTarget(name: $0) }
    lossKind = info.regression?.loss ?? .huber
  }

  public func loss(ofLogits found: Tensor, _ batch: Regression.Batch) throws -> LossTerms {
    let known = try LabelTensors(batch.entities.map(\.targets), count: targets.count)
      .to(found.device)
    let (means, deviations) = try statistics(found.device)
    let wanted = try (known.values - means) / deviations
    let losses =
      switch lossKind {
      case .l1: try (found - wanted).abs()
      case .l2: try (found - wanted).pow(2)
      case .huber: try smoothL1Loss(found, wanted, reduction: .none)
      }
    let count = batch.entities.reduce(Float(0)) { $0 + $1.targets.weights.reduce(0, +) }
    let sum = try (losses * known.weights).sum()
    return LossTerms([NamedTensor("loss_reg", try sum / Double(max(count, 1)))])
  }

  public func outputs(ofLogits logits: Tensor) throws -> [NamedTensor] {
    let (means, deviations) = try statistics(logits.device)
    let values = try logits.to(.float32) * deviations + means
    return [NamedTensor(Regression.Output.values, values)]
  }

  /// Means and standard deviations, `[1, T]`.
  private func statistics(_ device: Device) throws -> (means: Tensor, deviations: Tensor) {
    let shape = [1, targets.count]
    return (
      try Tensor(targets.map { Float($0.mean) }, shape: shape).to(device),
      try Tensor(targets.map { Float($0.std) }, shape: shape).to(device)
    )
  }
}
