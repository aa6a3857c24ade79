extension Operator {
  static let crossEntropy = Operator("cross_entropy_loss")
  static let bceWithLogits = Operator("binary_cross_entropy_with_logits")
  static let bce = Operator("binary_cross_entropy")
  static let smoothL1 = Operator("smooth_l1_loss")
  static let l1Loss = Operator("l1_loss")
  static let mseLoss = Operator("mse_loss")
  static let klDiv = Operator("kl_div")
}

/// What a loss does with its terms.
///
/// Raw values are those of `at::Reduction`.
public enum LossReduction: Int, Sendable {
  /// One number an element.
  case none = 0
  case mean = 1
  case sum = 2
}

extension Tensor {
  /// Cross-entropy of logits `[N, K, …]` with labels `[N, …]` (`int64`) or probabilities `[N, K, …]`.
  ///
  /// `ignoreIndex` is a label that counts for nothing.
  public func crossEntropy(
    _ target: Tensor,
    weight: Tensor? = nil,
    reduction: LossReduction = .mean,
    ignoreIndex: Int = -100,
    labelSmoothing: Double = 0
  ) throws(TensorError) -> Tensor {
    try call(
      .crossEntropy,
      [
        .tensor(self), .tensor(target), .optional(weight), .int(reduction.rawValue),
        .int(ignoreIndex), .double(labelSmoothing),
      ]
    )
  }

  /// Binary cross-entropy of logits with targets in `[0, 1]` of the same shape.
  public func binaryCrossEntropyWithLogits(
    _ target: Tensor,
    weight: Tensor? = nil,
    posWeight: Tensor? = nil,
    reduction: LossReduction = .mean
  ) throws(TensorError) -> Tensor {
    try call(
      .bceWithLogits,
      [
        .tensor(self), .tensor(target), .optional(weight), .optional(posWeight),
        .int(reduction.rawValue),
      ]
    )
  }

  /// Binary cross-entropy of probabilities with targets in `[0, 1]` of the same shape.
  public func binaryCrossEntropy(
    _ target: Tensor,
    weight: Tensor? = nil,
    reduction: LossReduction = .mean
  ) throws(TensorError) -> Tensor {
    try call(
      .bce,
      [.tensor(self), .tensor(target), .optional(weight), .int(reduction.rawValue)]
    )
  }

  /// Squared below `beta`, linear above (Girshick 2015).
  public func smoothL1Loss(
    _ target: Tensor,
    beta: Double = 1,
    reduction: LossReduction = .mean
  ) throws(TensorError) -> Tensor {
    try call(
      .smoothL1,
      [.tensor(self), .tensor(target), .int(reduction.rawValue), .double(beta)]
    )
  }

  /// `|x - y|`.
  public func l1Loss(
    _ target: Tensor,
    reduction: LossReduction = .mean
  ) throws(TensorError) -> Tensor {
    try call(.l1Loss, [.tensor(self), .tensor(target), .int(reduction.rawValue)])
  }

  /// `(x - y)²`.
  public func mseLoss(
    _ target: Tensor,
    reduction: LossReduction = .mean
  ) throws(TensorError) -> Tensor {
    try call(.mseLoss, [.tensor(self), .tensor(target), .int(reduction.rawValue)])
  }

  /// The divergence of `target` (probabilities) from `self` (logarithms of probabilities).
  public func klDivergence(
    _ target: Tensor,
    reduction: LossReduction = .mean,
    logTarget: Bool = false
  ) throws(TensorError) -> Tensor {
    try call(
      .klDiv,
      [.tensor(self), .tensor(target), .int(reduction.rawValue), .bool(logTarget)]
    )
  }
}
