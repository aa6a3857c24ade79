import CTorch
public import OTXCore

/// A multi-dimensional array of numbers on a device, with its gradient's history.
///
/// A value that shares memory when copied, as in PyTorch. It stays on the thread that computes: it
/// is not `Sendable`. Operations are PyTorch's under its names in lowerCamelCase and throw
/// `TensorError`.
public struct Tensor {
  final class Handle {
    let raw: OpaquePointer
    init(_ raw: OpaquePointer) { self.raw = raw }
    deinit { TorchLibrary.opened?.pointee.release(raw) }
  }

  let handle: Handle

  /// Takes over one reference.
  init(owning raw: OpaquePointer) { handle = Handle(raw) }

  var raw: OpaquePointer { handle.raw }
}

// MARK: - What a tensor knows of itself

extension Tensor {
  /// The table; a tensor exists only where it was loaded.
  private func query<Answer>(
    _ missing: Answer,
    _ ask: (UnsafePointer<OTXTorchTable>) -> Answer
  ) -> Answer {
    guard let table = TorchLibrary.opened else { return missing }
    return ask(table)
  }

  /// The extent of each dimension.
  public var shape: [Int] {
    query([]) { table in
      let rank = table.pointee.rank(raw)
      guard let sizes = table.pointee.sizes(raw) else { return [] }
      return [Int](unsafeUninitializedCapacity: rank) { buffer, count in
        for i in 0..<rank { buffer[i] = Int(sizes[i]) }
        count = rank
      }
    }
  }

  /// Elements between neighbours along each dimension.
  public var strides: [Int] {
    query([]) { table in
      guard let strides = table.pointee.strides(raw) else { return [] }
      return (0..<table.pointee.rank(raw)).map { Int(strides[$0]) }
    }
  }

  /// The number of dimensions.
  public var rank: Int { query(0) { $0.pointee.rank(raw) } }

  /// The extent of one dimension; negative ones count from the end, missing ones have 1.
  public func size(_ dim: Int) -> Int {
    query(1) { table in
      let rank = table.pointee.rank(raw)
      let index = dim < 0 ? dim + rank : dim
      guard let sizes = table.pointee.sizes(raw), index >= 0, index < rank else { return 1 }
      return Int(sizes[index])
    }
  }

  /// The number of elements.
  public var elementCount: Int { query(0) { Int($0.pointee.element_count(raw)) } }

  /// The type of the elements; types that this library has no name for read as `float32`.
  public var dtype: DType {
    query(.float32) { DType(scalarTypeCode: Int($0.pointee.element_type(raw))) ?? .float32 }
  }

  public var device: Device { query(.cpu) { Device(packed: $0.pointee.device(raw)) ?? .cpu } }

  /// How the elements lie: `channelsLast` for a picture tensor whose channels are innermost.
  public var memoryFormat: MemoryFormat {
    query(.contiguous) { MemoryFormat(rawValue: Int($0.pointee.memory_format(raw))) ?? .contiguous }
  }

  /// Whether the elements lie densely in the given order.
  public func isContiguous(_ format: MemoryFormat = .contiguous) -> Bool {
    query(false) { $0.pointee.is_contiguous(raw, Int32(format.rawValue)) != 0 }
  }

  /// Whether both tensors look at the same memory.
  public func sharesStorage(with other: Tensor) -> Bool { storageIdentity == other.storageIdentity }

  /// The same number for tensors that share memory.
  package var storageIdentity: UInt64 { query(0) { $0.pointee.storage_identity(raw) } }

  /// Whether both are one tensor, not merely equal.
  public static func === (lhs: Tensor, rhs: Tensor) -> Bool { lhs.raw == rhs.raw }
}

extension Tensor: CustomStringConvertible {
  public var description: String { "Tensor(\(dtype.rawValue), \(shape), \(device))" }
}
