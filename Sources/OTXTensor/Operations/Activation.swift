extension Operator {
  static let relu = Operator("relu")
  static let hardtanh = Operator("hardtanh")
  static let leakyRelu = Operator("leaky_relu")
  static let prelu = Operator("prelu")
  static let elu = Operator("elu")
  static let gelu = Operator("gelu")
  static let silu = Operator("silu")
  static let mish = Operator("mish")
  static let hardswish = Operator("hardswish")
  static let hardsigmoid = Operator("hardsigmoid")
  static let sigmoid = Operator("sigmoid")
  static let logSigmoid = Operator("log_sigmoid")
  static let tanh = Operator("tanh")
  static let softplus = Operator("softplus")
  static let softmax = Operator("softmax", "int")
  static let logSoftmax = Operator("log_softmax", "int")
  static let dropout = Operator("dropout")
}

extension Tensor {
  /// `max(x, 0)`.
  public func relu() throws(TensorError) -> Tensor { try call(.relu, [.tensor(self)]) }
  /// `min(max(x, 0), 6)`.
  public func relu6() throws(TensorError) -> Tensor {
    try call(.hardtanh, [.tensor(self), .double(0), .double(6)])
  }
  /// `x` where positive, else `negativeSlope * x`.
  public func leakyRelu(negativeSlope: Double = 0.01) throws(TensorError) -> Tensor {
    try call(.leakyRelu, [.tensor(self), .double(negativeSlope)])
  }
  /// `x` where positive, else `weight * x` with a weight for all channels or one each.
  public func prelu(_ weight: Tensor) throws(TensorError) -> Tensor {
    try call(.prelu, [.tensor(self), .tensor(weight)])
  }
  /// `x` where positive, else `alpha * (exp(x) - 1)`.
  public func elu(alpha: Double = 1) throws(TensorError) -> Tensor {
    try call(.elu, [.tensor(self), .double(alpha), .int(1), .int(1)])
  }
  /// `x * Φ(x)`, exact or by the tanh formula (Hendrycks & Gimpel 2016).
  public func gelu(approximateTanh: Bool = false) throws(TensorError) -> Tensor {
    try call(.gelu, [.tensor(self), .text(approximateTanh ? "tanh" : "none")])
  }
  /// `x * sigmoid(x)`.
  public func silu() throws(TensorError) -> Tensor { try call(.silu, [.tensor(self)]) }
  /// `x * tanh(softplus(x))`.
  public func mish() throws(TensorError) -> Tensor { try call(.mish, [.tensor(self)]) }
  /// `x * relu6(x + 3) / 6` (MobileNetV3, 2019).
  public func hardswish() throws(TensorError) -> Tensor { try call(.hardswish, [.tensor(self)]) }
  /// `relu6(x + 3) / 6`.
  public func hardsigmoid() throws(TensorError) -> Tensor {
    try call(.hardsigmoid, [.tensor(self)])
  }
  public func sigmoid() throws(TensorError) -> Tensor { try call(.sigmoid, [.tensor(self)]) }
  /// `log(sigmoid(x))` without overflow.
  public func logSigmoid() throws(TensorError) -> Tensor {
    try call(.logSigmoid, [.tensor(self)])
  }
  public func tanh() throws(TensorError) -> Tensor { try call(.tanh, [.tensor(self)]) }
  /// `log(1 + exp(x))` without overflow.
  public func softplus() throws(TensorError) -> Tensor {
    try call(.softplus, [.tensor(self), .int(1), .int(20)])
  }
  /// `exp(x)` along `dim`, divided by its sum.
  public func softmax(dim: Int) throws(TensorError) -> Tensor {
    try call(.softmax, [.tensor(self), .int(dim), .none])
  }
  /// The logarithm of `softmax`, without overflow.
  public func logSoftmax(dim: Int) throws(TensorError) -> Tensor {
    try call(.logSoftmax, [.tensor(self), .int(dim), .none])
  }
  /// Zeros with probability `p` and the rest divided by `1 - p`; nothing unless `training`.
  public func dropout(p: Double = 0.5, training: Bool) throws(TensorError) -> Tensor {
    try call(.dropout, [.tensor(self), .double(p), .bool(training)])
  }
}
