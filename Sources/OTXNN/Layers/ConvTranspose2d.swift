public import OTXTensor

/// A transposed 2-D convolution, which makes pictures larger: `[N, C, H, W]` to `[N, O, H', W']`.
///
/// `H' = (H - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1`. Names,
/// shapes and default initialisation are those of `torch.nn.ConvTranspose2d`.
public final class ConvTranspose2d: Layer {
  /// `[C, O / groups, kH, kW]`.
  public let weight: Parameter
  /// `[O]`.
  public let bias: Parameter?
  public private(set) var inputChannels: Int
  public private(set) var outputChannels: Int
  public let kernelSize: Size2D
  public let stride: Size2D
  public let padding: Size2D
  public let outputPadding: Size2D
  public let dilation: Size2D
  public let groups: Int

  /// - `outputPadding`: Rows and columns added at the end, where several input sizes would give
  ///   the same output size; smaller than the stride.
  /// - `groups`: A divisor of both channel counts.
  public init(
    _ inputChannels: Int,
    _ outputChannels: Int,
    kernelSize: Size2D,
    stride: Size2D = 1,
    padding: Size2D = 0,
    outputPadding: Size2D = 0,
    dilation: Size2D = 1,
    groups: Int = 1,
    bias: Bool = true
  ) throws(TensorError) {
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.kernelSize = kernelSize
    self.stride = stride
    self.padding = padding
    self.outputPadding = outputPadding
    self.dilation = dilation
    self.groups = groups
    weight = try Parameter(
      .zeros([inputChannels, outputChannels / groups, kernelSize.height, kernelSize.width])
    )
    self.bias = bias ? try Parameter(.zeros([outputChannels])) : nil
    try Initialization.setDefaults(weight: weight, bias: self.bias)
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.convTranspose2d(
      weight.value,
      bias: bias?.value,
      stride: stride,
      padding: padding,
      outputPadding: outputPadding,
      groups: groups,
      dilation: dilation
    )
  }
  package func adoptShape() {
    inputChannels = weight.value.size(0)
    outputChannels = weight.value.size(1) * groups
  }
}
