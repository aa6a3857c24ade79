extension Operator {
  static let reshape = Operator("reshape")
  static let reshapeAs = Operator("reshape_as")
  static let view = Operator("view")
  static let flatten = Operator("flatten", "using_ints")
  static let unflatten = Operator("unflatten", "int")
  static let permute = Operator("permute")
  static let transpose = Operator("transpose", "int")
  static let unsqueeze = Operator("unsqueeze")
  static let squeeze = Operator("squeeze", "dim")
  static let squeezeAll = Operator("squeeze")
  static let expand = Operator("expand")
  static let expandAs = Operator("expand_as")
  static let narrow = Operator("narrow")
  static let select = Operator("select", "int")
  static let slice = Operator("slice", "Tensor")
  static let cat = Operator("cat")
  static let stack = Operator("stack")
  static let split = Operator("split", "Tensor")
  static let splitSizes = Operator("split_with_sizes")
  static let chunk = Operator("chunk")
  static let unbind = Operator("unbind", "int")
  static let `repeat` = Operator("repeat")
  static let repeatInterleave = Operator("repeat_interleave", "self_int")
  static let flip = Operator("flip")
  static let roll = Operator("roll")
  static let pad = Operator("pad")
  static let meshgrid = Operator("meshgrid", "indexing")
  static let triu = Operator("triu")
  static let tril = Operator("tril")
}

// MARK: - The same elements in another shape

extension Tensor {
  /// Another shape of the same elements; one `-1` is worked out.
  public func reshape(_ shape: [Int]) throws(TensorError) -> Tensor {
    try call(.reshape, [.tensor(self), .ints(shape)])
  }
  /// The shape of another tensor.
  ///
  /// A recording refers to the other tensor, not to the numbers of its shape.
  public func reshapeAs(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.reshapeAs, [.tensor(self), .tensor(other)])
  }
  /// Another shape of the same memory.
  ///
  /// Throws: `failed` where it would need a copy.
  public func view(_ shape: [Int]) throws(TensorError) -> Tensor {
    try call(.view, [.tensor(self), .ints(shape)])
  }
  /// Joins the dimensions from `startDim` to `endDim`, both included.
  public func flatten(
    startDim: Int = 0,
    endDim: Int = -1
  ) throws(TensorError) -> Tensor {
    try call(.flatten, [.tensor(self), .int(startDim), .int(endDim)])
  }
  /// Splits a dimension into several; one `-1` is worked out.
  public func unflatten(dim: Int, _ sizes: [Int]) throws(TensorError) -> Tensor {
    try call(.unflatten, [.tensor(self), .int(dim), .ints(sizes)])
  }
  /// The dimensions in the given order.
  public func permute(_ dims: [Int]) throws(TensorError) -> Tensor {
    try call(.permute, [.tensor(self), .ints(dims)])
  }
  /// Swaps two dimensions.
  public func transpose(_ first: Int, _ second: Int) throws(TensorError) -> Tensor {
    try call(.transpose, [.tensor(self), .int(first), .int(second)])
  }
  /// A new dimension of extent 1 at `dim`.
  public func unsqueeze(_ dim: Int) throws(TensorError) -> Tensor {
    try call(.unsqueeze, [.tensor(self), .int(dim)])
  }
  /// Without dimension `dim` where its extent is 1.
  public func squeeze(_ dim: Int) throws(TensorError) -> Tensor {
    try call(.squeeze, [.tensor(self), .int(dim)])
  }
  /// Without all dimensions of extent 1.
  public func squeeze() throws(TensorError) -> Tensor {
    try call(.squeezeAll, [.tensor(self)])
  }
  /// Dimensions of extent 1 repeated without a copy; `-1` keeps an extent.
  public func expand(_ shape: [Int]) throws(TensorError) -> Tensor {
    try call(.expand, [.tensor(self), .ints(shape), .bool(false)])
  }
  /// Dimensions of extent 1 repeated to the shape of another tensor.
  public func expandAs(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.expandAs, [.tensor(self), .tensor(other)])
  }
}

// MARK: - Parts

extension Tensor {
  /// `length` elements from `start` along `dim`.
  public func narrow(dim: Int, start: Int, length: Int) throws(TensorError) -> Tensor {
    try call(.narrow, [.tensor(self), .int(dim), .int(start), .int(length)])
  }
  /// The part at `index` along `dim`, without that dimension.
  public func select(dim: Int, _ index: Int) throws(TensorError) -> Tensor {
    try call(.select, [.tensor(self), .int(dim), .int(index)])
  }
  /// Elements from `start` up to and without `end` along `dim`; negative ones count from the end.
  public func slice(
    dim: Int,
    from start: Int = 0,
    to end: Int? = nil,
    step: Int = 1
  ) throws(TensorError) -> Tensor {
    try call(
      .slice,
      [.tensor(self), .int(dim), .int(start), .int(end ?? Int.max), .int(step)]
    )
  }
  /// Parts of `size` along `dim`; the last may be smaller.
  public func split(size: Int, dim: Int = 0) throws(TensorError) -> [Tensor] {
    try callList(.split, [.tensor(self), .int(size), .int(dim)])
  }
  /// Parts of the given sizes along `dim`.
  public func split(sizes: [Int], dim: Int = 0) throws(TensorError) -> [Tensor] {
    try callList(.splitSizes, [.tensor(self), .ints(sizes), .int(dim)])
  }
  /// At most `count` parts of equal size along `dim`; the last may be smaller.
  public func chunk(_ count: Int, dim: Int = 0) throws(TensorError) -> [Tensor] {
    try callList(.chunk, [.tensor(self), .int(count), .int(dim)])
  }
  /// Each part along `dim`, without that dimension.
  public func unbind(dim: Int = 0) throws(TensorError) -> [Tensor] {
    try callList(.unbind, [.tensor(self), .int(dim)])
  }
  /// The upper triangle, from the `diagonal`-th above the main one; zeros below.
  public func triu(diagonal: Int = 0) throws(TensorError) -> Tensor {
    try call(.triu, [.tensor(self), .int(diagonal)])
  }
  /// The lower triangle, up to the `diagonal`-th above the main one; zeros above.
  public func tril(diagonal: Int = 0) throws(TensorError) -> Tensor {
    try call(.tril, [.tensor(self), .int(diagonal)])
  }
}

// MARK: - Together

extension Tensor {
  /// Joins tensors along a dimension they have.
  public static func cat(_ tensors: [Tensor], dim: Int = 0) throws(TensorError) -> Tensor {
    try call(.cat, [.tensors(tensors), .int(dim)])
  }
  /// Joins tensors of one shape along a new dimension.
  public static func stack(_ tensors: [Tensor], dim: Int = 0) throws(TensorError) -> Tensor {
    try call(.stack, [.tensors(tensors), .int(dim)])
  }
  /// The whole tensor several times along each dimension.
  public func `repeat`(_ counts: [Int]) throws(TensorError) -> Tensor {
    try call(.repeat, [.tensor(self), .ints(counts)])
  }
  /// Each element `count` times in a row along `dim`.
  public func repeatInterleave(_ count: Int, dim: Int) throws(TensorError) -> Tensor {
    try call(.repeatInterleave, [.tensor(self), .int(count), .int(dim), .none])
  }
  /// The order along the given dimensions reversed.
  public func flip(_ dims: [Int]) throws(TensorError) -> Tensor {
    try call(.flip, [.tensor(self), .ints(dims)])
  }
  /// Elements moved along dimensions; what leaves at the end comes back at the start.
  public func roll(_ shifts: [Int], dims: [Int]) throws(TensorError) -> Tensor {
    try call(.roll, [.tensor(self), .ints(shifts), .ints(dims)])
  }
  /// A border of `value`; `padding` is `(before, after)` from the last dimension on, as in PyTorch.
  public func pad(_ padding: [Int], value: Double = 0) throws(TensorError) -> Tensor {
    try call(.pad, [.tensor(self), .ints(padding), .text("constant"), .double(value)])
  }
  /// Coordinates of a grid: for vectors of `m` and `n` elements two tensors `[m, n]`.
  public static func meshgrid(_ axes: [Tensor]) throws(TensorError) -> [Tensor] {
    try callList(.meshgrid, [.tensors(axes), .text("ij")])
  }
}
