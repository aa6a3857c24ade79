extension Operator {
  static let indexSelect = Operator("index_select")
  static let index = Operator("index", "Tensor")
  static let indexPut = Operator("index_put")
  static let gather = Operator("gather")
  static let scatter = Operator("scatter", "src")
  static let scatterValue = Operator("scatter", "value")
  static let scatterAdd = Operator("scatter_add")
  static let maskedFill = Operator("masked_fill", "Scalar")
  static let maskedSelect = Operator("masked_select")
  static let nonzero = Operator("nonzero")
  static let `where` = Operator("where", "self")
  static let whereScalarOther = Operator("where", "ScalarOther")
  static let topk = Operator("topk")
  static let sort = Operator("sort", "stable")
  static let argsort = Operator("argsort", "stable")
  static let unique = Operator("_unique2")
  static let oneHot = Operator("one_hot")
  static let bincount = Operator("bincount")
}

// MARK: - Picking

extension Tensor {
  /// The parts at `indices` (`int64`, one dimension) along `dim`.
  public func indexSelect(dim: Int, _ indices: Tensor) throws(TensorError) -> Tensor {
    try call(.indexSelect, [.tensor(self), .int(dim), .tensor(indices)])
  }
  /// `self[a, :, b]` of PyTorch: a tensor of positions or a mask for each dimension, `nil` for all.
  public func index(_ indices: [Tensor?]) throws(TensorError) -> Tensor {
    try call(.index, [.tensor(self), .optionalTensors(indices)])
  }
  /// A copy with `values` at the given positions; equal positions add up where `accumulate`.
  public func indexPut(
    _ indices: [Tensor?],
    _ values: Tensor,
    accumulate: Bool = false
  ) throws(TensorError) -> Tensor {
    try call(
      .indexPut,
      [.tensor(self), .optionalTensors(indices), .tensor(values), .bool(accumulate)]
    )
  }
  /// `out[i][j] = self[index[i][j]][j]` for `dim` 0; the result has the shape of `index`.
  public func gather(dim: Int, _ index: Tensor) throws(TensorError) -> Tensor {
    try call(.gather, [.tensor(self), .int(dim), .tensor(index), .bool(false)])
  }
  /// A copy with `out[index[i][j]][j] = source[i][j]` for `dim` 0.
  public func scatter(
    dim: Int,
    _ index: Tensor,
    _ source: Tensor
  ) throws(TensorError) -> Tensor {
    try call(.scatter, [.tensor(self), .int(dim), .tensor(index), .tensor(source)])
  }
  /// A copy with `value` at the positions of `index`.
  public func scatter(
    dim: Int,
    _ index: Tensor,
    _ value: Double
  ) throws(TensorError) -> Tensor {
    try call(.scatterValue, [.tensor(self), .int(dim), .tensor(index), .double(value)])
  }
  /// A copy with `source` added at the positions of `index`.
  public func scatterAdd(
    dim: Int,
    _ index: Tensor,
    _ source: Tensor
  ) throws(TensorError) -> Tensor {
    try call(.scatterAdd, [.tensor(self), .int(dim), .tensor(index), .tensor(source)])
  }
}

// MARK: - Masks

extension Tensor {
  /// A copy with `value` where `mask` is true.
  public func maskedFill(_ mask: Tensor, _ value: Double) throws(TensorError) -> Tensor {
    try call(.maskedFill, [.tensor(self), .tensor(mask), .double(value)])
  }
  /// The elements where `mask` is true, in one dimension.
  public func maskedSelect(_ mask: Tensor) throws(TensorError) -> Tensor {
    try call(.maskedSelect, [.tensor(self), .tensor(mask)])
  }
  /// Where the elements that are not zero are: `[count, rank]`.
  public func nonzero() throws(TensorError) -> Tensor { try call(.nonzero, [.tensor(self)]) }
  /// `whenTrue` where `condition` holds, else `whenFalse`.
  public static func `where`(
    _ condition: Tensor,
    _ whenTrue: Tensor,
    _ whenFalse: Tensor
  ) throws(TensorError) -> Tensor {
    try call(.where, [.tensor(condition), .tensor(whenTrue), .tensor(whenFalse)])
  }
  /// `whenTrue` where `condition` holds, else one value.
  public static func `where`(
    _ condition: Tensor,
    _ whenTrue: Tensor,
    _ whenFalse: Double
  ) throws(TensorError) -> Tensor {
    try call(.whereScalarOther, [.tensor(condition), .tensor(whenTrue), .double(whenFalse)])
  }
}

// MARK: - Order

extension Tensor {
  /// The `k` largest (or smallest) elements along `dim`, in order, and where they are.
  public func topk(
    _ k: Int,
    dim: Int = -1,
    largest: Bool = true,
    sorted: Bool = true
  ) throws(TensorError) -> (values: Tensor, indices: Tensor) {
    try callPair(
      .topk,
      [.tensor(self), .int(k), .int(dim), .bool(largest), .bool(sorted)]
    )
  }
  /// The elements in order, equal ones as they were, and where they came from.
  public func sort(
    dim: Int = -1,
    descending: Bool = false
  ) throws(TensorError) -> (values: Tensor, indices: Tensor) {
    try callPair(.sort, [.tensor(self), .bool(true), .int(dim), .bool(descending)])
  }
  /// The positions of the elements in order, equal ones as they were.
  public func argsort(dim: Int = -1, descending: Bool = false) throws(TensorError) -> Tensor {
    try call(.argsort, [.tensor(self), .bool(true), .int(dim), .bool(descending)])
  }
  /// The different elements in order, and how often each occurs.
  public func unique() throws(TensorError) -> (values: Tensor, counts: Tensor) {
    let results = try callList(.unique, [.tensor(self), .bool(true), .bool(false), .bool(true)])
    guard results.count == 3 else {
      throw .failed(operation: "unique", shapes: [shape], message: "returned no counts")
    }
    return (results[0], results[2])
  }
  /// `int64` labels as vectors with a single 1: a new last dimension of `classCount`.
  public func oneHot(classCount: Int) throws(TensorError) -> Tensor {
    try call(.oneHot, [.tensor(self), .int(classCount)])
  }
  /// How often each of `0, 1, …` occurs in a vector of integers.
  public func bincount(minimumLength: Int = 0) throws(TensorError) -> Tensor {
    try call(.bincount, [.tensor(self), .none, .int(minimumLength)])
  }
}
