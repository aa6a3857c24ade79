import OTXCore
import OTXTensor

/// How a detector's raw boxes become detections.
struct DetectionLimits: Sendable {
  /// Overlap above which the weaker of two boxes of one label is dropped.
  var iouThreshold: Double
  /// Pairs of anchor and label that are looked at in each picture, the surest ones.
  ///
  /// Suppression compares each with each, so this bounds its time; OTX 2.6 takes 1,000 of each
  /// level, which is the same until one level alone has that many good ones.
  var candidateCount = 1000
  /// Detections of a picture at most (COCO's metric counts 100).
  var detectionCount = 100
}

/// Chooses detections among all boxes of a batch: non-maximum suppression per picture and label,
/// without a loop over pictures and with any batch size, so that one recording serves all.
///
/// Boxes of other pictures and labels must not suppress each other: pictures are moved apart along
/// x, labels along y. One axis for both would cost the coordinates most of their 24 bits (80
/// labels of 8 pictures of 1,000 pixels reach 640,000; apart they stay below 80,000).
///
/// A box whose area vanished at the border is dropped. Checked against `torchvision.ops.batched_nms`.
///
/// - Parameters:
///   - boxes: `[N, A, 4]`, clipped to the picture.
///   - scores: `[N, A, K]`, 0…1; an anchor may be found under several labels.
///   - inputSize: The picture's.
///   - limits: How many, and how much they may overlap.
/// - Returns: `boxes` `[N, D, 5]` (x1, y1, x2, y2, score) and `labels` `[N, D]` (`int64`), surest
///   first, padded with rows of zeros.
/// - Throws: `TensorError`.
func batchedNMS(
  boxes: Tensor,
  scores: Tensor,
  inputSize: ImageSize,
  limits: DetectionLimits
) throws(TensorError) -> (boxes: Tensor, labels: Tensor) {
  let labelCount = scores.size(2)
  let pairCount = scores.size(1) * labelCount
  let candidateCount = min(limits.candidateCount, pairCount)

  // The surest pairs of anchor and label: [N, C].
  let (candidates, indices) = try scores.flatten(startDim: 1)
    .topk(candidateCount, dim: 1)
  let anchors = try indices.floorDivide(labelCount)
  let labels = try indices.remainder(labelCount).to(.float32)
  let found = try boxes.gather(dim: 1, anchors.unsqueeze(-1).expand([-1, -1, 4]))

  // Pictures 1, 2, … along x, labels along y: [N, C, 4].
  let pictures = try candidates.onesLike().cumsum(dim: 0)
  let shift = try Tensor.stack(
    [pictures * Double(inputSize.width + 1), labels * Double(inputSize.height + 1)],
    dim: -1
  )
  let apart = try found + Tensor.cat([shift, shift], dim: -1)

  // Suppressed ones get score 0: [N, C].
  let flat = try candidates.flatten()
  let kept = try apart.flatten(startDim: 0, endDim: 1).nms(
    scores: flat,
    iouThreshold: limits.iouThreshold
  )
  let survivors = try flat.zerosLike().scatter(dim: 0, kept, flat.indexSelect(dim: 0, kept))
  let final = try survivors.reshapeAs(candidates) * found.visibility()

  // The surest detections: [N, D, 6]. All columns are gathered, then cut: OpenVINO's front end
  // does not compile a gather on a slice.
  let (best, order) = try final.topk(min(limits.detectionCount, candidateCount), dim: 1)
  let isFound = try best.gt(0).to(.float32).unsqueeze(-1)
  let rows =
    try Tensor.cat([found, labels.unsqueeze(-1)], dim: -1)
    .gather(dim: 1, order.unsqueeze(-1).expand([-1, -1, 5])) * isFound
  return (
    try Tensor.cat([rows.narrow(dim: -1, start: 0, length: 4), best.unsqueeze(-1)], dim: -1),
    try rows.select(dim: -1, 4).to(.int64)
  )
}
