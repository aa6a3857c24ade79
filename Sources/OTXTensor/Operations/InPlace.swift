extension Operator {
  static let addInPlace = Operator("add_", "Tensor")
  static let addScalarInPlace = Operator("add_", "Scalar")
  static let subInPlace = Operator("sub_", "Tensor")
  static let mulInPlace = Operator("mul_", "Tensor")
  static let mulScalarInPlace = Operator("mul_", "Scalar")
  static let divInPlace = Operator("div_", "Tensor")
  static let divScalarInPlace = Operator("div_", "Scalar")
  static let addcmulInPlace = Operator("addcmul_")
  static let addcdivInPlace = Operator("addcdiv_")
  static let lerpInPlace = Operator("lerp_", "Scalar")
  static let zeroInPlace = Operator("zero_")
  static let fillInPlace = Operator("fill_", "Scalar")
  static let copyInPlace = Operator("copy_")
  static let clampInPlace = Operator("clamp_")
  static let reluInPlace = Operator("relu_")
  static let uniformInPlace = Operator("uniform_")
  static let normalInPlace = Operator("normal_")
  static let bernoulliInPlace = Operator("bernoulli_", "float")
  static let maskedFillInPlace = Operator("masked_fill_", "Scalar")
  static let indexPutInPlace = Operator("index_put_")
}

// Operations that write into their tensor, with PyTorch's trailing underscore: for optimizers,
// statistics and initialisation. None of them can be recorded.

// swift-format-ignore: AlwaysUseLowerCamelCase
extension Tensor {
  /// `self += scale * other`.
  public func add_(_ other: Tensor, scale: Double = 1) throws(TensorError) {
    try callVoid(.addInPlace, [.tensor(self), .tensor(other), .double(scale)])
  }
  /// `self += value`.
  public func add_(_ value: Double) throws(TensorError) {
    try callVoid(.addScalarInPlace, [.tensor(self), .double(value)])
  }
  /// `self -= scale * other`.
  public func sub_(_ other: Tensor, scale: Double = 1) throws(TensorError) {
    try callVoid(.subInPlace, [.tensor(self), .tensor(other), .double(scale)])
  }
  /// `self *= other`.
  public func mul_(_ other: Tensor) throws(TensorError) {
    try callVoid(.mulInPlace, [.tensor(self), .tensor(other)])
  }
  /// `self *= value`.
  public func mul_(_ value: Double) throws(TensorError) {
    try callVoid(.mulScalarInPlace, [.tensor(self), .double(value)])
  }
  /// `self /= other`.
  public func div_(_ other: Tensor) throws(TensorError) {
    try callVoid(.divInPlace, [.tensor(self), .tensor(other)])
  }
  /// `self /= value`.
  public func div_(_ value: Double) throws(TensorError) {
    try callVoid(.divScalarInPlace, [.tensor(self), .double(value)])
  }
  /// `self += value * first * second`.
  public func addcmul_(_ first: Tensor, _ second: Tensor, value: Double = 1) throws(TensorError) {
    try callVoid(
      .addcmulInPlace,
      [.tensor(self), .tensor(first), .tensor(second), .double(value)]
    )
  }
  /// `self += value * first / second`.
  public func addcdiv_(_ first: Tensor, _ second: Tensor, value: Double = 1) throws(TensorError) {
    try callVoid(
      .addcdivInPlace,
      [.tensor(self), .tensor(first), .tensor(second), .double(value)]
    )
  }
  /// `self += weight * (end - self)`.
  public func lerp_(_ end: Tensor, weight: Double) throws(TensorError) {
    try callVoid(.lerpInPlace, [.tensor(self), .tensor(end), .double(weight)])
  }
  /// Every element becomes 0.
  public func zero_() throws(TensorError) { try callVoid(.zeroInPlace, [.tensor(self)]) }
  /// Every element becomes `value`.
  public func fill_(_ value: Double) throws(TensorError) {
    try callVoid(.fillInPlace, [.tensor(self), .double(value)])
  }
  /// Takes over the elements of `source`, which is broadcast and converted.
  public func copy_(_ source: Tensor) throws(TensorError) {
    try callVoid(.copyInPlace, [.tensor(self), .tensor(source), .bool(false)])
  }
  /// Elements below `min` or above `max` move there.
  public func clamp_(min: Double? = nil, max: Double? = nil) throws(TensorError) {
    try callVoid(.clampInPlace, [.tensor(self), .optional(min), .optional(max)])
  }
  /// Elements become uniform in `[from, to)`, from libtorch's generator.
  public func uniform_(from: Double = 0, to: Double = 1) throws(TensorError) {
    try callVoid(.uniformInPlace, [.tensor(self), .double(from), .double(to), .none])
  }
  /// Elements become normal, from libtorch's generator.
  public func normal_(mean: Double = 0, std: Double = 1) throws(TensorError) {
    try callVoid(.normalInPlace, [.tensor(self), .double(mean), .double(std), .none])
  }
  /// Elements become 1 with probability `p`, else 0.
  public func bernoulli_(p: Double) throws(TensorError) {
    try callVoid(.bernoulliInPlace, [.tensor(self), .double(p), .none])
  }
  /// Elements become `value` where `mask` is true.
  public func maskedFill_(_ mask: Tensor, _ value: Double) throws(TensorError) {
    try callVoid(.maskedFillInPlace, [.tensor(self), .tensor(mask), .double(value)])
  }
  /// Elements at the given positions become `values`.
  public func indexPut_(
    _ indices: [Tensor?],
    _ values: Tensor,
    accumulate: Bool = false
  ) throws(TensorError) {
    try callVoid(
      .indexPutInPlace,
      [.tensor(self), .optionalTensors(indices), .tensor(values), .bool(accumulate)]
    )
  }
}
