public import OTXCore
import OTXNN
public import OTXTensor

/// Multi-label classification by the asymmetric angular loss.
///
/// Labels that are not known of a picture do not count in the loss.
public final class MultiLabelClassifier: ClassifierModel {
  public typealias Kind = MultiLabelClassification
  public let network: any ImageClassifierNetwork

  public init(network: any ImageClassifierNetwork, info: ModelInfo) { self.network = network }

  public func loss(
    ofLogits logits: Tensor,
    _ batch: MultiLabelClassification.Batch
  ) throws -> LossTerms {
    let targets = try LabelTensors(batch.entities.map(\.targets), count: logits.shape[1])
      .to(logits.device)
    let loss = try asymmetricAngularLoss(logits, targets.values, weight: targets.weights)
    // The sum over labels, the mean over pictures: it does not depend on the batch's size.
    return LossTerms([NamedTensor("loss_cls", try loss / Double(batch.count))])
  }

  public func outputs(ofLogits logits: Tensor) throws -> [NamedTensor] {
    [NamedTensor(MultiLabelClassification.Output.logits, logits)]
  }
}

/// What is known of the labels of a batch's pictures, `[N, K]`.
struct LabelTensors {
  let values: Tensor
  let weights: Tensor

  /// Of pictures of which nothing is known every weight is 0.
  init(_ targets: [LabelTargets], count: Int) throws {
    func rows(_ list: (LabelTargets) -> [Float]) throws -> Tensor {
      let rows = targets.flatMap { target in
        let row = list(target)
        return row.count == count ? row : [Float](repeating: 0, count: count)
      }
      return try Tensor(rows, shape: [targets.count, count])
    }
    values = try rows(\.values)
    weights = try rows(\.weights)
  }

  private init(values: Tensor, weights: Tensor) { (self.values, self.weights) = (values, weights) }

  func to(_ device: Device) throws -> LabelTensors {
    LabelTensors(values: try values.to(device), weights: try weights.to(device))
  }
}
