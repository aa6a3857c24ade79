public import OTXTensor

/// Layer normalisation over the last axes (Ba, Kiros and Hinton, 2016).
///
/// Names and defaults are `torch.nn.LayerNorm`'s.
public final class LayerNorm: Layer {
  public let weight: Parameter
  public let bias: Parameter
  /// The extents of the axes that are normalised together.
  public let shape: [Int]
  public let epsilon: Double

  public init(_ shape: [Int], epsilon: Double = 1e-5) throws(TensorError) {
    self.shape = shape
    self.epsilon = epsilon
    weight = try Parameter(.ones(shape))
    bias = try Parameter(.zeros(shape))
  }

  /// Over the last axis alone.
  public convenience init(_ features: Int, epsilon: Double = 1e-5) throws(TensorError) {
    try self.init([features], epsilon: epsilon)
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.layerNorm(shape, weight: weight.value, bias: bias.value, eps: epsilon)
  }
}

/// Layer normalisation over the channels of `[N, C, H, W]`, each position by itself.
///
/// As in ConvNeXt (Liu et al., CVPR 2022). Names and numbers are those of torchvision's and timm's
/// `LayerNorm2d`. In channels-last memory the two permutations cost nothing.
public final class LayerNorm2d: Layer {
  public let weight: Parameter
  public let bias: Parameter
  public let epsilon: Double

  public init(_ channels: Int, epsilon: Double = 1e-6) throws(TensorError) {
    self.epsilon = epsilon
    weight = try Parameter(.ones([channels]))
    bias = try Parameter(.zeros([channels]))
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.permute([0, 2, 3, 1])
      .layerNorm(weight.value.shape, weight: weight.value, bias: bias.value, eps: epsilon)
      .permute([0, 3, 1, 2])
  }
}
