public import OTXTensor

/// Adam (Kingma and Ba, 2015), weight decay added to the gradient, as `torch.optim.Adam`.
///
/// One fused kernel updates all parameters in a single pass over their memory.
public final class Adam: Optimizer {
  public let groups: [ParameterGroup]
  public let beta1: Double
  public let beta2: Double
  public let epsilon: Double
  public let weightDecay: Double
  private let moments: AdamMoments

  /// - `amsgrad`: Divides by the largest second moment so far (Reddi et al., 2018).
  public init(
    _ groups: [ParameterGroup],
    beta1: Double = 0.9,
    beta2: Double = 0.999,
    epsilon: Double = 1e-8,
    weightDecay: Double = 0,
    amsgrad: Bool = false
  ) {
    self.groups = groups
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    moments = AdamMoments(isAMSGrad: amsgrad)
  }

  public func step(learningRate: Double) throws(TensorError) {
    for group in groups {
      guard let step = try moments.nextStep(of: group) else { continue }
      try noGrad { () throws(TensorError) in
        try TensorLists.fusedAdam_(
          step.parameters,
          gradients: step.gradients,
          firstMoments: step.first,
          secondMoments: step.second,
          maxSecondMoments: step.largestSecond,
          steps: step.counts,
          learningRate: learningRate * group.learningRateFactor,
          beta1: beta1,
          beta2: beta2,
          weightDecay: weightDecay * group.weightDecayFactor,
          eps: epsilon
        )
      }
    }
  }

  public func state() -> [(name: String, value: Tensor)] { moments.state(of: parameters) }

  public func loadState(_ state: [(name: String, value: Tensor)]) throws {
    try moments.load(state, for: parameters)
  }
}
