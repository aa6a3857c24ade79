import OTXCore
import OTXNN
import OTXTensor

/// Assignment of cells to objects by what they predict (Ge et al., YOLOX, arXiv 2107.08430, section
/// 2.1 "SimOTA": optimal transport assignment, CVPR 2021, without the iterations).
///
/// A cell whose centre lies in an object or near its middle is a candidate; an object takes the
/// candidates that cost it least, as many as the overlaps of its ten best sum up to. A cell that
/// several objects want goes to the one that it costs least.
///
/// The cost is the classification loss, three times the logarithm of the overlap, and 100,000
/// where the cell is not both in the object and near its middle. It is summed in 64 bits: beside
/// 100,000 the 24 bits of a `float32` would make most of the others equal, and chance decide.
///
/// Checked against a plain PyTorch loop (`Tools/goldens/yolox_reference.py`).
struct SimOTAAssigner {
  /// Half the side of the square around an object's middle, in strides of the level.
  var centerRadius = 2.5
  /// Overlaps that are summed up to the number of an object's cells.
  var candidateCount = 10
  var overlapWeight = 3.0
  /// Pairs of object and cell that are looked at in one go, which bounds the memory it takes.
  var pairLimit = 1 << 20

  /// What the network says of each cell.
  struct Predictions {
    /// `[N, A, 4]`, decoded.
    var boxes: Tensor
    /// `[N, A, K]`, before the sigmoid.
    var scores: Tensor
    /// `[N, A]`, before the sigmoid.
    var objectness: Tensor

    fileprivate func pictures(_ start: Int, _ count: Int) throws(TensorError) -> Predictions {
      Predictions(
        boxes: try boxes.narrow(dim: 0, start: start, length: count),
        scores: try scores.narrow(dim: 0, start: start, length: count),
        objectness: try objectness.narrow(dim: 0, start: start, length: count)
      )
    }
  }

  /// The object of each cell and how well its box overlaps it.
  struct Assignment {
    /// `[N, A]`, `int64`: an index into the picture's objects, -1 without one.
    var owners: Tensor
    /// `[N, A]`: intersection over union with that object; means nothing without one.
    var overlaps: Tensor
  }

  /// Assigns the cells of a batch, whose middles are `centers` (`[A, 2]`, x first) and whose sides
  /// `strides` (`[A]`), to the `objects` of each picture.
  func assign(
    _ objects: [PictureObjects],
    _ predictions: Predictions,
    centers: Tensor,
    strides: Tensor
  ) throws(TensorError) -> Assignment {
    let cellCount = centers.size(0)
    var largest = 1
    for picture in objects { largest = max(largest, picture.count) }
    let step = max(1, pairLimit / (largest * cellCount))
    var owners: [Tensor] = []
    var overlaps: [Tensor] = []
    for start in stride(from: 0, to: objects.count, by: step) {
      let part = Array(objects[start..<min(start + step, objects.count)])
      let found = try assignTogether(
        PaddedObjects(part, on: centers.device),
        predictions.pictures(start, part.count),
        centers,
        strides
      )
      owners.append(found.owners)
      overlaps.append(found.overlaps)
    }
    return Assignment(owners: try .cat(owners, dim: 0), overlaps: try .cat(overlaps, dim: 0))
  }

  /// Objects of several pictures, `[N, G, …]`; pictures with fewer than `G` are filled up.
  private struct PaddedObjects {
    var boxes: Tensor
    var labels: Tensor
    /// `[N, G, 1]`: which are objects.
    var isObject: Tensor

    init(_ pictures: [PictureObjects], on device: Device) throws(TensorError) {
      // At least one place, so that no tensor is empty.
      var count = 1
      for picture in pictures { count = max(count, picture.count) }
      var boxes: [Tensor] = []
      var labels: [Tensor] = []
      var counts: [Int] = []
      for picture in pictures {
        let missing = count - picture.count
        boxes.append(try picture.boxes.pad([0, 0, 0, missing]))
        labels.append(try picture.labels.pad([0, missing]))
        counts.append(picture.count)
      }
      self.boxes = try .stack(boxes, dim: 0)
      self.labels = try .stack(labels, dim: 0)
      let limits = try Tensor(counts, shape: [counts.count, 1, 1]).to(device)
      isObject = try Tensor.arange(count, device: device).unsqueeze(-1).lt(limits)
    }
  }

  private func assignTogether(
    _ objects: PaddedObjects,
    _ predictions: Predictions,
    _ centers: Tensor,
    _ strides: Tensor
  ) throws(TensorError) -> Assignment {
    let (isInside, isNear) = try geometry(objects, centers, strides)
    let isPlausible = try isInside.logicalOr(isNear).logicalAnd(objects.isObject)
    let isCandidate = try isPlausible.any(dim: 1, keepDim: true).logicalAnd(objects.isObject)

    // [N, G, A] from here on.
    let all = try pairedBoxIoU(predictions.boxes.unsqueeze(1), objects.boxes.unsqueeze(2))
    let overlaps = try all * isCandidate.to(.float32)
    let agreement = try
      (classCost(predictions, objects.labels) - (overlaps + 1e-8).log() * overlapWeight)
      .to(.float64)
    let distance = try isInside.logicalAnd(isNear).logicalNot().to(.float64) * 1e5
    let cost = try (agreement + distance).maskedFill(isCandidate.logicalNot(), unreachable)
    return try match(cost, overlaps)
  }

  /// More than any cost.
  private var unreachable: Double { 1e12 }

  /// Whether each cell's middle lies in each object, and whether near the object's middle.
  private func geometry(
    _ objects: PaddedObjects,
    _ centers: Tensor,
    _ strides: Tensor
  ) throws(TensorError) -> (isInside: Tensor, isNear: Tensor) {
    let corners = try objects.boxes.unsqueeze(-1).unbind(dim: 2)
    let points = try centers.unbind(dim: 1)
    let (x, y) = (points[0], points[1])
    let insideX = try (x - corners[0]).minimum(corners[2] - x)
    let insideY = try (y - corners[1]).minimum(corners[3] - y)
    let awayX = try (x - (corners[0] + corners[2]) * 0.5).abs()
    let awayY = try (y - (corners[1] + corners[3]) * 0.5).abs()
    return (
      try insideX.minimum(insideY).gt(0),
      try awayX.maximum(awayY).lt(strides * centerRadius)
    )
  }

  /// Binary cross-entropy of the square root of label probability times objectness against each
  /// object's label, summed over labels; logarithms end at -100, as PyTorch's do.
  private func classCost(
    _ predictions: Predictions,
    _ labels: Tensor
  ) throws(TensorError) -> Tensor {
    let probability = try
      (predictions.scores.sigmoid() * predictions.objectness.sigmoid().unsqueeze(-1)).sqrt()
    let hit = try probability.log().clamp(min: -100)
    let miss = try (-probability).log1p().clamp(min: -100)
    // All labels wrong, but for the object's own, which is right: [N, 1, A] and [N, K, A].
    let allWrong = try miss.sum(dim: -1).unsqueeze(1)
    let difference = try (miss - hit).transpose(1, 2)
    let index = try labels.unsqueeze(-1).expand([-1, -1, difference.size(2)])
    return try difference.gather(dim: 1, index) - allWrong
  }

  /// Each object's cheapest cells, each cell's cheapest object.
  private func match(_ cost: Tensor, _ overlaps: Tensor) throws(TensorError) -> Assignment {
    let count = min(candidateCount, cost.size(2))
    let wanted = try overlaps.topk(count, dim: 2).values.sum(dim: 2, keepDim: true)
      .to(.int64).clamp(min: 1)
    let (cheapest, cells) = try cost.topk(count, dim: 2, largest: false)
    let isTaken = try Tensor.arange(count, device: cost.device).lt(wanted)
      .logicalAnd(cheapest.lt(unreachable))
    let matches = try overlaps.zerosLike().scatter(dim: 2, cells, isTaken.to(.float32))

    let takers = try matches.sum(dim: 1)
    let (_, only) = try matches.max(dim: 1)
    let (_, best) = try cost.min(dim: 1)
    let owner = try Tensor.where(takers.gt(1), best, only)
    let found = try overlaps.gather(dim: 1, owner.unsqueeze(1)).squeeze(1)
    return Assignment(
      owners: try Tensor.where(takers.gt(0), owner, owner.zerosLike() - 1),
      overlaps: found
    )
  }
}
