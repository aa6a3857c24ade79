import OTXCore
public import OTXTensor

/// The negative log of the softmax at the true class.
///
/// Checked against `torch.nn.functional.cross_entropy`.
/// - `logits`: `[N, K]` or `[N, K, ...]`.
/// - `classes`: `int64`, `[N]` or `[N, ...]`.
/// - `weight`: `[K]`, a factor for each class.
/// - `ignoreIndex`: Elements of this class do not count.
/// - `labelSmoothing`: The part of the probability that is spread over all classes, 0 to 1.
public func crossEntropy(
  _ logits: Tensor,
  _ classes: Tensor,
  weight: Tensor? = nil,
  ignoreIndex: Int = -100,
  labelSmoothing: Double = 0,
  reduction: LossReduction = .mean
) throws(TensorError) -> Tensor {
  try logits.crossEntropy(
    classes,
    weight: weight,
    reduction: reduction,
    ignoreIndex: ignoreIndex,
    labelSmoothing: labelSmoothing
  )
}

/// Binary cross-entropy of `sigmoid(logits)`, computed without overflow.
///
/// Checked against `torch.nn.functional.binary_cross_entropy_with_logits`.
/// - `targets`: Probabilities, of the shape of `logits`.
/// - `weight`: Broadcast over the elements.
public func binaryCrossEntropyWithLogits(
  _ logits: Tensor,
  _ targets: Tensor,
  weight: Tensor? = nil,
  reduction: LossReduction = .mean
) throws(TensorError) -> Tensor {
  try logits.binaryCrossEntropyWithLogits(
    targets,
    weight: weight,
    reduction: reduction
  )
}

/// Binary cross-entropy that leaves out what is easy: times `alpha * (1 - p)^gamma`.
///
/// Lin et al., Focal Loss for Dense Object Detection, 2017, section 3. Checked against
/// `torchvision.ops.sigmoid_focal_loss`.
/// - `targets`: 0 or 1, of the shape of `logits`.
/// - `alpha`: The weight of the positives; the negatives have `1 - alpha`.
public func sigmoidFocalLoss(
  _ logits: Tensor,
  _ targets: Tensor,
  alpha: Double = 0.25,
  gamma: Double = 2,
  reduction: LossReduction = .sum
) throws(TensorError) -> Tensor {
  let probability = try logits.sigmoid()
  let entropy = try binaryCrossEntropyWithLogits(logits, targets, reduction: .none)
  // 1 - p of the true outcome: p + t - 2 p t; its weight: (1 - alpha) + t (2 alpha - 1).
  let miss = try probability + targets - 2 * (probability * targets)
  let balance = try targets * (2 * alpha - 1) + (1 - alpha)
  return try (entropy * miss.pow(gamma) * balance).reduced(reduction)
}

/// Binary cross-entropy with targets between 0 and 1, times `|target - p|^beta`.
///
/// The target is the quality (IoU) of the box that the score stands for. Li et al., Generalized
/// Focal Loss, 2020, section 3.1; checked against the formula in PyTorch.
/// - `targets`: Of the shape of `logits`; 0 for negatives.
public func qualityFocalLoss(
  _ logits: Tensor,
  _ targets: Tensor,
  beta: Double = 2,
  reduction: LossReduction = .sum
) throws(TensorError) -> Tensor {
  let entropy = try binaryCrossEntropyWithLogits(logits, targets, reduction: .none)
  return try (entropy * (targets - logits.sigmoid()).abs().pow(beta)).reduced(reduction)
}

/// Binary cross-entropy that weighs positives by their target and negatives by `alpha * p^gamma`.
///
/// The target is the IoU of the box that the score stands for. Zhang et al., VarifocalNet, 2021,
/// section 3.2; checked against the formula in PyTorch.
/// - `targets`: Of the shape of `logits`; 0 for negatives.
public func varifocalLoss(
  _ logits: Tensor,
  _ targets: Tensor,
  alpha: Double = 0.75,
  gamma: Double = 2,
  reduction: LossReduction = .sum
) throws(TensorError) -> Tensor {
  let entropy = try binaryCrossEntropyWithLogits(logits, targets, reduction: .none)
  let negative = try logits.sigmoid().pow(gamma) * alpha
  return try (entropy * Tensor.where(targets.gt(0), targets, negative)).reduced(reduction)
}

/// Binary cross-entropy that weighs outcomes by how far off they are, positives and negatives in
/// ways of their own.
///
/// Prokofiev and Sovrasov, Combining Metric Learning and Attention Heads for Accurate and Efficient
/// Multilabel Image Classification, 2022, section 3.2: `-k t (1 - p)^γ+ log p
/// - (1 - k) (1 - t) p^γ- log q` with `q = min(1 - p + margin, 1)`. Checked against Python OTX 2.6.
/// - `targets`: 0 to 1, of the shape of `logits`.
/// - `weight`: Of the same shape; 0 leaves an element out.
/// - `positiveFocus`, `negativeFocus`: γ+ and γ-.
/// - `balance`: k, the share of positives.
/// - `margin`: Added to the probability of "no", so that clear negatives cost nothing.
public func asymmetricAngularLoss(
  _ logits: Tensor,
  _ targets: Tensor,
  weight: Tensor? = nil,
  positiveFocus: Double = 0,
  negativeFocus: Double = 1,
  balance: Double = 0.8,
  margin: Double = 0.05,
  reduction: LossReduction = .sum
) throws(TensorError) -> Tensor {
  let yes = try logits.sigmoid()
  let no = try ((-1 * logits).sigmoid() + margin).clamp(max: 1)
  let absent = try 1 - targets
  let positive = try targets * yes.clamp(min: 1e-8).log() * -balance
  let negative = try absent * no.clamp(min: 1e-8).log() * -(1 - balance)
  let miss = try no * targets + yes * absent
  let focus = try miss.pow(targets * positiveFocus + absent * negativeFocus)
  var loss = try (positive + negative) * focus
  if let weight { loss = try loss * weight }
  return try loss.reduced(reduction)
}

/// Cross-entropy of a distance's distribution with the two whole numbers around the true distance.
///
/// Li et al., Generalized Focal Loss, 2020, section 3.2; checked against the formula in PyTorch.
/// - `logits`: `[M, n + 1]`, for the distances `0, 1, …, n`.
/// - `targets`: `[M]`, within `0 ... n`.
public func distributionFocalLoss(
  _ logits: Tensor,
  _ targets: Tensor,
  reduction: LossReduction = .mean
) throws(TensorError) -> Tensor {
  // The largest distance has no right neighbour; it is its left one's right neighbour.
  let left = try targets.floor().clamp(min: 0, max: Double(logits.size(1) - 2))
  let share = try targets - left
  let classes = try left.to(.int64)
  let below = try crossEntropy(logits, classes, reduction: .none)
  let above = try crossEntropy(logits, classes + 1, reduction: .none)
  return try (below * (1 - share) + above * share).reduced(reduction)
}

/// The absolute difference, squared below `beta`: `d² / (2 beta)`, above it `d - beta / 2`.
///
/// Girshick, Fast R-CNN, 2015. Checked against `torch.nn.functional.smooth_l1_loss`.
public func smoothL1Loss(
  _ predictions: Tensor,
  _ targets: Tensor,
  beta: Double = 1,
  reduction: LossReduction = .mean
) throws(TensorError) -> Tensor {
  try predictions.smoothL1Loss(targets, beta: beta, reduction: reduction)
}
