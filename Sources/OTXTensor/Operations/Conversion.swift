public import OTXCore

extension Operator {
  static let toDtype = Operator("to", "dtype")
  static let toDevice = Operator("to", "device")
  static let contiguous = Operator("contiguous")
  static let clone = Operator("clone")
}

extension Tensor {
  /// The elements as another type; `self` where it has it already.
  public func to(_ type: DType) throws(TensorError) -> Tensor {
    if type == dtype { return self }
    return try call(.toDtype, [.tensor(self), .dtype(type), .bool(false), .bool(false), .none])
  }

  /// The tensor on another device; `self` where it is there already.
  public func to(_ device: Device) throws(TensorError) -> Tensor {
    if device == self.device { return self }
    return try call(
      .toDevice,
      [.tensor(self), .device(device), .dtype(dtype), .bool(false), .bool(false), .none]
    )
  }

  /// The elements laid out in the given order; `self` where they are already.
  ///
  /// `.channelsLast` needs `[N, C, H, W]`.
  public func to(_ format: MemoryFormat) throws(TensorError) -> Tensor {
    if format == .preserve || isContiguous(format) { return self }
    return try call(.contiguous, [.tensor(self), .int(format.rawValue)])
  }

  /// The elements in row-major order; `self` where they are already.
  public func contiguous() throws(TensorError) -> Tensor { try to(.contiguous) }

  /// A copy with memory of its own, part of the gradient's history.
  public func clone() throws(TensorError) -> Tensor { try call(.clone, [.tensor(self)]) }
}
