extension Operator {
  static let exp = Operator("exp")
  static let expm1 = Operator("expm1")
  static let log = Operator("log")
  static let log1p = Operator("log1p")
  static let log2 = Operator("log2")
  static let sqrt = Operator("sqrt")
  static let rsqrt = Operator("rsqrt")
  static let square = Operator("square")
  static let pow = Operator("pow", "Tensor_Scalar")
  static let powTensor = Operator("pow", "Tensor_Tensor")
  static let abs = Operator("abs")
  static let sign = Operator("sign")
  static let clamp = Operator("clamp")
  static let clampTensor = Operator("clamp", "Tensor")
  static let floor = Operator("floor")
  static let ceil = Operator("ceil")
  static let round = Operator("round")
  static let trunc = Operator("trunc")
  static let sin = Operator("sin")
  static let cos = Operator("cos")
  static let atan = Operator("atan")
  static let atan2 = Operator("atan2")
  static let erf = Operator("erf")
  static let nanToNum = Operator("nan_to_num")
}

extension Tensor {
  public func exp() throws(TensorError) -> Tensor { try call(.exp, [.tensor(self)]) }
  /// `exp(x) - 1`, exact near zero.
  public func expm1() throws(TensorError) -> Tensor { try call(.expm1, [.tensor(self)]) }
  public func log() throws(TensorError) -> Tensor { try call(.log, [.tensor(self)]) }
  /// `log(1 + x)`, exact near zero.
  public func log1p() throws(TensorError) -> Tensor { try call(.log1p, [.tensor(self)]) }
  public func log2() throws(TensorError) -> Tensor { try call(.log2, [.tensor(self)]) }
  public func sqrt() throws(TensorError) -> Tensor { try call(.sqrt, [.tensor(self)]) }
  /// `1 / sqrt(x)`.
  public func rsqrt() throws(TensorError) -> Tensor { try call(.rsqrt, [.tensor(self)]) }
  public func square() throws(TensorError) -> Tensor { try call(.square, [.tensor(self)]) }
  public func pow(_ exponent: Double) throws(TensorError) -> Tensor {
    try call(.pow, [.tensor(self), .double(exponent)])
  }
  public func pow(_ exponent: Tensor) throws(TensorError) -> Tensor {
    try call(.powTensor, [.tensor(self), .tensor(exponent)])
  }
  public func abs() throws(TensorError) -> Tensor { try call(.abs, [.tensor(self)]) }
  /// `-1`, `0` or `1`.
  public func sign() throws(TensorError) -> Tensor { try call(.sign, [.tensor(self)]) }
  /// Elements below `min` or above `max` moved there.
  public func clamp(min: Double? = nil, max: Double? = nil) throws(TensorError) -> Tensor {
    try call(.clamp, [.tensor(self), .optional(min), .optional(max)])
  }
  /// Elements below `min` or above `max` moved there, each by its own limits.
  public func clamp(min: Tensor?, max: Tensor?) throws(TensorError) -> Tensor {
    try call(.clampTensor, [.tensor(self), .optional(min), .optional(max)])
  }
  public func floor() throws(TensorError) -> Tensor { try call(.floor, [.tensor(self)]) }
  public func ceil() throws(TensorError) -> Tensor { try call(.ceil, [.tensor(self)]) }
  /// To the nearest integer, halves to the even one.
  public func round() throws(TensorError) -> Tensor { try call(.round, [.tensor(self)]) }
  /// Towards zero.
  public func trunc() throws(TensorError) -> Tensor { try call(.trunc, [.tensor(self)]) }
  public func sin() throws(TensorError) -> Tensor { try call(.sin, [.tensor(self)]) }
  public func cos() throws(TensorError) -> Tensor { try call(.cos, [.tensor(self)]) }
  public func atan() throws(TensorError) -> Tensor { try call(.atan, [.tensor(self)]) }
  /// The angle of the point (`x`, `self`).
  public func atan2(_ x: Tensor) throws(TensorError) -> Tensor {
    try call(.atan2, [.tensor(self), .tensor(x)])
  }
  public func erf() throws(TensorError) -> Tensor { try call(.erf, [.tensor(self)]) }
  /// NaN as `value`, infinities as the type's extremes.
  public func nanToNum(_ value: Double = 0) throws(TensorError) -> Tensor {
    try call(.nanToNum, [.tensor(self), .double(value), .none, .none])
  }
}
