public import OTXTensor

/// Gradients divided by the root of their squares' average (Hinton, Lecture 6e, 2012), as
/// `torch.optim.RMSprop`.
///
/// A step is a handful of calls for all parameters together.
public final class RMSprop: Optimizer {
  public let groups: [ParameterGroup]
  public let alpha: Double
  public let epsilon: Double
  public let momentum: Double
  public let weightDecay: Double
  private let squareAverages = Slots("square_avg") { parameter throws(TensorError) in
    try parameter.detach().zerosLike()
  }
  private let momentumBuffers = Slots("momentum_buffer") { parameter throws(TensorError) in
    try parameter.detach().zerosLike()
  }

  /// - `alpha`: What a step keeps of the average.
  public init(
    _ groups: [ParameterGroup],
    alpha: Double = 0.99,
    epsilon: Double = 1e-8,
    momentum: Double = 0,
    weightDecay: Double = 0
  ) {
    self.groups = groups
    self.alpha = alpha
    self.epsilon = epsilon
    self.momentum = momentum
    self.weightDecay = weightDecay
  }

  public func step(learningRate: Double) throws(TensorError) {
    for group in groups {
      let (parameters, raw) = try group.withGradients()
      guard !parameters.isEmpty else { continue }
      let values = parameters.map(\.value)
      let squares = try squareAverages.tensors(for: parameters)
      let buffers = momentum == 0 ? [] : try momentumBuffers.tensors(for: parameters)
      let rate = learningRate * group.learningRateFactor
      let decay = weightDecay * group.weightDecayFactor
      try noGrad { () throws(TensorError) in
        let gradients = decay == 0 ? raw : try TensorLists.add(raw, values, scale: decay)
        try TensorLists.mul_(squares, alpha)
        try TensorLists.addcmul_(squares, gradients, gradients, value: 1 - alpha)
        let roots = try TensorLists.sqrt(squares)
        try TensorLists.add_(roots, epsilon)
        guard momentum != 0 else {
          return try TensorLists.addcdiv_(values, gradients, roots, value: -rate)
        }
        try TensorLists.mul_(buffers, momentum)
        try TensorLists.addcdiv_(buffers, gradients, roots, value: 1)
        try TensorLists.add_(values, buffers, scale: -rate)
      }
    }
  }

  public func state() -> [(name: String, value: Tensor)] {
    squareAverages.state(of: parameters) + momentumBuffers.state(of: parameters)
  }

  public func loadState(_ state: [(name: String, value: Tensor)]) throws {
    try loadSlots([squareAverages, momentumBuffers], state, for: parameters)
  }
}
