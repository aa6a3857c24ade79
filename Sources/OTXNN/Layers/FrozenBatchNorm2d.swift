public import OTXTensor

/// Batch normalisation by fixed moments and a fixed scale: nothing of it is trained or moved.
///
/// For backbones whose batches are too small for moments of their own. Names are those of
/// `torchvision.ops.FrozenBatchNorm2d`, all of them buffers; a checkpoint's `num_batches_tracked`
/// has no counterpart. A ``BatchNorm2d`` that is to be frozen only for a while has `isFrozen`.
public final class FrozenBatchNorm2d: Layer {
  public static let weightNames = [
    "runningMean": "running_mean", "runningVariance": "running_var",
  ]
  public let weight: Buffer
  public let bias: Buffer
  public let runningMean: Buffer
  public let runningVariance: Buffer
  public let epsilon: Double

  public init(_ channels: Int, epsilon: Double = 1e-5) throws(TensorError) {
    self.epsilon = epsilon
    weight = Buffer(try .ones([channels]))
    bias = Buffer(try .zeros([channels]))
    runningMean = Buffer(try .zeros([channels]))
    runningVariance = Buffer(try .ones([channels]))
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.batchNorm(
      weight: weight.value,
      bias: bias.value,
      runningMean: runningMean.value,
      runningVar: runningVariance.value,
      training: false,
      eps: epsilon
    )
  }
}
