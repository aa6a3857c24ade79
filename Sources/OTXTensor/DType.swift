public import OTXCore

/// The type of a tensor's elements.
public typealias DType = ElementType

extension ElementType {
  /// libtorch's number for the type (`c10::ScalarType`).
  package var scalarTypeCode: Int {
    switch self {
    case .uint8: 0
    case .int8: 1
    case .int16: 2
    case .int32: 3
    case .int64: 4
    case .float16: 5
    case .float32: 6
    case .float64: 7
    case .bool: 11
    case .bfloat16: 15
    }
  }

  init?(scalarTypeCode: Int) {
    guard let type = Self.allCases.first(where: { $0.scalarTypeCode == scalarTypeCode }) else {
      return nil
    }
    self = type
  }

  /// Whether the type holds fractions.
  public var isFloatingPoint: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: true
    case .int8, .int16, .int32, .int64, .uint8, .bool: false
    }
  }
}

/// How a picture tensor `[N, C, H, W]` lies in memory.
///
/// Raw values are those of `c10::MemoryFormat`.
public enum MemoryFormat: Int, Sendable {
  /// Row-major: `W` is next to itself.
  case contiguous = 0
  /// As the tensor that is copied.
  case preserve = 1
  /// `C` is next to itself: what convolutions on a CPU want.
  case channelsLast = 2
}
