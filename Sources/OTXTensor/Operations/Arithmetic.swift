extension Operator {
  static let add = Operator("add", "Tensor")
  static let addScalar = Operator("add", "Scalar")
  static let sub = Operator("sub", "Tensor")
  static let subScalar = Operator("sub", "Scalar")
  static let rsubScalar = Operator("rsub", "Scalar")
  static let mul = Operator("mul", "Tensor")
  static let mulScalar = Operator("mul", "Scalar")
  static let div = Operator("div", "Tensor")
  static let divScalar = Operator("div", "Scalar")
  static let divRounded = Operator("div", "Tensor_mode")
  static let divScalarRounded = Operator("div", "Scalar_mode")
  static let remainder = Operator("remainder", "Tensor")
  static let remainderScalar = Operator("remainder", "Scalar")
  static let reciprocal = Operator("reciprocal")
  static let neg = Operator("neg")
  static let maximum = Operator("maximum")
  static let minimum = Operator("minimum")
  static let lerp = Operator("lerp", "Scalar")
  static let addcmul = Operator("addcmul")
  static let matmul = Operator("matmul")
  static let bmm = Operator("bmm")
  static let einsum = Operator("einsum")
}

// MARK: - Elementwise; shapes are broadcast

extension Tensor {
  public static func + (lhs: Tensor, rhs: Tensor) throws(TensorError) -> Tensor {
    try call(.add, [.tensor(lhs), .tensor(rhs)])
  }
  public static func + (lhs: Tensor, rhs: Double) throws(TensorError) -> Tensor {
    try call(.addScalar, [.tensor(lhs), .double(rhs)])
  }
  public static func + (lhs: Tensor, rhs: Int) throws(TensorError) -> Tensor {
    try call(.addScalar, [.tensor(lhs), .int(rhs)])
  }
  public static func + (lhs: Double, rhs: Tensor) throws(TensorError) -> Tensor { try rhs + lhs }
  public static func + (lhs: Int, rhs: Tensor) throws(TensorError) -> Tensor { try rhs + lhs }

  public static func - (lhs: Tensor, rhs: Tensor) throws(TensorError) -> Tensor {
    try call(.sub, [.tensor(lhs), .tensor(rhs)])
  }
  public static func - (lhs: Tensor, rhs: Double) throws(TensorError) -> Tensor {
    try call(.subScalar, [.tensor(lhs), .double(rhs)])
  }
  public static func - (lhs: Tensor, rhs: Int) throws(TensorError) -> Tensor {
    try call(.subScalar, [.tensor(lhs), .int(rhs)])
  }
  public static func - (lhs: Double, rhs: Tensor) throws(TensorError) -> Tensor {
    try call(.rsubScalar, [.tensor(rhs), .double(lhs)])
  }
  public static func - (lhs: Int, rhs: Tensor) throws(TensorError) -> Tensor {
    try call(.rsubScalar, [.tensor(rhs), .int(lhs)])
  }

  public static func * (lhs: Tensor, rhs: Tensor) throws(TensorError) -> Tensor {
    try call(.mul, [.tensor(lhs), .tensor(rhs)])
  }
  public static func * (lhs: Tensor, rhs: Double) throws(TensorError) -> Tensor {
    try call(.mulScalar, [.tensor(lhs), .double(rhs)])
  }
  public static func * (lhs: Tensor, rhs: Int) throws(TensorError) -> Tensor {
    try call(.mulScalar, [.tensor(lhs), .int(rhs)])
  }
  public static func * (lhs: Double, rhs: Tensor) throws(TensorError) -> Tensor { try rhs * lhs }
  public static func * (lhs: Int, rhs: Tensor) throws(TensorError) -> Tensor { try rhs * lhs }

  /// True division: integers give fractions.
  public static func / (lhs: Tensor, rhs: Tensor) throws(TensorError) -> Tensor {
    try call(.div, [.tensor(lhs), .tensor(rhs)])
  }
  public static func / (lhs: Tensor, rhs: Double) throws(TensorError) -> Tensor {
    try call(.divScalar, [.tensor(lhs), .double(rhs)])
  }
  public static func / (lhs: Tensor, rhs: Int) throws(TensorError) -> Tensor {
    try call(.divScalar, [.tensor(lhs), .int(rhs)])
  }
  public static func / (lhs: Double, rhs: Tensor) throws(TensorError) -> Tensor {
    try rhs.reciprocal() * lhs
  }
  public static func / (lhs: Int, rhs: Tensor) throws(TensorError) -> Tensor {
    try rhs.reciprocal() * lhs
  }

  public static prefix func - (operand: Tensor) throws(TensorError) -> Tensor {
    try call(.neg, [.tensor(operand)])
  }

  /// Division rounded down, as Python's `//`.
  public func floorDivide(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.divRounded, [.tensor(self), .tensor(other), .text("floor")])
  }
  /// Division rounded down, as Python's `//`.
  public func floorDivide(_ other: Int) throws(TensorError) -> Tensor {
    try call(.divScalarRounded, [.tensor(self), .int(other), .text("floor")])
  }
  /// What `floorDivide` leaves; has the divisor's sign.
  public func remainder(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.remainder, [.tensor(self), .tensor(other)])
  }
  /// What `floorDivide` leaves; has the divisor's sign.
  public func remainder(_ other: Int) throws(TensorError) -> Tensor {
    try call(.remainderScalar, [.tensor(self), .int(other)])
  }
  /// `1 / x`.
  public func reciprocal() throws(TensorError) -> Tensor { try call(.reciprocal, [.tensor(self)]) }
  /// The larger of each two elements.
  public func maximum(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.maximum, [.tensor(self), .tensor(other)])
  }
  /// The smaller of each two elements.
  public func minimum(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.minimum, [.tensor(self), .tensor(other)])
  }
  /// `self + weight * (end - self)`.
  public func lerp(_ end: Tensor, weight: Double) throws(TensorError) -> Tensor {
    try call(.lerp, [.tensor(self), .tensor(end), .double(weight)])
  }
  /// `self + value * first * second`.
  public func addcmul(
    _ first: Tensor,
    _ second: Tensor,
    value: Double = 1
  ) throws(TensorError) -> Tensor {
    try call(.addcmul, [.tensor(self), .tensor(first), .tensor(second), .double(value)])
  }
}

// MARK: - Products of matrices

extension Tensor {
  /// The product of matrices, or of batches of them: `[…, M, K]` with `[…, K, N]` gives `[…, M, N]`.
  public func matmul(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.matmul, [.tensor(self), .tensor(other)])
  }
  /// The products of two batches of matrices: `[B, M, K]` with `[B, K, N]` gives `[B, M, N]`.
  public func bmm(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.bmm, [.tensor(self), .tensor(other)])
  }
  /// A sum of products in Einstein's notation.
  public static func einsum(
    _ equation: String,
    _ operands: [Tensor]
  ) throws(TensorError) -> Tensor {
    try call(.einsum, [.text(equation), .tensors(operands), .none])
  }
}
