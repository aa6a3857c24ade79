public import OTXTensor

/// Stochastic gradient descent with momentum and weight decay, as `torch.optim.SGD`.
///
/// One fused kernel updates all parameters in a single pass over their memory.
public final class SGD: Optimizer {
  public let groups: [ParameterGroup]
  public let momentum: Double
  public let nesterov: Bool
  public let weightDecay: Double
  private let momentumBuffers = Slots("momentum_buffer") { parameter throws(TensorError) in
    try parameter.detach().zerosLike()
  }

  public init(
    _ groups: [ParameterGroup],
    momentum: Double = 0,
    nesterov: Bool = false,
    weightDecay: Double = 0
  ) {
    self.groups = groups
    self.momentum = momentum
    self.nesterov = nesterov
    self.weightDecay = weightDecay
  }

  public func step(learningRate: Double) throws(TensorError) {
    for group in groups {
      let (parameters, gradients) = try group.withGradients()
      guard !parameters.isEmpty else { continue }
      // Buffers start at zero: with no dampening that is PyTorch's first step.
      let buffers = momentum == 0 ? [] : try momentumBuffers.tensors(for: parameters)
      try noGrad { () throws(TensorError) in
        try TensorLists.fusedSGD_(
          parameters.map(\.value),
          gradients: gradients,
          momentumBuffers: buffers,
          learningRate: learningRate * group.learningRateFactor,
          momentum: momentum,
          weightDecay: weightDecay * group.weightDecayFactor,
          nesterov: nesterov,
          isFirstStep: false
        )
      }
    }
  }

  public func state() -> [(name: String, value: Tensor)] { momentumBuffers.state(of: parameters) }

  public func loadState(_ state: [(name: String, value: Tensor)]) throws {
    try loadSlots([momentumBuffers], state, for: parameters)
  }
}
