import OTXCore
import OTXTensor

// Boxes are tensors `[..., 4]` of x1, y1, x2, y2 in pixels.

/// Offsets from anchors to boxes, `[..., 4]`: centre relative to the anchor's size, logarithm of
/// the size's ratio, each divided by a standard deviation (Girshick et al., R-CNN, CVPR 2014).
enum BoxCoder {
  /// Standard deviations of the centre's and the size's offsets; SSD's "variances".
  static let centerDeviation = 0.1
  static let sizeDeviation = 0.2
  /// A box is at most 62.5 times as large as its anchor on each axis, and no smaller than 1/62.5.
  static let logarithmLimit = 4.135_166_556_742_356

  /// Boxes from `offsets`: `[N, A, 4]` of anchors whose `centers` and `sizes` are `[A, 2]`, or
  /// `[P, 4]` of `[P, 2]`.
  static func decode(
    _ offsets: Tensor,
    centers: Tensor,
    sizes: Tensor
  ) throws(TensorError) -> Tensor {
    let shift = try offsets.narrow(dim: -1, start: 0, length: 2) * centerDeviation
    let growth = try offsets.narrow(dim: -1, start: 2, length: 2) * sizeDeviation
    let half =
      try growth.clamp(min: -logarithmLimit, max: logarithmLimit).exp() * (sizes * 0.5)
    let center = try shift * sizes + centers
    return try Tensor.cat([center - half, center + half], dim: -1)
  }

  /// The offsets that ``decode(_:centers:sizes:)`` turns into `boxes` (`[P, 4]`, not empty ones).
  static func encode(
    _ boxes: Tensor,
    centers: Tensor,
    sizes: Tensor
  ) throws(TensorError) -> Tensor {
    let low = try boxes.narrow(dim: -1, start: 0, length: 2)
    let high = try boxes.narrow(dim: -1, start: 2, length: 2)
    let shift = try ((low + high) * 0.5 - centers) / sizes / centerDeviation
    let growth = try ((high - low) / sizes).log() / sizeDeviation
    return try Tensor.cat([shift, growth], dim: -1)
  }
}

extension Tensor {
  /// Boxes cut at the picture's border.
  func clipped(to size: ImageSize) throws(TensorError) -> Tensor {
    let (width, height) = (Float(size.width), Float(size.height))
    let limit = try Tensor([width, height, width, height], shape: [4]).to(device)
    return try clamp(min: 0).minimum(limit)
  }

  /// Widths and heights of boxes, `[..., 2]`.
  private func extents() throws(TensorError) -> Tensor {
    try narrow(dim: -1, start: 2, length: 2) - narrow(dim: -1, start: 0, length: 2)
  }

  /// The share of each box that lies in `other`, 0…1; shapes broadcast.
  func shareInside(_ other: Tensor) throws(TensorError) -> Tensor {
    let low = try narrow(dim: -1, start: 0, length: 2)
      .maximum(other.narrow(dim: -1, start: 0, length: 2))
    let high = try narrow(dim: -1, start: 2, length: 2)
      .minimum(other.narrow(dim: -1, start: 2, length: 2))
    let shared = try (high - low).clamp(min: 0).prod(dim: -1)
    return try shared / extents().prod(dim: -1).clamp(min: 1e-6)
  }

  /// 1 where a box has an area, 0 where it has none.
  func visibility() throws(TensorError) -> Tensor {
    try extents().amin(dims: [-1]).gt(0).to(dtype)
  }
}
