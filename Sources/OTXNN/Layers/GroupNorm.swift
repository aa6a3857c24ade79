public import OTXTensor

/// Group normalisation (Wu and He, ECCV 2018): each picture by itself, the channels in groups.
///
/// It computes the same while training and afterwards, whatever the batch size. Names and defaults
/// are `torch.nn.GroupNorm`'s.
public final class GroupNorm: Layer {
  public let weight: Parameter
  public let bias: Parameter
  public let groupCount: Int
  public let epsilon: Double

  /// `groupCount` is a divisor of `channels`.
  public init(_ groupCount: Int, _ channels: Int, epsilon: Double = 1e-5) throws(TensorError) {
    self.groupCount = groupCount
    self.epsilon = epsilon
    weight = try Parameter(.ones([channels]))
    bias = try Parameter(.zeros([channels]))
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.groupNorm(
      groupCount: groupCount,
      weight: weight.value,
      bias: bias.value,
      eps: epsilon
    )
  }
}
