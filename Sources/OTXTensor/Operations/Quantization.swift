import OTXCore

extension Operator {
  static let fakeQuantizeTensor = Operator("fake_quantize_per_tensor_affine")
  static let fakeQuantizeChannels = Operator("fake_quantize_per_channel_affine")
}

extension Tensor {
  /// Each value rounded to the nearest of the numbers `scale * (q - zeroPoint)`, `q` in `levels`.
  ///
  /// Still `float32`. The gradient passes unchanged where a value lies within the numbers, and is 0
  /// where it was cut off (Jacob et al., CVPR 2018, section 3). As
  /// `torch.fake_quantize_per_tensor_affine`.
  public func fakeQuantized(
    scale: Double,
    zeroPoint: Int = 0,
    levels: ClosedRange<Int> = -128...127
  ) throws(TensorError) -> Tensor {
    try call(
      .fakeQuantizeTensor,
      [
        .tensor(self), .double(scale), .int(zeroPoint), .int(levels.lowerBound),
        .int(levels.upperBound),
      ]
    )
  }

  /// As ``fakeQuantized(scale:zeroPoint:levels:)``, with a scale for each entry of the axis `dim` and
  /// a zero point of 0.
  ///
  /// - `scales`: `[C]`, above 0. As `torch.fake_quantize_per_channel_affine`.
  public func fakeQuantized(
    scales: Tensor,
    dim: Int,
    levels: ClosedRange<Int> = -127...127
  ) throws(TensorError) -> Tensor {
    let zeros = try Tensor.zeros(scales.shape).to(.int32)
    return try call(
      .fakeQuantizeChannels,
      [
        .tensor(self), .tensor(scales), .tensor(zeros), .int(dim), .int(levels.lowerBound),
        .int(levels.upperBound),
      ]
    )
  }
}
