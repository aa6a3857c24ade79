extension Operator {
  static let hardtanhInPlace = Operator("hardtanh_")
  static let foreachAddScalar = Operator("_foreach_add_", "Scalar")
}

// swift-format-ignore: AlwaysUseLowerCamelCase
extension Tensor {
  /// Negative elements become 0; returns the tensor, with the change in its gradient's history.
  public func relu_() throws(TensorError) -> Tensor { try call(.reluInPlace, [.tensor(self)]) }

  /// Elements are cut to `0 ... 6`; returns the tensor, with the change in its gradient's history.
  public func relu6_() throws(TensorError) -> Tensor {
    try call(.hardtanhInPlace, [.tensor(self), .double(0), .double(6)])
  }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
extension TensorLists {
  /// `tensors[i] += value`.
  public static func add_(_ tensors: [Tensor], _ value: Double) throws(TensorError) {
    try callVoid(.foreachAddScalar, [.tensors(tensors), .double(value)])
  }
}
