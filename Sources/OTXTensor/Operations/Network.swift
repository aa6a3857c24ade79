extension Operator {
  static let conv2d = Operator("conv2d")
  static let recomputingConv2d = Operator("otx::conv2d")
  static let channelMeans = Operator("otx::channel_means")
  static let scaleChannels = Operator("otx::scale_channels")
  static let normalizePictures = Operator("otx::normalize_pictures")
  static let convTranspose2d = Operator("conv_transpose2d", "input")
  static let linear = Operator("linear")
  static let embedding = Operator("embedding")
  static let batchNorm = Operator("batch_norm")
  static let batchNormActivation = Operator("otx::batch_norm_activation")
  static let normalizedConv2d = Operator("otx::normalized_conv2d")
  static let groupNorm = Operator("group_norm")
  static let groupNormActivation = Operator("otx::group_norm_activation")
  static let layerNorm = Operator("layer_norm")
  static let maxPool2d = Operator("max_pool2d")
  static let avgPool2d = Operator("avg_pool2d")
  static let adaptiveAvgPool2d = Operator("adaptive_avg_pool2d")
  static let adaptiveMaxPool2d = Operator("adaptive_max_pool2d")
  static let upsampleNearest = Operator("upsample_nearest2d", "vec")
  static let upsampleBilinear = Operator("upsample_bilinear2d", "vec")
  static let upsampleBicubic = Operator("_upsample_bicubic2d_aa", "vec")
  static let pixelShuffle = Operator("pixel_shuffle")
  static let attention = Operator("scaled_dot_product_attention")
  static let trainingAttention = Operator("otx::attention")
  static let nms = Operator("torchvision::nms")
}

// MARK: - Weighted sums

/// The batch normalisation of a training batch, with what follows.
package struct TrainingNormalization {
  /// `[C]`, as the next three.
  package var weight: Tensor
  /// Added after scaling by `weight`.
  package var bias: Tensor
  /// Moved by `momentum` towards the batch's mean.
  package var runningMean: Tensor
  /// Moved likewise towards the batch's unbiased variance.
  package var runningVariance: Tensor
  /// The share of the batch in the running statistics.
  package var momentum: Double
  /// Added to the variance.
  package var epsilon: Double
  /// 0: none, 1: ReLU, 2: ReLU6, 3: Hard-Swish, 4: SiLU.
  package var activation: Int

  package init(
    weight: Tensor,
    bias: Tensor,
    runningMean: Tensor,
    runningVariance: Tensor,
    momentum: Double,
    epsilon: Double,
    activation: Int
  ) {
    (self.weight, self.bias) = (weight, bias)
    (self.runningMean, self.runningVariance) = (runningMean, runningVariance)
    (self.momentum, self.epsilon, self.activation) = (momentum, epsilon, activation)
  }
}

extension Tensor {
  /// `[N, C, H, W]` with weights `[O, C / groups, kH, kW]` gives `[N, O, H', W']`.
  public func conv2d(
    _ weight: Tensor,
    bias: Tensor? = nil,
    stride: Size2D = 1,
    padding: Size2D = 0,
    dilation: Size2D = 1,
    groups: Int = 1
  ) throws(TensorError) -> Tensor {
    try call(
      .conv2d,
      [
        .tensor(self), .tensor(weight), .optional(bias), .size(stride), .size(padding),
        .size(dilation), .int(groups),
      ]
    )
  }

  /// ``conv2d(_:bias:stride:padding:dilation:groups:)`` that does not keep its input for the backward
  /// pass where a fused normalisation can compute it again, bit by bit: half of the activations'
  /// memory for a few percent of a step's time.
  package func recomputingConv2d(
    _ weight: Tensor,
    bias: Tensor?,
    stride: Size2D,
    padding: Size2D,
    dilation: Size2D,
    groups: Int
  ) throws(TensorError) -> Tensor {
    try call(
      .recomputingConv2d,
      [
        .tensor(self), .tensor(weight), .optional(bias), .size(stride), .size(padding),
        .size(dilation), .int(groups),
      ]
    )
  }

  /// `[N, H, W, 3]` bytes as `[N, 3, H, W]` numbers, channels-last: `(bytes - mean) * scale` in one pass.
  ///
  /// - `mean`, `scale`: `[3]` in fp32.
  package func normalizedPictures(
    mean: Tensor,
    scale: Tensor,
    as dtype: DType
  ) throws(TensorError) -> Tensor {
    try call(
      .normalizePictures,
      [.tensor(self), .tensor(mean), .tensor(scale), .dtype(dtype)]
    )
  }

  /// The mean of each channel, `[N, C, 1, 1]` of `[N, C, H, W]`, for training.
  package func channelMeans() throws(TensorError) -> Tensor {
    try call(.channelMeans, [.tensor(self)])
  }

  /// `[N, C, H, W]` times a gate `[N, C, 1, 1]`, for training: both gradients in one pass.
  package func scaleChannels(by gate: Tensor) throws(TensorError) -> Tensor {
    try call(.scaleChannels, [.tensor(self), .tensor(gate)])
  }

  /// The gradient of a convolution as a layer: `[N, C, H, W]` with weights `[C, O / groups, kH, kW]`.
  public func convTranspose2d(
    _ weight: Tensor,
    bias: Tensor? = nil,
    stride: Size2D = 1,
    padding: Size2D = 0,
    outputPadding: Size2D = 0,
    groups: Int = 1,
    dilation: Size2D = 1
  ) throws(TensorError) -> Tensor {
    try call(
      .convTranspose2d,
      [
        .tensor(self), .tensor(weight), .optional(bias), .size(stride), .size(padding),
        .size(outputPadding), .int(groups), .size(dilation),
      ]
    )
  }

  /// `[…, in]` with weights `[out, in]` gives `[…, out]`.
  public func linear(_ weight: Tensor, bias: Tensor? = nil) throws(TensorError) -> Tensor {
    try call(.linear, [.tensor(self), .tensor(weight), .optional(bias)])
  }

  /// The rows of `self` (`[V, D]`) at `indices`: `[…, D]`.
  public func embedding(_ indices: Tensor) throws(TensorError) -> Tensor {
    try call(.embedding, [.tensor(self), .tensor(indices)])
  }

  /// `softmax(q kᵀ / sqrt(d)) v` with `self` as `q`; all `[N, heads, length, d]`.
  ///
  /// - `mask`: True where a query may look, or numbers that are added to the scores.
  /// - `dropout`: The probability with which a weight is zeroed; 0 except while training.
  public func scaledDotProductAttention(
    keys: Tensor,
    values: Tensor,
    mask: Tensor? = nil,
    dropout: Double = 0
  ) throws(TensorError) -> Tensor {
    try call(
      .attention,
      [.tensor(self), .tensor(keys), .tensor(values), .optional(mask), .double(dropout)]
    )
  }

  /// ``scaledDotProductAttention(keys:values:mask:dropout:)`` without mask and dropout, for training.
  ///
  /// All heads are done at once where that is quicker, which keeps the weights. It has no second
  /// derivative.
  package func trainingAttention(keys: Tensor, values: Tensor) throws(TensorError) -> Tensor {
    try call(.trainingAttention, [.tensor(self), .tensor(keys), .tensor(values)])
  }
}

// MARK: - Normalisation

extension Tensor {
  /// Batch normalisation of `[N, C, …]` (Ioffe & Szegedy 2015).
  ///
  /// In training the batch's statistics are used and the running ones updated in place.
  public func batchNorm(
    weight: Tensor?,
    bias: Tensor?,
    runningMean: Tensor?,
    runningVar: Tensor?,
    training: Bool,
    momentum: Double = 0.1,
    eps: Double = 1e-5
  ) throws(TensorError) -> Tensor {
    try call(
      .batchNorm,
      [
        .tensor(self), .optional(weight), .optional(bias), .optional(runningMean),
        .optional(runningVar), .bool(training), .double(momentum), .double(eps), .bool(true),
      ]
    )
  }

  /// `activation(batchNorm(self) + residual)` of a training batch `[N, C, H, W]`, in half the passes
  /// over memory and without keeping what lies between.
  ///
  /// The batch's statistics are used and the running ones updated in place. Equal to the three
  /// operations one after the other within rounding; it has no second derivative.
  ///
  /// Checked against the three operations of libtorch, gradients included.
  ///
  /// - Parameters:
  ///   - normalization: How, and what follows.
  ///   - residual: Of the same shape; `nil` adds nothing.
  /// - Returns: A tensor of the input's shape.
  /// - Throws: `TensorError` for shapes that do not fit, and when memory runs out.
  package func batchNormActivation(
    _ normalization: TrainingNormalization,
    residual: Tensor?
  ) throws(TensorError) -> Tensor {
    let norm = normalization
    return try call(
      .batchNormActivation,
      [
        .tensor(self), .tensor(norm.weight), .tensor(norm.bias), .tensor(norm.runningMean),
        .tensor(norm.runningVariance), .optional(residual), .double(norm.momentum),
        .double(norm.epsilon), .int(norm.activation),
      ]
    )
  }

  /// The convolution of ``batchNormActivation(_:residual:)``, which a depthwise one takes row by row
  /// as it needs it: the normalised tensor never stands in memory.
  ///
  /// Equal to the two one after the other within rounding; gradients too.
  package func normalizedConv2d(
    _ normalization: TrainingNormalization,
    _ weight: Tensor,
    bias: Tensor?,
    stride: Size2D,
    padding: Size2D,
    dilation: Size2D,
    groups: Int
  ) throws(TensorError) -> Tensor {
    let norm = normalization
    return try call(
      .normalizedConv2d,
      [
        .tensor(self), .tensor(norm.weight), .tensor(norm.bias), .tensor(norm.runningMean),
        .tensor(norm.runningVariance), .double(norm.momentum), .double(norm.epsilon),
        .int(norm.activation), .tensor(weight), .optional(bias), .size(stride), .size(padding),
        .size(dilation), .int(groups),
      ]
    )
  }

  /// Normalisation over groups of channels (Wu & He 2018).
  public func groupNorm(
    groupCount: Int,
    weight: Tensor? = nil,
    bias: Tensor? = nil,
    eps: Double = 1e-5
  ) throws(TensorError) -> Tensor {
    try call(
      .groupNorm,
      [
        .tensor(self), .int(groupCount), .optional(weight), .optional(bias), .double(eps),
        .bool(true),
      ]
    )
  }

  /// `activation(groupNorm(self))` for training, in as few passes over memory as can be and without
  /// keeping what lies between.
  ///
  /// Equal to the two operations one after the other within rounding; it has no second derivative.
  /// Checked against both of libtorch, gradients included.
  ///
  /// - Parameters:
  ///   - groupCount: A divisor of `C`.
  ///   - weight: `[C]`, as `bias`.
  ///   - bias: Added after scaling by `weight`.
  ///   - eps: Added to the variance.
  ///   - activation: 0: none, 1: ReLU, 2: ReLU6, 3: Hard-Swish, 4: SiLU.
  /// - Returns: A tensor of the shape of `self`, `[N, C, …]`.
  /// - Throws: `TensorError` for shapes that do not fit, and when memory runs out.
  package func groupNormActivation(
    groupCount: Int,
    weight: Tensor,
    bias: Tensor,
    eps: Double,
    activation: Int
  ) throws(TensorError) -> Tensor {
    try call(
      .groupNormActivation,
      [
        .tensor(self), .int(groupCount), .tensor(weight), .tensor(bias), .double(eps),
        .int(activation),
      ]
    )
  }

  /// Layer normalisation (Ba, Kiros and Hinton 2016) over the last dimensions, those of `shape`.
  public func layerNorm(
    _ shape: [Int],
    weight: Tensor? = nil,
    bias: Tensor? = nil,
    eps: Double = 1e-5
  ) throws(TensorError) -> Tensor {
    try call(
      .layerNorm,
      [
        .tensor(self), .ints(shape), .optional(weight), .optional(bias), .double(eps),
        .bool(true),
      ]
    )
  }
}

// MARK: - Pooling and resizing of `[N, C, H, W]`

extension Tensor {
  /// The largest element of each window; `stride` is the kernel's size unless given.
  public func maxPool2d(
    kernel: Size2D,
    stride: Size2D? = nil,
    padding: Size2D = 0,
    dilation: Size2D = 1,
    ceilMode: Bool = false
  ) throws(TensorError) -> Tensor {
    try call(
      .maxPool2d,
      [
        .tensor(self), .size(kernel), .size(stride ?? kernel), .size(padding), .size(dilation),
        .bool(ceilMode),
      ]
    )
  }

  /// The mean of each window; `stride` is the kernel's size unless given.
  public func avgPool2d(
    kernel: Size2D,
    stride: Size2D? = nil,
    padding: Size2D = 0,
    ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) throws(TensorError) -> Tensor {
    try call(
      .avgPool2d,
      [
        .tensor(self), .size(kernel), .size(stride ?? kernel), .size(padding), .bool(ceilMode),
        .bool(countIncludePad), .none,
      ]
    )
  }

  /// The mean of as many windows as the result has elements.
  public func adaptiveAvgPool2d(_ size: Size2D) throws(TensorError) -> Tensor {
    try call(.adaptiveAvgPool2d, [.tensor(self), .size(size)])
  }

  /// The largest element of as many windows as the result has elements.
  public func adaptiveMaxPool2d(_ size: Size2D) throws(TensorError) -> Tensor {
    try callPair(.adaptiveMaxPool2d, [.tensor(self), .size(size)]).0
  }

  /// To a size by the nearest element.
  public func upsampleNearest(size: Size2D) throws(TensorError) -> Tensor {
    try call(.upsampleNearest, [.tensor(self), .size(size), .none])
  }
  /// By a factor by the nearest element.
  ///
  /// Keeps an exported graph's size dynamic.
  public func upsampleNearest(scale: Double) throws(TensorError) -> Tensor {
    try call(.upsampleNearest, [.tensor(self), .none, .doubles([scale, scale])])
  }
  /// To a size, linear between elements.
  public func upsampleBilinear(
    size: Size2D,
    alignCorners: Bool = false
  ) throws(TensorError) -> Tensor {
    try call(.upsampleBilinear, [.tensor(self), .size(size), .bool(alignCorners), .none])
  }
  /// By a factor, linear between elements.
  ///
  /// Keeps an exported graph's size dynamic.
  public func upsampleBilinear(
    scale: Double,
    alignCorners: Bool = false
  ) throws(TensorError) -> Tensor {
    try call(
      .upsampleBilinear,
      [.tensor(self), .none, .bool(alignCorners), .doubles([scale, scale])]
    )
  }
  /// To a size by cubic polynomials, each element a mean of what it covers where the result is
  /// smaller.
  ///
  /// For tables of weights; pictures are resized before they are tensors.
  package func upsampleBicubic(size: Size2D) throws(TensorError) -> Tensor {
    try call(.upsampleBicubic, [.tensor(self), .size(size), .bool(false), .none])
  }
  /// Channels moved into space: `[N, C * r², H, W]` becomes `[N, C, H * r, W * r]`.
  public func pixelShuffle(_ factor: Int) throws(TensorError) -> Tensor {
    try call(.pixelShuffle, [.tensor(self), .int(factor)])
  }
}

// MARK: - Boxes

extension Tensor {
  /// The indices of the boxes that non-maximum suppression keeps, by falling score.
  ///
  /// `self` is `[N, 4]` as `x1, y1, x2, y2`, `scores` `[N]`. A box goes when its IoU with a kept one
  /// is above `iouThreshold`. Checked against torchvision's `nms`.
  public func nms(scores: Tensor, iouThreshold: Double) throws(TensorError) -> Tensor {
    try call(.nms, [.tensor(self), .tensor(scores), .double(iouThreshold)])
  }
}
