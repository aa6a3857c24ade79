import OTXTensor

/// What Adam and AdamW remember: the moments of each parameter's gradient.
final class AdamMoments {
  private let averages = Slots("exp_avg") { parameter throws(TensorError) in
    try parameter.detach().zerosLike()
  }
  private let squareAverages = Slots("exp_avg_sq") { parameter throws(TensorError) in
    try parameter.detach().zerosLike()
  }
  private let largestSquareAverages = Slots("max_exp_avg_sq") { parameter throws(TensorError) in
    try parameter.detach().zerosLike()
  }
  private let stepCounts = Slots("step") { _ throws(TensorError) in try .zeros([]) }
  private let isAMSGrad: Bool

  init(isAMSGrad: Bool) { self.isAMSGrad = isAMSGrad }

  /// The tensors of one group's step, its steps counted up.
  struct Step {
    var parameters: [Tensor]
    var gradients: [Tensor]
    var first: [Tensor]
    var second: [Tensor]
    var largestSecond: [Tensor]
    var counts: [Tensor]
  }

  /// `nil` where no parameter of the group has a gradient.
  func nextStep(of group: ParameterGroup) throws(TensorError) -> Step? {
    let (parameters, gradients) = try group.withGradients()
    guard !parameters.isEmpty else { return nil }
    let step = Step(
      parameters: parameters.map(\.value),
      gradients: gradients,
      first: try averages.tensors(for: parameters),
      second: try squareAverages.tensors(for: parameters),
      largestSecond: isAMSGrad ? try largestSquareAverages.tensors(for: parameters) : [],
      counts: try stepCounts.tensors(for: parameters)
    )
    try noGrad { () throws(TensorError) in try TensorLists.add_(step.counts, 1) }
    return step
  }

  private var slots: [Slots] {
    [averages, squareAverages, stepCounts] + (isAMSGrad ? [largestSquareAverages] : [])
  }

  func state(
    of parameters: [(name: String, parameter: Parameter)]
  ) -> [(name: String, value: Tensor)] {
    slots.flatMap { $0.state(of: parameters) }
  }

  func load(
    _ state: [(name: String, value: Tensor)],
    for parameters: [(name: String, parameter: Parameter)]
  ) throws {
    try loadSlots(slots, state, for: parameters)
  }
}
