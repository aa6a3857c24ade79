import OTXCore
import OTXNN
import OTXTensor

/// Adaptive training sample selection (Zhang et al., CVPR 2020, algorithm 1).
///
/// For each object, the `candidateCount` anchors of each level whose centres are nearest are
/// candidates; those that overlap it by at least the mean plus the standard deviation of the
/// candidates' overlaps, and whose centre lies in the object, are its own. An anchor of several
/// objects goes to the one that it overlaps most.
struct AdaptiveAssigner {
  /// `k` of the paper.
  var candidateCount = 9

  /// The object of each anchor, `[A]` `int64`: an index into `boxes` (`[G, 4]`), -1 without one.
  ///
  /// `corners` are the grid's anchors as boxes, `[A, 4]`.
  func assign(
    _ boxes: Tensor,
    grid: AnchorGrid,
    corners: Tensor
  ) throws(TensorError) -> Tensor {
    let anchorCount = corners.size(0)
    let objectCount = boxes.size(0)
    guard objectCount > 0 else {
      return try .full([anchorCount], -1, dtype: .int64, device: corners.device)
    }
    let low = try boxes.narrow(dim: 1, start: 0, length: 2).unsqueeze(1)
    let high = try boxes.narrow(dim: 1, start: 2, length: 2).unsqueeze(1)
    let middle = try (low + high) * 0.5

    var found: [Tensor] = []
    var start = 0
    for level in grid.levels {
      let centers = try grid.centers.narrow(dim: 0, start: start, length: level.anchorCount)
      let away = try centers.unsqueeze(0) - middle
      let distance = try (away * away).sum(dim: -1)
      let (_, nearest) = try distance.topk(
        min(candidateCount, level.anchorCount),
        dim: 1,
        largest: false
      )
      found.append(try nearest + start)
      start += level.anchorCount
    }
    // [G, M] candidates of each object.
    let candidates = try Tensor.cat(found, dim: 1)
    let flat = try candidates.flatten()
    let shape = [objectCount, candidates.size(1)]
    let overlaps = try pairedBoxIoU(
      corners.indexSelect(dim: 0, flat).reshape(shape + [4]),
      boxes.unsqueeze(1)
    )
    let centers = try grid.centers.indexSelect(dim: 0, flat).reshape(shape + [2])
    let threshold =
      try overlaps.mean(dim: 1, keepDim: true)
      + overlaps.std(dims: [1], keepDim: true)
    let inside = try (centers - low).minimum(high - centers).amin(dims: [-1]).gt(0.01)
    let isOwn = try overlaps.ge(threshold).logicalAnd(inside)

    // [G, A]: overlap where the anchor is the object's own, else -1.
    let none = try overlaps.zerosLike() - 1
    let table = try Tensor.full([objectCount, anchorCount], -1, device: corners.device)
      .scatter(dim: 1, candidates, Tensor.where(isOwn, overlaps, none))
    let (best, owner) = try table.max(dim: 0)
    return try Tensor.where(best.ge(0), owner, owner.zerosLike() - 1)
  }
}

/// Assignment by overlap alone (Liu et al., SSD, section 2.2, "matching strategy").
///
/// An anchor belongs to the object that it overlaps most, from `threshold` on; besides, the anchor
/// that an object overlaps most is the object's own whatever their overlap.
struct OverlapAssigner {
  var threshold = 0.4

  /// As ``AdaptiveAssigner/assign(_:grid:corners:)``.
  func assign(_ boxes: Tensor, corners: Tensor) throws(TensorError) -> Tensor {
    let anchorCount = corners.size(0)
    let objectCount = boxes.size(0)
    guard objectCount > 0 else {
      return try .full([anchorCount], -1, dtype: .int64, device: corners.device)
    }
    // [G, A]
    let overlaps = try boxIoU(boxes, corners)
    let (best, owner) = try overlaps.max(dim: 0)
    let none = try owner.zerosLike() - 1
    let matched = try Tensor.where(best.ge(threshold), owner, none)

    // Of two objects that want the same anchor, the later one gets it, as in a loop over objects.
    let (reached, favourite) = try overlaps.max(dim: 1)
    let number = try Tensor.arange(objectCount, device: corners.device)
    let wanted = try Tensor.where(reached.gt(0), number, number.zerosLike() - 1)
    let table = try Tensor.full(
      [objectCount, anchorCount],
      -1,
      dtype: .int64,
      device: corners.device
    ).scatter(dim: 1, favourite.unsqueeze(1), wanted.unsqueeze(1))
    let forced = try table.amax(dims: [0])
    return try Tensor.where(forced.ge(0), forced, matched)
  }
}
