/// What a pickle describes, before any tensor's contents are read.
///
/// Nodes refer to each other by number, so that a pickle which nests or repeats itself without end
/// costs neither stack nor memory.
struct PickleDocument {
  typealias NodeID = Int

  enum Node {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case list([NodeID])
    case tuple([NodeID])
    /// Keys and values by turns.
    case dictionary([NodeID])
    case global(PickleGlobal)
    /// What a name that is not on the list would make; it was not made.
    case foreign(String)
    indirect case storage(Storage)
    indirect case tensor(TensorView)
  }

  /// A run of numbers in a record of its own.
  struct Storage: Equatable {
    var elementType: ElementType
    /// The record is `data/<key>`.
    var key: String
    var elementCount: Int
  }

  /// A tensor as a view into a storage; offset and strides in elements.
  struct TensorView: Equatable {
    var storage: Storage
    var offset: Int
    var shape: [Int]
    var strides: [Int]
  }

  var nodes: [Node]
  var root: NodeID
}

extension FormatError {
  /// A value that only a program could make is wanted.
  static func foreign(_ name: String) -> FormatError {
    FormatError(
      "its pickle asks for '\(name)', which is not on the list of what a weight file may hold. "
        + "Nothing was executed. If you trust the file, open it in Python and save its weights "
        + "alone: torch.save(model.state_dict(), \"weights.pth\")"
    )
  }
}

/// The only names that a pickle may call or refer to.
///
/// Nothing is ever executed: each stands for a rule of this machine.
enum PickleGlobal: Equatable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  case size
  case storageType(ElementType)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", "Size"): self = .size
    case ("torch", _):
      guard let type = ElementType.allCases.first(where: { $0.storageName == name }) else {
        return nil
      }
      self = .storageType(type)
    default: return nil
    }
  }
}

extension ElementType {
  /// Name of PyTorch's storage class of this type.
  var storageName: String {
    switch self {
    case .float32: "FloatStorage"
    case .float64: "DoubleStorage"
    case .float16: "HalfStorage"
    case .bfloat16: "BFloat16Storage"
    case .int64: "LongStorage"
    case .int32: "IntStorage"
    case .int16: "ShortStorage"
    case .int8: "CharStorage"
    case .uint8: "ByteStorage"
    case .bool: "BoolStorage"
    }
  }
}

extension PickleDocument.TensorView {
  /// Whether every element lies in the storage, and their number fits an `Int`.
  var isInsideStorage: Bool {
    guard offset >= 0, offset <= storage.elementCount, shape.count == strides.count else {
      return false
    }
    var count = 1
    var last = offset
    for (size, stride) in zip(shape, strides) {
      let product = count.multipliedReportingOverflow(by: size)
      let reach = max(size - 1, 0).multipliedReportingOverflow(by: stride)
      let sum = last.addingReportingOverflow(reach.partialValue)
      guard !product.overflow, !reach.overflow, !sum.overflow else { return false }
      (count, last) = (product.partialValue, sum.partialValue)
    }
    return count == 0 || last < storage.elementCount
  }

  var elementCount: Int { shape.reduce(1, *) }

  /// Whether the view is its whole storage in order.
  var isWholeStorage: Bool {
    guard offset == 0, elementCount == storage.elementCount else { return false }
    return isContiguous
  }

  /// Whether elements stand row by row without gaps.
  var isContiguous: Bool {
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
      guard stride == expected else { return elementCount == 0 }
      expected *= size
    }
    return true
  }
}
