import OTXCore
public import OTXTensor

/// Batch normalisation over `N`, `H` and `W` of `[N, C, H, W]` (Ioffe and Szegedy, 2015).
///
/// While training it normalises by the batch's moments and moves the running ones by `momentum`;
/// afterwards it normalises by the running ones. Names and defaults are `torch.nn.BatchNorm2d`'s.
public final class BatchNorm2d: Layer, ModeAware {
  public static let weightNames = [
    "runningMean": "running_mean", "runningVariance": "running_var",
    "batchCount": "num_batches_tracked",
  ]
  public let weight: Parameter
  public let bias: Parameter
  public let runningMean: Buffer
  public let runningVariance: Buffer
  /// Training batches that were seen, an `int64` scalar.
  public let batchCount: Buffer
  public let epsilon: Double
  /// How far a training batch moves the running moments towards its own.
  public var momentum: Double
  public var isTraining = true
  /// Whether training uses and moves the running moments, as in a frozen backbone.
  public var isFrozen = false

  public init(
    _ channels: Int,
    epsilon: Double = 1e-5,
    momentum: Double = 0.1
  ) throws(TensorError) {
    self.epsilon = epsilon
    self.momentum = momentum
    weight = try Parameter(.ones([channels]))
    bias = try Parameter(.zeros([channels]))
    runningMean = Buffer(try .zeros([channels]))
    runningVariance = Buffer(try .ones([channels]))
    batchCount = Buffer(try .zeros([], dtype: .int64))
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try self(input, adding: nil, then: .identity)
  }

  /// `activation(batchNorm(input) + residual)`, while training in one go.
  ///
  /// - Parameters:
  ///   - input: `[N, C, H, W]`.
  ///   - residual: Of the input's shape; `nil` adds nothing.
  ///   - activation: What follows.
  /// - Returns: A tensor of the input's shape.
  /// - Throws: `TensorError`, also for a training batch of one value a channel.
  public func callAsFunction(
    _ input: Tensor,
    adding residual: Tensor? = nil,
    then activation: FusibleActivation
  ) throws(TensorError) -> Tensor {
    guard isTraining && !isFrozen else {
      var result = try input.batchNorm(
        weight: weight.value,
        bias: bias.value,
        runningMean: runningMean.value,
        runningVar: runningVariance.value,
        training: false,
        momentum: momentum,
        eps: epsilon
      )
      if let residual { result = try result + residual }
      return try activation(result)
    }
    return try input.batchNormActivation(training(on: input, then: activation), residual: residual)
  }

  /// `convolution(activation(batchNorm(input)))`, while training in one go where the convolution is a
  /// depthwise one.
  ///
  /// - Parameters:
  ///   - input: `[N, C, H, W]`.
  ///   - activation: What follows the normalisation.
  ///   - convolution: What follows that.
  /// - Returns: The convolution's output.
  /// - Throws: `TensorError`, also for a training batch of one value a channel.
  package func callAsFunction(
    _ input: Tensor,
    then activation: FusibleActivation,
    _ convolution: Conv2d
  ) throws(TensorError) -> Tensor {
    guard isTraining, !isFrozen, convolution.isPlainDepthwise else {
      return try convolution(self(input, then: activation))
    }
    return try input.normalizedConv2d(
      training(on: input, then: activation),
      convolution.weight.value,
      bias: convolution.bias?.value,
      stride: convolution.stride,
      padding: convolution.padding,
      dilation: convolution.dilation,
      groups: convolution.groups
    )
  }

  /// How a training batch is normalised; counts it.
  private func training(
    on input: Tensor,
    then activation: FusibleActivation
  ) throws(TensorError) -> TrainingNormalization {
    // One value has no variance; libtorch would write NaN into the running one, PyTorch refuses.
    guard input.elementCount != input.size(1) else {
      throw .failed(
        operation: "BatchNorm2d",
        shapes: [input.shape],
        message: "expected more than 1 value per channel when training"
      )
    }
    batchCount.value = try batchCount.value + 1
    return TrainingNormalization(
      weight: weight.value,
      bias: bias.value,
      runningMean: runningMean.value,
      runningVariance: runningVariance.value,
      momentum: momentum,
      epsilon: epsilon,
      activation: activation.number
    )
  }
}
