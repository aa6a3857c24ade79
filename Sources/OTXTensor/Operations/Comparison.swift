extension Operator {
  static let eq = Operator("eq", "Tensor")
  static let eqScalar = Operator("eq", "Scalar")
  static let ne = Operator("ne", "Tensor")
  static let neScalar = Operator("ne", "Scalar")
  static let lt = Operator("lt", "Tensor")
  static let ltScalar = Operator("lt", "Scalar")
  static let le = Operator("le", "Tensor")
  static let leScalar = Operator("le", "Scalar")
  static let gt = Operator("gt", "Tensor")
  static let gtScalar = Operator("gt", "Scalar")
  static let ge = Operator("ge", "Tensor")
  static let geScalar = Operator("ge", "Scalar")
  static let logicalAnd = Operator("logical_and")
  static let logicalOr = Operator("logical_or")
  static let logicalNot = Operator("logical_not")
  static let logicalXor = Operator("logical_xor")
  static let isNaN = Operator("isnan")
  static let isInf = Operator("isinf")
  static let isFinite = Operator("isfinite")
}

// MARK: - Elementwise; shapes are broadcast; the result is `bool`

extension Tensor {
  /// `self == other`.
  public func eq(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.eq, [.tensor(self), .tensor(other)])
  }
  public func eq(_ value: Double) throws(TensorError) -> Tensor {
    try call(.eqScalar, [.tensor(self), .double(value)])
  }
  public func eq(_ value: Int) throws(TensorError) -> Tensor {
    try call(.eqScalar, [.tensor(self), .int(value)])
  }

  /// `self != other`.
  public func ne(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.ne, [.tensor(self), .tensor(other)])
  }
  public func ne(_ value: Double) throws(TensorError) -> Tensor {
    try call(.neScalar, [.tensor(self), .double(value)])
  }
  public func ne(_ value: Int) throws(TensorError) -> Tensor {
    try call(.neScalar, [.tensor(self), .int(value)])
  }

  /// `self < other`.
  public func lt(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.lt, [.tensor(self), .tensor(other)])
  }
  public func lt(_ value: Double) throws(TensorError) -> Tensor {
    try call(.ltScalar, [.tensor(self), .double(value)])
  }
  public func lt(_ value: Int) throws(TensorError) -> Tensor {
    try call(.ltScalar, [.tensor(self), .int(value)])
  }

  /// `self <= other`.
  public func le(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.le, [.tensor(self), .tensor(other)])
  }
  public func le(_ value: Double) throws(TensorError) -> Tensor {
    try call(.leScalar, [.tensor(self), .double(value)])
  }
  public func le(_ value: Int) throws(TensorError) -> Tensor {
    try call(.leScalar, [.tensor(self), .int(value)])
  }

  /// `self > other`.
  public func gt(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.gt, [.tensor(self), .tensor(other)])
  }
  public func gt(_ value: Double) throws(TensorError) -> Tensor {
    try call(.gtScalar, [.tensor(self), .double(value)])
  }
  public func gt(_ value: Int) throws(TensorError) -> Tensor {
    try call(.gtScalar, [.tensor(self), .int(value)])
  }

  /// `self >= other`.
  public func ge(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.ge, [.tensor(self), .tensor(other)])
  }
  public func ge(_ value: Double) throws(TensorError) -> Tensor {
    try call(.geScalar, [.tensor(self), .double(value)])
  }
  public func ge(_ value: Int) throws(TensorError) -> Tensor {
    try call(.geScalar, [.tensor(self), .int(value)])
  }

  public func logicalAnd(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.logicalAnd, [.tensor(self), .tensor(other)])
  }
  public func logicalOr(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.logicalOr, [.tensor(self), .tensor(other)])
  }
  public func logicalXor(_ other: Tensor) throws(TensorError) -> Tensor {
    try call(.logicalXor, [.tensor(self), .tensor(other)])
  }
  public func logicalNot() throws(TensorError) -> Tensor {
    try call(.logicalNot, [.tensor(self)])
  }

  public func isNaN() throws(TensorError) -> Tensor { try call(.isNaN, [.tensor(self)]) }
  public func isInf() throws(TensorError) -> Tensor { try call(.isInf, [.tensor(self)]) }
  /// Neither infinite nor NaN.
  public func isFinite() throws(TensorError) -> Tensor { try call(.isFinite, [.tensor(self)]) }
}
