import OTXNN
import OTXTensor

/// A convolution without bias, batch normalisation and, unless `nil`, an activation, numbered as
/// torchvision's `Conv2dNormActivation` numbers them: `0.weight`, `1.weight`.
///
/// The input keeps its size where `stride` is 1.
func convNormActivation(
  _ inputChannels: Int,
  _ channels: Int,
  kernelSize: Int = 1,
  stride: Int = 1,
  groups: Int = 1,
  epsilon: Double = 1e-5,
  momentum: Double = 0.1,
  activation: (any Layer)?
) throws(TensorError) -> Sequential {
  let convolution = try Conv2d(
    inputChannels,
    channels,
    kernelSize: kernelSize,
    stride: stride,
    padding: kernelSize / 2,
    groups: groups,
    bias: false
  )
  try Initialization.kaimingNormal(fan: .out).apply(to: convolution.weight)
  var layers: [any Layer] = [
    convolution, try BatchNorm2d(channels, epsilon: epsilon, momentum: momentum),
  ]
  if let activation { layers.append(activation) }
  return Sequential(layers)
}

/// The multiple of `divisor` next to `value`, at most a tenth below it (MobileNet papers).
func roundedChannels(_ value: Double, divisor: Int = 8) -> Int {
  let rounded = max(divisor, Int(value + Double(divisor) / 2) / divisor * divisor)
  return Double(rounded) < 0.9 * value ? rounded + divisor : rounded
}

/// A convolution without bias, batch normalisation and an activation, with the names that several
/// detection and re-identification frameworks publish: `conv.weight`, `bn.weight`.
final class ConvNorm: Layer {
  static let weightNames = ["normalization": "bn"]
  let conv: Conv2d
  let normalization: BatchNorm2d
  private let activation: FusibleActivation

  /// The input keeps its size where `stride` is 1.
  init(
    _ inputChannels: Int,
    _ channels: Int,
    kernelSize: Int = 1,
    stride: Int = 1,
    groups: Int = 1,
    epsilon: Double = 1e-5,
    momentum: Double = 0.1,
    then activation: FusibleActivation
  ) throws(TensorError) {
    conv = try Conv2d(
      inputChannels,
      channels,
      kernelSize: kernelSize,
      stride: stride,
      padding: kernelSize / 2,
      groups: groups,
      bias: false
    )
    normalization = try BatchNorm2d(channels, epsilon: epsilon, momentum: momentum)
    self.activation = activation
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try normalization(conv(input), then: activation)
  }
}
