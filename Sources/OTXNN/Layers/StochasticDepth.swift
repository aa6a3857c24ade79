public import OTXTensor

/// Drops a residual branch while training (Huang et al., Deep Networks with Stochastic Depth, 2016).
///
/// What timm calls drop-path is its row mode. What stays is scaled up, so that the mean is the same
/// as afterwards. Numbers and draws are those of `torchvision.ops.StochasticDepth`.
public final class StochasticDepth: Layer, ModeAware {
  /// What is dropped together.
  public enum Mode: Sendable {
    /// Each picture by itself.
    case row
    /// All pictures of a batch or none.
    case batch
  }
  /// The probability of being dropped.
  public let probability: Double
  public let mode: Mode
  public var isTraining = true

  public init(_ probability: Double, mode: Mode = .row) {
    self.probability = probability
    self.mode = mode
  }

  /// Whether calls drop anything now.
  public var isDropping: Bool { isTraining && probability > 0 }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    isDropping ? try input * noise(for: input) : input
  }

  /// `shortcut` plus what is left of `input`, in one pass.
  public func callAsFunction(
    _ input: Tensor,
    adding shortcut: Tensor
  ) throws(TensorError) -> Tensor {
    isDropping ? try shortcut.addcmul(input, noise(for: input)) : try shortcut + input
  }

  /// 0 where something is dropped, else the scale.
  private func noise(for input: Tensor) throws(TensorError) -> Tensor {
    let survival = 1 - probability
    let rows = mode == .row ? input.size(0) : 1
    let ones = [Int](repeating: 1, count: input.rank - 1)
    let noise = try Tensor.zeros([rows] + ones, dtype: input.dtype, device: input.device)
    try noise.bernoulli_(p: survival)
    if survival > 0 { try noise.mul_(1 / survival) }
    return noise
  }
}
