public import OTXTensor

/// The corners of boxes `[..., 4]` in `x1, y1, x2, y2`, each `[...]`.
private struct Corners {
  let x1: Tensor
  let y1: Tensor
  let x2: Tensor
  let y2: Tensor

  init(_ boxes: Tensor) throws(TensorError) {
    let parts = try boxes.unbind(dim: -1)
    (x1, y1, x2, y2) = (parts[0], parts[1], parts[2], parts[3])
  }

  func area() throws(TensorError) -> Tensor { try (x2 - x1) * (y2 - y1) }
}

/// The overlap and the joint area of boxes that broadcast against each other.
private func overlap(
  _ a: Corners,
  _ b: Corners
) throws(TensorError) -> (intersection: Tensor, union: Tensor) {
  let width = try (a.x2.minimum(b.x2) - a.x1.maximum(b.x1)).clamp(min: 0)
  let height = try (a.y2.minimum(b.y2) - a.y1.maximum(b.y1)).clamp(min: 0)
  let intersection = try width * height
  return (intersection, try a.area() + b.area() - intersection)
}

/// Intersection over union of every box of `a` with every box of `b`: `[M, 4]`, `[N, 4]` to
/// `[M, N]`.
///
/// Boxes are `x1, y1, x2, y2`. Checked against `torchvision.ops.box_iou`.
public func boxIoU(_ a: Tensor, _ b: Tensor) throws(TensorError) -> Tensor {
  let (intersection, union) = try overlap(
    Corners(a.unsqueeze(1)),
    Corners(b.unsqueeze(0))
  )
  return try intersection / union
}

/// Intersection over union of boxes pair by pair: `[..., 4]` twice, to `[...]`.
///
/// - `epsilon`: Added to the union, so that empty boxes give 0.
public func pairedBoxIoU(
  _ a: Tensor,
  _ b: Tensor,
  epsilon: Double = 0
) throws(TensorError) -> Tensor {
  let (intersection, union) = try overlap(Corners(a), Corners(b))
  return try intersection / (union + epsilon)
}

/// `1 - IoU`, pair by pair.
public func iouLoss(
  _ predictions: Tensor,
  _ targets: Tensor,
  reduction: LossReduction = .mean,
  epsilon: Double = 1e-7
) throws(TensorError) -> Tensor {
  try (1 - pairedBoxIoU(predictions, targets, epsilon: epsilon)).reduced(reduction)
}

/// `1 - GIoU`, pair by pair: boxes that do not meet have a gradient too.
///
/// Rezatofighi et al., Generalized Intersection over Union, 2019. Checked against
/// `torchvision.ops.generalized_box_iou_loss`.
/// - `epsilon`: Added to both denominators.
public func generalizedBoxIoULoss(
  _ predictions: Tensor,
  _ targets: Tensor,
  reduction: LossReduction = .mean,
  epsilon: Double = 1e-7
) throws(TensorError) -> Tensor {
  let a = try Corners(predictions)
  let b = try Corners(targets)
  let (intersection, union) = try overlap(a, b)
  let iou = try intersection / (union + epsilon)
  let width = try a.x2.maximum(b.x2) - a.x1.minimum(b.x1)
  let height = try a.y2.maximum(b.y2) - a.y1.minimum(b.y1)
  let hull = try width * height
  return try (1 - (iou - (hull - union) / (hull + epsilon))).reduced(reduction)
}

/// `1 - IoU` plus the squared distance of the centres relative to the hull's diagonal.
///
/// Zheng et al., Distance-IoU Loss, AAAI 2020, section 3.2. Checked against
/// `torchvision.ops.distance_box_iou_loss`.
/// - `epsilon`: Added to both denominators.
public func distanceBoxIoULoss(
  _ predictions: Tensor,
  _ targets: Tensor,
  reduction: LossReduction = .mean,
  epsilon: Double = 1e-7
) throws(TensorError) -> Tensor {
  try distanceTerms(Corners(predictions), Corners(targets), epsilon: epsilon).loss
    .reduced(reduction)
}

/// The distance loss plus how far the aspect ratios are apart.
///
/// Zheng et al., Distance-IoU Loss, AAAI 2020, section 3.3; the trade-off `alpha` has no gradient.
/// Checked against `torchvision.ops.complete_box_iou_loss`. Sides are taken as at least `epsilon`,
/// so that a box without extent has a gradient that is a number.
/// - `epsilon`: Added to the denominators.
public func completeBoxIoULoss(
  _ predictions: Tensor,
  _ targets: Tensor,
  reduction: LossReduction = .mean,
  epsilon: Double = 1e-7
) throws(TensorError) -> Tensor {
  let a = try Corners(predictions)
  let b = try Corners(targets)
  let (loss, iou) = try distanceTerms(a, b, epsilon: epsilon)
  func angle(_ box: Corners) throws(TensorError) -> Tensor {
    try ((box.x2 - box.x1).clamp(min: epsilon) / (box.y2 - box.y1).clamp(min: epsilon)).atan()
  }
  let aspect = try (angle(b) - angle(a)).square() * (4 / (Double.pi * Double.pi))
  let fixed = try aspect.detach()
  let alpha = try fixed / (1 - iou.detach() + fixed + epsilon)
  return try (loss + alpha * aspect).reduced(reduction)
}

private func distanceTerms(
  _ a: Corners,
  _ b: Corners,
  epsilon: Double
) throws(TensorError) -> (loss: Tensor, iou: Tensor) {
  let (intersection, union) = try overlap(a, b)
  let iou = try intersection / (union + epsilon)
  let width = try a.x2.maximum(b.x2) - a.x1.minimum(b.x1)
  let height = try a.y2.maximum(b.y2) - a.y1.minimum(b.y1)
  let diagonal = try width.square() + height.square() + epsilon
  let dx = try (a.x1 + a.x2 - b.x1 - b.x2) / 2
  let dy = try (a.y1 + a.y2 - b.y1 - b.y2) / 2
  return (try 1 - iou + (dx.square() + dy.square()) / diagonal, iou)
}
