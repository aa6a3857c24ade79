public import OTXTensor

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as `torch.optim.AdamW`.
///
/// One fused kernel updates all parameters in a single pass over their memory.
public final class AdamW: Optimizer {
  public let groups: [ParameterGroup]
  public let beta1: Double
  public let beta2: Double
  public let epsilon: Double
  public let weightDecay: Double
  private let averages = Slots("exp_avg") { parameter throws(TensorError) in
    try parameter.detach().zerosLike()
  }
  private let squareAverages = Slots("exp_avg_sq") { parameter throws(TensorError) in
    try parameter.detach().zerosLike()
  }
  private let stepCounts = Slots("step") { _ throws(TensorError) in try .zeros([]) }

  public init(
    _ groups: [ParameterGroup],
    beta1: Double = 0.9,
    beta2: Double = 0.999,
    epsilon: Double = 1e-8,
    weightDecay: Double = 0.01
  ) {
    self.groups = groups
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  public func step(learningRate: Double) throws(TensorError) {
    for group in groups {
      let (parameters, gradients) = try group.withGradients()
      guard !parameters.isEmpty else { continue }
      let means = try averages.tensors(for: parameters)
      let squares = try squareAverages.tensors(for: parameters)
      let counts = try stepCounts.tensors(for: parameters)
      try noGrad { () throws(TensorError) in
        try TensorLists.add_(counts, 1)
        try TensorLists.fusedAdamW_(
          parameters.map(\.value),
          gradients: gradients,
          firstMoments: means,
          secondMoments: squares,
          steps: counts,
          learningRate: learningRate * group.learningRateFactor,
          beta1: beta1,
          beta2: beta2,
          weightDecay: weightDecay * group.weightDecayFactor,
          eps: epsilon
        )
      }
    }
  }

  public func state() -> [(name: String, value: Tensor)] {
    averages.state(of: parameters) + squareAverages.state(of: parameters)
      + stepCounts.state(of: parameters)
  }

  public func loadState(_ state: [(name: String, value: Tensor)]) throws {
    try loadSlots([averages, squareAverages, stepCounts], state, for: parameters)
  }
}
