public import OTXTensor

extension Tensor {
  /// The elements of a loss, their mean or their sum.
  public func reduced(_ reduction: LossReduction) throws(TensorError) -> Tensor {
    switch reduction {
    case .none: self
    case .mean: try mean()
    case .sum: try sum()
    }
  }
}
