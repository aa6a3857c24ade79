extension Operator {
  static let sum = Operator("sum")
  static let sumDims = Operator("sum", "dim_IntList")
  static let mean = Operator("mean")
  static let meanDims = Operator("mean", "dim")
  static let maxAll = Operator("max")
  static let maxDim = Operator("max", "dim")
  static let amax = Operator("amax")
  static let minAll = Operator("min")
  static let minDim = Operator("min", "dim")
  static let amin = Operator("amin")
  static let argmax = Operator("argmax")
  static let argmin = Operator("argmin")
  static let prod = Operator("prod")
  static let prodDim = Operator("prod", "dim_int")
  static let norm = Operator("norm", "ScalarOpt_dim")
  static let variance = Operator("var", "correction")
  static let std = Operator("std", "correction")
  static let logsumexp = Operator("logsumexp")
  static let cumsum = Operator("cumsum")
  static let cumprod = Operator("cumprod")
  static let any = Operator("any")
  static let anyDim = Operator("any", "dim")
  static let all = Operator("all")
  static let allDim = Operator("all", "dim")
}

// MARK: - Sums and averages

extension Tensor {
  /// The sum of all elements.
  public func sum() throws(TensorError) -> Tensor { try call(.sum, [.tensor(self), .none]) }
  /// The sum along one dimension.
  public func sum(dim: Int, keepDim: Bool = false) throws(TensorError) -> Tensor {
    try sum(dims: [dim], keepDim: keepDim)
  }
  /// The sum along several dimensions.
  public func sum(dims: [Int], keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.sumDims, [.tensor(self), .ints(dims), .bool(keepDim), .none])
  }

  /// The mean of all elements.
  public func mean() throws(TensorError) -> Tensor { try call(.mean, [.tensor(self), .none]) }
  /// The mean along one dimension.
  public func mean(dim: Int, keepDim: Bool = false) throws(TensorError) -> Tensor {
    try mean(dims: [dim], keepDim: keepDim)
  }
  /// The mean along several dimensions.
  public func mean(dims: [Int], keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.meanDims, [.tensor(self), .ints(dims), .bool(keepDim), .none])
  }

  /// The product of all elements.
  public func prod() throws(TensorError) -> Tensor { try call(.prod, [.tensor(self), .none]) }
  /// The product along one dimension.
  public func prod(dim: Int, keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.prodDim, [.tensor(self), .int(dim), .bool(keepDim), .none])
  }

  /// The variance along dimensions, or of all elements; divided by `count - correction`.
  public func variance(
    dims: [Int]? = nil,
    correction: Int = 1,
    keepDim: Bool = false
  ) throws(TensorError) -> Tensor {
    try call(
      .variance,
      [.tensor(self), dims.map { .ints($0) } ?? .none, .int(correction), .bool(keepDim)]
    )
  }
  /// The standard deviation along dimensions, or of all elements.
  public func std(
    dims: [Int]? = nil,
    correction: Int = 1,
    keepDim: Bool = false
  ) throws(TensorError) -> Tensor {
    try call(
      .std,
      [.tensor(self), dims.map { .ints($0) } ?? .none, .int(correction), .bool(keepDim)]
    )
  }
  /// The `p`-norm along dimensions, or of all elements.
  public func norm(
    _ p: Double = 2,
    dims: [Int] = [],
    keepDim: Bool = false
  ) throws(TensorError) -> Tensor {
    try call(.norm, [.tensor(self), .double(p), .ints(dims), .bool(keepDim)])
  }
  /// `log(sum(exp(x)))` along one dimension, without overflow.
  public func logsumexp(dim: Int, keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.logsumexp, [.tensor(self), .ints([dim]), .bool(keepDim)])
  }
  /// Sums of the elements up to each one.
  public func cumsum(dim: Int) throws(TensorError) -> Tensor {
    try call(.cumsum, [.tensor(self), .int(dim), .none])
  }
  /// Products of the elements up to each one.
  public func cumprod(dim: Int) throws(TensorError) -> Tensor {
    try call(.cumprod, [.tensor(self), .int(dim), .none])
  }
}

// MARK: - Extremes

extension Tensor {
  /// The largest element.
  public func max() throws(TensorError) -> Tensor { try call(.maxAll, [.tensor(self)]) }
  /// The largest elements along one dimension, and where they are.
  public func max(
    dim: Int,
    keepDim: Bool = false
  ) throws(TensorError) -> (values: Tensor, indices: Tensor) {
    try callPair(.maxDim, [.tensor(self), .int(dim), .bool(keepDim)])
  }
  /// The largest elements along several dimensions; equal ones share the gradient.
  public func amax(dims: [Int], keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.amax, [.tensor(self), .ints(dims), .bool(keepDim)])
  }
  /// The smallest element.
  public func min() throws(TensorError) -> Tensor { try call(.minAll, [.tensor(self)]) }
  /// The smallest elements along one dimension, and where they are.
  public func min(
    dim: Int,
    keepDim: Bool = false
  ) throws(TensorError) -> (values: Tensor, indices: Tensor) {
    try callPair(.minDim, [.tensor(self), .int(dim), .bool(keepDim)])
  }
  /// The smallest elements along several dimensions; equal ones share the gradient.
  public func amin(dims: [Int], keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.amin, [.tensor(self), .ints(dims), .bool(keepDim)])
  }
  /// Where the largest element is: along `dim`, or in the flattened tensor.
  public func argmax(dim: Int? = nil, keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.argmax, [.tensor(self), .optional(dim), .bool(keepDim)])
  }
  /// Where the smallest element is: along `dim`, or in the flattened tensor.
  public func argmin(dim: Int? = nil, keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.argmin, [.tensor(self), .optional(dim), .bool(keepDim)])
  }
  /// Whether any element is not zero.
  public func any() throws(TensorError) -> Tensor { try call(.any, [.tensor(self)]) }
  /// Whether any element along `dim` is not zero.
  public func any(dim: Int, keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.anyDim, [.tensor(self), .int(dim), .bool(keepDim)])
  }
  /// Whether no element is zero.
  public func all() throws(TensorError) -> Tensor { try call(.all, [.tensor(self)]) }
  /// Whether no element along `dim` is zero.
  public func all(dim: Int, keepDim: Bool = false) throws(TensorError) -> Tensor {
    try call(.allDim, [.tensor(self), .int(dim), .bool(keepDim)])
  }
}
