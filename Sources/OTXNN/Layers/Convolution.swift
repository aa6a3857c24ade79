public import OTXTensor

/// A 2-D convolution: `[N, C, H, W]` to `[N, O, H', W']`.
///
/// Names, shapes and default initialisation are those of `torch.nn.Conv2d`.
public final class Conv2d: Layer {
  /// `[O, C / groups, kH, kW]`.
  public let weight: Parameter
  /// `[O]`.
  public let bias: Parameter?
  public private(set) var inputChannels: Int
  public private(set) var outputChannels: Int
  public let kernelSize: Size2D
  public let stride: Size2D
  public let padding: Size2D
  public let dilation: Size2D
  public private(set) var groups: Int
  package var quantizer: LayerQuantizer?

  /// - `kernelSize`: Of both axes, as are `stride`, `padding` and `dilation`.
  /// - `groups`: Parts of the channels that do not see each other; both channel counts are
  ///   multiples of it.
  public init(
    _ inputChannels: Int,
    _ outputChannels: Int,
    kernelSize: Size2D,
    stride: Size2D = 1,
    padding: Size2D = 0,
    dilation: Size2D = 1,
    groups: Int = 1,
    bias: Bool = true
  ) throws(TensorError) {
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.kernelSize = kernelSize
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    weight = try Parameter(
      .zeros([outputChannels, inputChannels / groups, kernelSize.height, kernelSize.width])
    )
    self.bias = bias ? try Parameter(.zeros([outputChannels])) : nil
    try Initialization.setDefaults(weight: weight, bias: self.bias)
  }

  /// One number for both axes of the kernel, the stride, the padding and the dilation.
  public convenience init(
    _ inputChannels: Int,
    _ outputChannels: Int,
    kernelSize: Int,
    stride: Int = 1,
    padding: Int = 0,
    dilation: Int = 1,
    groups: Int = 1,
    bias: Bool = true
  ) throws(TensorError) {
    try self.init(
      inputChannels,
      outputChannels,
      kernelSize: Size2D(kernelSize),
      stride: Size2D(stride),
      padding: Size2D(padding),
      dilation: Size2D(dilation),
      groups: groups,
      bias: bias
    )
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    let weight = try quantizer?.weight(weight.value) ?? weight.value
    let input = try quantizer?.input(input) ?? input
    // Only what has a history can have come from a normalisation of a training batch.
    if input.requiresGrad {
      return try input.recomputingConv2d(
        weight,
        bias: bias?.value,
        stride: stride,
        padding: padding,
        dilation: dilation,
        groups: groups
      )
    }
    return try input.conv2d(
      weight,
      bias: bias?.value,
      stride: stride,
      padding: padding,
      dilation: dilation,
      groups: groups
    )
  }

  /// Whether it filters each channel by itself, and nothing is done to its input or its weight.
  var isPlainDepthwise: Bool {
    groups > 1 && groups == inputChannels && groups == outputChannels && quantizer == nil
  }

  package func adoptShape() {
    // A depthwise convolution has a group for each filter.
    if groups > 1, groups == outputChannels { groups = weight.value.size(0) }
    outputChannels = weight.value.size(0)
    inputChannels = weight.value.size(1) * groups
  }
}

/// A matrix product over the last axis: `[..., C]` to `[..., O]`.
///
/// Names, shapes and default initialisation are those of `torch.nn.Linear`.
public final class Linear: Layer {
  /// `[O, C]`.
  public let weight: Parameter
  /// `[O]`.
  public let bias: Parameter?
  public private(set) var inputFeatures: Int
  public private(set) var outputFeatures: Int
  /// Shown every input, for those who need what a network knows before its last layer.
  package var onInput: ((Tensor) -> Void)?
  package var quantizer: LayerQuantizer?

  public init(_ inputFeatures: Int, _ outputFeatures: Int, bias: Bool = true) throws(TensorError) {
    self.inputFeatures = inputFeatures
    self.outputFeatures = outputFeatures
    weight = try Parameter(.zeros([outputFeatures, inputFeatures]))
    self.bias = bias ? try Parameter(.zeros([outputFeatures])) : nil
    try Initialization.setDefaults(weight: weight, bias: self.bias)
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    onInput?(input)
    guard let quantizer else { return try input.linear(weight.value, bias: bias?.value) }
    return try quantizer.input(input).linear(quantizer.weight(weight.value), bias: bias?.value)
  }
  package func adoptShape() {
    (outputFeatures, inputFeatures) = (weight.value.size(0), weight.value.size(1))
  }
}
