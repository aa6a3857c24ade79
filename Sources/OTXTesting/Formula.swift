public import OTXCore

/// Tensors that Swift tests and Python scripts fill alike, so that none is stored.
///
/// The other half is `Tools/goldens/common.py`; both give the same bits.
public enum Formula {
  /// White noise in `-1 ..< 1`: element `i` is a function of `(i, k)` only (32-bit integer hash).
  public static func noise(count: Int, k: Int) -> [Double] {
    let offset = Formula.offset(k)
    return (0..<count).map { Double(hash($0, offset)) / 2_147_483_648 - 1 }
  }

  /// `shift + scale * noise`, in a plain loop: tests fill networks of many millions of weights, and
  /// are not optimised.
  private static func noise(
    _ shape: [Int],
    k: Int,
    scale: Double,
    shift: Double = 0
  ) -> [Float] {
    let (count, offset) = (shape.reduce(1, *), Formula.offset(k))
    return [Float](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      guard let values = buffer.baseAddress else { return }
      var i = 0
      while i < count {
        let noise = Double(hash(i, offset)) / 2_147_483_648 - 1
        (values + i).initialize(to: Float(shift + scale * noise))
        i &+= 1
      }
      initializedCount = count
    }
  }

  private static func offset(_ k: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: k &* 0x85EB_CA77 &+ 0x1656_67B1)
  }

  private static func hash(_ i: Int, _ offset: UInt32) -> UInt32 {
    var h = UInt32(truncatingIfNeeded: i) &* 0x9E37_79B1 &+ offset
    h ^= h >> 15
    h &*= 0x2C1B_3C6D
    h ^= h >> 12
    h &*= 0x297A_2D39
    h ^= h >> 15
    return h
  }

  /// An input: noise in `-1 ..< 1`.
  ///
  /// Inputs use `k` from 1000 on, weights their index in the state dictionary.
  public static func input(_ shape: [Int], k: Int = 1000) -> [Float] {
    noise(shape, k: k, scale: 1)
  }

  /// Integers in `0 ..< below`.
  public static func integers(_ shape: [Int], below: Int, k: Int = 2000) -> [Int] {
    noise(count: shape.reduce(1, *), k: k).map {
      Int((($0 + 1) / 2 * Double(below)).rounded(.down))
    }
  }

  /// The `k`-th entry of a state dictionary.
  ///
  /// Two and more axes: noise times `sqrt(6 / fan-in)`. `running_var`, scalars and one-axis
  /// `weight`: `1 + 0.1 * noise`. Everything else: `0.1 * noise`.
  public static func weight(_ name: String, _ shape: [Int], k: Int) -> [Float] {
    if shape.count >= 2 {
      let fanIn = shape.dropFirst().reduce(1, *)
      return noise(shape, k: k, scale: (6 / Double(fanIn)).squareRoot())
    }
    if name.hasSuffix("running_var") || name.hasSuffix("weight") || shape.isEmpty {
      return noise(shape, k: k, scale: 0.1, shift: 1)
    }
    return noise(shape, k: k, scale: 0.1)
  }

  /// A whole state dictionary with the names, shapes and types of `state`: floating entries by
  /// ``weight(_:_:k:)`` with their index, all others 0.
  public static func fill(
    _ state: [(name: String, value: ArrayBuffer)]
  ) -> [(name: String, value: ArrayBuffer)] {
    state.enumerated().map { k, entry in
      var value = entry.value
      if value.elementType == .float32 {
        value = ArrayBuffer(weight(entry.name, value.shape, k: k), shape: value.shape)
      } else {
        value.bytes = [UInt8](repeating: 0, count: value.bytes.count)
      }
      return (entry.name, value)
    }
  }
}

extension ArrayBuffer {
  /// 32-bit floats, row-major.
  public init(_ values: [Float], shape: [Int]) {
    self.init(
      elementType: .float32,
      shape: shape,
      bytes: values.withUnsafeBytes { [UInt8]($0) }
    )
  }

  /// The elements as doubles; `nil` for types that tests do not meet (16-bit floats).
  public func doubles() -> [Double]? {
    func read<T>(_: T.Type, _ convert: (T) -> Double) -> [Double] {
      bytes.withUnsafeBytes { raw in
        (0..<elementCount).map {
          convert(raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
        }
      }
    }
    return switch elementType {
    case .float32: read(Float.self) { Double($0) }
    case .float64: read(Double.self) { $0 }
    case .int64: read(Int64.self) { Double($0) }
    case .int32: read(Int32.self) { Double($0) }
    case .int16: read(Int16.self) { Double($0) }
    case .int8: read(Int8.self) { Double($0) }
    case .uint8, .bool: read(UInt8.self) { Double($0) }
    case .float16, .bfloat16: nil
    }
  }
}
