import CTorch
public import OTXCore

// Reading values back: what leaves the tensor for Swift. While recording, a value that depends on
// an input must not be read: the graph would hold the number of one example.

extension Tensor {
  /// Copies the elements, converted to `type`, row-major, to `bytes`.
  private func copyOut(
    as type: DType,
    _ bytes: UnsafeMutableRawBufferPointer,
    _ operation: String
  ) throws(TensorError) {
    let table = try TorchLibrary.table()
    try Recorder.current?.checkRead(self, operation)
    let status = table.pointee.copy_out(
      raw,
      Int32(type.scalarTypeCode),
      bytes.baseAddress,
      bytes.count
    )
    if status != .none { throw .lastFailure(of: operation, shapes: [shape]) }
  }

  private func read<Element>(
    as type: DType,
    _ zero: Element,
    _ operation: String
  ) throws(TensorError) -> [Element] {
    var values = [Element](repeating: zero, count: elementCount)
    let outcome: Result<Void, TensorError> = values.withUnsafeMutableBytes { bytes in
      Result { () throws(TensorError) in try copyOut(as: type, bytes, operation) }
    }
    try outcome.get()
    return values
  }

  /// All elements, row-major, converted to `Float`.
  public func floats() throws(TensorError) -> [Float] {
    try read(as: .float32, 0, "floats")
  }
  /// All elements, row-major, converted to `Double`.
  public func doubles() throws(TensorError) -> [Double] {
    try read(as: .float64, 0, "doubles")
  }
  /// All elements, row-major, converted to `Int`; fractions are cut off.
  public func ints() throws(TensorError) -> [Int] { try read(as: .int64, 0, "ints") }
  /// All elements, row-major; whatever is not zero is true.
  public func bools() throws(TensorError) -> [Bool] { try read(as: .bool, false, "bools") }

  /// The only element.
  ///
  /// Throws: `failed` where there is not exactly one.
  public func item() throws(TensorError) -> Double {
    guard elementCount == 1 else {
      throw .failed(operation: "item", shapes: [shape], message: "needs exactly one element")
    }
    return try read(as: .float64, 0, "item")[0]
  }

  /// The elements as bytes, in the tensor's own type, row-major.
  public func arrayBuffer() throws(TensorError) -> ArrayBuffer {
    let type = dtype
    var buffer = ArrayBuffer(
      elementType: type,
      shape: shape,
      bytes: [UInt8](repeating: 0, count: elementCount * type.byteCount)
    )
    let outcome: Result<Void, TensorError> = buffer.bytes.withUnsafeMutableBytes { bytes in
      Result { () throws(TensorError) in try copyOut(as: type, bytes, "arrayBuffer") }
    }
    try outcome.get()
    return buffer
  }

  /// The elements in place, for a contiguous tensor on the CPU; not beyond the closure.
  package func withUnsafeBytes<Answer>(
    _ body: (UnsafeMutableRawBufferPointer) throws(TensorError) -> Answer
  ) throws(TensorError) -> Answer {
    try Recorder.current?.checkRead(self, "withUnsafeBytes")
    guard isContiguous(), let address = TorchLibrary.opened?.pointee.data(raw) else {
      guard elementCount == 0 else {
        throw .failed(
          operation: "withUnsafeBytes",
          shapes: [shape],
          message: "needs a contiguous tensor on the CPU"
        )
      }
      return try body(UnsafeMutableRawBufferPointer(start: nil, count: 0))
    }
    return try body(
      UnsafeMutableRawBufferPointer(start: address, count: elementCount * dtype.byteCount)
    )
  }
}
