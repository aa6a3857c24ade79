public import OTXTensor

/// Gradient descent whose rate is scaled for each layer by its own trust ratio, for large batches.
///
/// You, Gitman and Ginsburg, Large Batch Training of Convolutional Networks, 2017, algorithm 1: with
/// `ratio = trustCoefficient * |w| / (|g| + weightDecay * |w|)`, the momentum becomes
/// `momentum * v + learningRate * ratio * (g + weightDecay * w)` and is taken from the weights. The
/// ratio is 1 where a norm is 0. Parameters of fewer than two axes (biases, normalisations) have
/// neither ratio nor weight decay. Checked against the formula in PyTorch.
public final class LARS: Optimizer {
  public let groups: [ParameterGroup]
  public let momentum: Double
  public let weightDecay: Double
  public let trustCoefficient: Double
  private let momentumBuffers = Slots("momentum_buffer") { parameter throws(TensorError) in
    try parameter.detach().zerosLike()
  }

  public init(
    _ groups: [ParameterGroup],
    momentum: Double = 0.9,
    weightDecay: Double = 0,
    trustCoefficient: Double = 1e-3
  ) {
    self.groups = groups
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.trustCoefficient = trustCoefficient
  }

  public func step(learningRate: Double) throws(TensorError) {
    for group in groups {
      let (parameters, gradients) = try group.withGradients()
      let rate = learningRate * group.learningRateFactor
      let decay = weightDecay * group.weightDecayFactor
      for adapts in [true, false] {
        let picked = parameters.indices.filter { (parameters[$0].value.rank >= 2) == adapts }
        guard !picked.isEmpty else { continue }
        let layers = picked.map { parameters[$0] }
        let buffers = try momentumBuffers.tensors(for: layers)
        try noGrad { () throws(TensorError) in
          let values = layers.map(\.value)
          var updates = picked.map { gradients[$0] }
          if adapts { updates = try scaled(updates, values, decay: decay) }
          try TensorLists.mul_(buffers, momentum)
          try TensorLists.add_(buffers, updates, scale: rate)
          try TensorLists.add_(values, buffers, scale: -1)
        }
      }
    }
  }

  /// Gradients with weight decay, each times its layer's ratio.
  private func scaled(
    _ gradients: [Tensor],
    _ values: [Tensor],
    decay: Double
  ) throws(TensorError) -> [Tensor] {
    let weightNorms = try Tensor.stack(TensorLists.norms(values), dim: 0)
    let gradientNorms = try Tensor.stack(TensorLists.norms(gradients), dim: 0)
    let ratios = try weightNorms * trustCoefficient / (gradientNorms + weightNorms * decay)
    let isDefined = try weightNorms.gt(0).logicalAnd(gradientNorms.gt(0))
    let updates = try TensorLists.add(gradients, values, scale: decay)
    try TensorLists.mul_(
      updates,
      Tensor.where(isDefined, ratios, ratios.onesLike()).unbind(dim: 0)
    )
    return updates
  }

  public func state() -> [(name: String, value: Tensor)] { momentumBuffers.state(of: parameters) }

  public func loadState(_ state: [(name: String, value: Tensor)]) throws {
    try loadSlots([momentumBuffers], state, for: parameters)
  }
}
