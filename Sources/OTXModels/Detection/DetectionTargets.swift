import OTXCore
import OTXTensor

/// The objects of one picture as tensors, in pixels of the network's input.
struct PictureObjects {
  /// `[G, 4]`; boxes without an area are left out, since no anchor can learn them.
  var boxes: Tensor
  /// `[G]`, `int64`.
  var labels: Tensor
  /// `[C, 4]`: regions whose content is neither object nor background; `nil` without any.
  var crowds: Tensor?
  var count: Int

  init(_ objects: [Detection.LabeledBox], on device: Device) throws(TensorError) {
    var boxes: [Float] = []
    var crowds: [Float] = []
    var labels: [Int] = []
    for object in objects where object.box.isFinite && object.box.area > 0 {
      let corners = [object.box.x1, object.box.y1, object.box.x2, object.box.y2]
      if object.isCrowd {
        crowds += corners
      } else {
        boxes += corners
        labels.append(object.label)
      }
    }
    count = labels.count
    self.boxes = try Tensor(boxes, shape: [labels.count, 4]).to(device)
    self.labels = try Tensor(labels, shape: [labels.count]).to(device)
    self.crowds =
      crowds.isEmpty
      ? nil : try Tensor(crowds, shape: [crowds.count / 4, 4]).to(device)
  }
}

/// What each anchor of a batch is to learn.
struct DetectionTargets {
  /// `[N, A]`, `int64`: the anchor's label; the number of labels marks background.
  var labels: Tensor
  /// `[N, A]`: 0 where an unassigned anchor lies mostly in a crowd, else 1.
  var weights: Tensor
  /// `[N, A]`: 1 where the anchor has an object, else 0.
  var positives: Tensor
  /// `[P]`, `int64`: the anchors that have an object, as indices into `N * A`.
  var positiveIndices: Tensor
  /// `[P, 4]`: their objects.
  var boxes: Tensor
  /// `[P]`: the anchor of each, as an index into `A`.
  var anchorIndices: Tensor

  /// An unassigned anchor of which more than this share lies in a crowd teaches nothing.
  private static let crowdShare = 0.5

  /// Targets from each picture's assignment.
  ///
  /// `owners` holds for each picture `[A]` (`int64`) the object that each anchor belongs to, -1 for
  /// none; `corners` are the anchors, `[A, 4]`.
  init(
    owners: [Tensor],
    objects: [PictureObjects],
    corners: Tensor,
    labelCount: Int
  ) throws(TensorError) {
    let anchorCount = corners.size(0)
    var labels: [Tensor] = []
    var weights: [Tensor] = []
    var global: [Tensor] = []
    var boxes: [Tensor] = []
    var total = 0
    let background = try Tensor.full(
      [anchorCount],
      Double(labelCount),
      dtype: .int64,
      device: corners.device
    )
    for (owner, picture) in zip(owners, objects) {
      let isPositive = try owner.ge(0)
      if picture.count == 0 {
        labels.append(background)
        global.append(owner)
      } else {
        let own = try picture.labels.indexSelect(dim: 0, owner.maximum(owner.zerosLike()))
        labels.append(try Tensor.where(isPositive, own, background))
        global.append(try Tensor.where(isPositive, owner + total, owner))
      }
      weights.append(try DetectionTargets.weights(corners, isPositive, picture.crowds))
      boxes.append(picture.boxes)
      total += picture.count
    }
    self.labels = try Tensor.stack(labels, dim: 0)
    self.weights = try Tensor.stack(weights, dim: 0)
    let owners = try Tensor.stack(global, dim: 0)
    positives = try owners.ge(0).to(.float32)
    let flat = try owners.flatten()
    positiveIndices = try flat.ge(0).nonzero().squeeze(1)
    self.boxes = try Tensor.cat(boxes, dim: 0)
      .indexSelect(dim: 0, flat.indexSelect(dim: 0, positiveIndices))
    anchorIndices = try positiveIndices.remainder(anchorCount)
  }

  /// Targets of a batch whose anchors are those of `grid`.
  ///
  /// `assign` gives the object of each anchor, as `owners` above, for the objects' boxes `[G, 4]`
  /// of one picture and the anchors' corners `[A, 4]`.
  init(
    _ batch: Detection.Batch,
    grid: AnchorGrid,
    labelCount: Int,
    assign: (_ boxes: Tensor, _ corners: Tensor) throws(TensorError) -> Tensor
  ) throws(TensorError) {
    let corners = try grid.corners()
    var owners: [Tensor] = []
    var objects: [PictureObjects] = []
    for entity in batch.entities {
      let picture = try PictureObjects(entity.objects, on: corners.device)
      objects.append(picture)
      owners.append(try assign(picture.boxes, corners))
    }
    try self.init(owners: owners, objects: objects, corners: corners, labelCount: labelCount)
  }

  private static func weights(
    _ corners: Tensor,
    _ isPositive: Tensor,
    _ crowds: Tensor?
  ) throws(TensorError) -> Tensor {
    let ones = try Tensor.ones([corners.size(0)], device: corners.device)
    guard let crowds else { return ones }
    let share = try corners.unsqueeze(1).shareInside(crowds.unsqueeze(0)).amax(dims: [1])
    let isIgnored = try share.gt(crowdShare).logicalAnd(isPositive.logicalNot())
    return try Tensor.where(isIgnored, ones.zerosLike(), ones)
  }

  /// Positives of each picture, at least 1, summed: what the losses of a batch are divided by.
  func averageFactor() throws(TensorError) -> Tensor {
    try positives.sum(dim: 1).clamp(min: 1).sum()
  }

  /// Rows of predictions `[N, A, C]` that have an object: `[P, C]`.
  ///
  /// By distinct indices, so that the gradient does not depend on the order of additions.
  func positiveRows(_ predictions: Tensor) throws(TensorError) -> Tensor {
    try predictions.flatten(startDim: 0, endDim: 1).indexSelect(dim: 0, positiveIndices)
  }
}
