import OTXTensor

extension Tensor {
  /// A head's map `[N, a * C, H, W]` as one row an anchor: `[N, H * W * a, C]`.
  func rows(of columnCount: Int) throws(TensorError) -> Tensor {
    try permute([0, 2, 3, 1]).flatten(startDim: 1, endDim: 3).unflatten(dim: 1, [-1, columnCount])
  }
}
