public import OTXCore
import OTXNN
public import OTXTensor

/// Hierarchical classification: cross-entropy over each exclusive group, the asymmetric angular loss
/// for labels that stand alone.
///
/// One layer has the outputs of all groups. A group below a label that a picture does not show does
/// not count; nor does a group of which nothing is known.
public final class HierarchicalClassifier: ClassifierModel {
  public typealias Kind = HierarchicalClassification
  public let network: any ImageClassifierNetwork
  private let ranges: [Range<Int>]

  public init(network: any ImageClassifierNetwork, info: ModelInfo) {
    self.network = network
    ranges = info.labels.effectiveHierarchy.ranges
  }

  public func loss(
    ofLogits logits: Tensor,
    _ batch: HierarchicalClassification.Batch
  ) throws -> LossTerms {
    let known = batch.entities.map(\.targets)
    let targets = try LabelTensors(known, count: logits.shape[1]).to(logits.device)
    var heads: [Tensor] = []
    let exclusive = ranges.filter { $0.count > 1 }
    for range in exclusive {
      // How many pictures the group is known of; at 0 there is nothing to learn.
      let weight = known.reduce(Float(0)) { sum, target in
        sum
          + (target.weights.indices.contains(range.lowerBound)
            ? target.weights[range.lowerBound] : 0)
      }
      guard weight > 0 else { continue }
      func part(_ tensor: Tensor) throws -> Tensor {
        try tensor.narrow(dim: 1, start: range.lowerBound, length: range.count)
      }
      let shares = try part(targets.values) * part(targets.weights)
      let entropy = try (shares * part(logits).logSoftmax(dim: 1)).sum()
      heads.append(try entropy / Double(-weight))
    }
    // Nothing known at all is a loss of 0 that still has a gradient.
    var total = try logits.sum() * 0
    if !heads.isEmpty {
      for head in heads { total = try total + head }
      total = try total / Double(heads.count)
    }
    var terms = [NamedTensor("loss_cls", total)]
    let first = exclusive.last?.upperBound ?? 0
    if first < logits.shape[1] {
      func part(_ tensor: Tensor) throws -> Tensor {
        try tensor.narrow(dim: 1, start: first, length: logits.shape[1] - first)
      }
      let loss = try asymmetricAngularLoss(
        part(logits),
        part(targets.values),
        weight: part(targets.weights)
      )
      terms.append(NamedTensor("loss_multilabel", try loss / Double(batch.count)))
    }
    return LossTerms(terms)
  }

  public func outputs(ofLogits logits: Tensor) throws -> [NamedTensor] {
    [NamedTensor(HierarchicalClassification.Output.logits, logits)]
  }
}
