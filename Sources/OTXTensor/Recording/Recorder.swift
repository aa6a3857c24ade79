import CTorch

final class Recorder {
  static var current: Recorder? {
    guard let address = otx_torch_recorder() else { return nil }
    return Unmanaged<Recorder>.fromOpaque(address).takeUnretainedValue()
  }

  func check(_ op: Operator, _ arguments: Span<Argument>) throws(TensorError) {}
  func checkRead(_ tensor: Tensor, _ operation: String) throws(TensorError) {}
  func append(
    _ op: Operator,
    _ arguments: Span<Argument>,
    _ results: UnsafeMutablePointer<OTXValue>,
    _ count: Int
  ) {}
}
