public import OTXTensor

/// Group normalisation (Wu and He, ECCV 2018): each picture by itself, the channels in groups.
///
/// It computes the same while training and afterwards, whatever the batch size; only the road differs.
/// Names and defaults are `torch.nn.GroupNorm`'s.
public final class GroupNorm: Layer, ModeAware {
  public let weight: Parameter
  public let bias: Parameter
  public let groupCount: Int
  public let epsilon: Double
  public var isTraining = true

  /// `groupCount` is a divisor of `channels`.
  public init(_ groupCount: Int, _ channels: Int, epsilon: Double = 1e-5) throws(TensorError) {
    self.groupCount = groupCount
    self.epsilon = epsilon
    weight = try Parameter(.ones([channels]))
    bias = try Parameter(.zeros([channels]))
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try self(input, then: .identity)
  }

  /// `activation(groupNorm(input))`, while training in one go.
  ///
  /// - Parameters:
  ///   - input: `[N, C, …]`.
  ///   - activation: What follows.
  /// - Returns: A tensor of the input's shape.
  /// - Throws: `TensorError`, also for channels that are not the layer's.
  public func callAsFunction(
    _ input: Tensor,
    then activation: FusibleActivation
  ) throws(TensorError) -> Tensor {
    guard isTraining else {
      let result = try input.groupNorm(
        groupCount: groupCount,
        weight: weight.value,
        bias: bias.value,
        eps: epsilon
      )
      return try activation(result)
    }
    return try input.groupNormActivation(
      groupCount: groupCount,
      weight: weight.value,
      bias: bias.value,
      eps: epsilon,
      activation: activation.number
    )
  }
}
