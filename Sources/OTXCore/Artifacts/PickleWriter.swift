/// Writes a tree of values as a pickle of protocol 2, the way `torch.save` does: tensors' contents
/// go into records of their own, the pickle says which.
struct PickleWriter {
  private(set) var bytes: [UInt8] = []
  /// The contents of record `data/0`, `data/1`, …: shared with the tree, not copied.
  private(set) var storages: [ArrayBuffer] = []

  /// The pickle of `value`.
  ///
  /// - Parameters:
  ///   - value: The tree.
  ///   - ordered: Whether a dictionary at the top is written as `OrderedDict`, which is what a
  ///     network's `state_dict()` is.
  /// - Throws: ``FormatError`` for a tensor whose bytes do not fit its shape.
  init(_ value: PickleValue, ordered: Bool) throws(FormatError) {
    bytes = [0x80, 2]
    if ordered, case .dictionary(let entries) = value {
      global("collections", "OrderedDict")
      bytes += [UInt8(ascii: ")"), UInt8(ascii: "R")]
      try append(entries)
    } else {
      try append(value)
    }
    bytes.append(UInt8(ascii: "."))
  }

  private mutating func append(_ value: PickleValue) throws(FormatError) {
    switch value {
    case .none: bytes.append(UInt8(ascii: "N"))
    case .bool(let flag): bytes.append(flag ? 0x88 : 0x89)
    case .int(let number): append(number)
    case .double(let number):
      bytes.append(UInt8(ascii: "G"))
      bytes.append(number: number.bitPattern.byteSwapped)
    case .string(let text): append(text)
    case .list(let values):
      bytes += [UInt8(ascii: "]"), UInt8(ascii: "(")]
      for value in values { try append(value) }
      bytes.append(UInt8(ascii: "e"))
    case .tuple(let values):
      bytes.append(UInt8(ascii: "("))
      for value in values { try append(value) }
      bytes.append(UInt8(ascii: "t"))
    case .dictionary(let entries):
      bytes.append(UInt8(ascii: "}"))
      try append(entries)
    case .tensor(let buffer): try append(buffer)
    }
  }

  /// The items of the dictionary on top of the stack.
  private mutating func append(_ entries: [PickleValue.Entry]) throws(FormatError) {
    bytes.append(UInt8(ascii: "("))
    for entry in entries {
      try append(entry.key)
      try append(entry.value)
    }
    bytes.append(UInt8(ascii: "u"))
  }

  private mutating func append(_ text: String) {
    bytes.append(UInt8(ascii: "X"))
    bytes.append(number: UInt32(text.utf8.count))
    bytes += text.utf8
  }

  private mutating func append(_ number: Int) {
    if let small = Int32(exactly: number) {
      bytes.append(UInt8(ascii: "J"))
      bytes.append(number: small)
    } else {
      bytes += [0x8A, 8]
      bytes.append(number: Int64(number))
    }
  }

  private mutating func global(_ module: String, _ name: String) {
    bytes.append(UInt8(ascii: "c"))
    bytes += "\(module)\n\(name)\n".utf8
  }

  private mutating func append(_ buffer: ArrayBuffer) throws(FormatError) {
    let count = buffer.elementCount
    guard buffer.bytes.count == count * buffer.elementType.byteCount else {
      throw FormatError(
        "a tensor of shape \(buffer.shape) and type \(buffer.elementType.rawValue) has "
          + "\(buffer.bytes.count) bytes"
      )
    }
    global("torch._utils", "_rebuild_tensor_v2")
    bytes += [UInt8(ascii: "("), UInt8(ascii: "(")]
    append("storage")
    global("torch", buffer.elementType.storageName)
    append("\(storages.count)")
    append("cpu")
    append(count)
    bytes += [UInt8(ascii: "t"), UInt8(ascii: "Q")]
    storages.append(buffer)
    append(0)
    appendTuple(buffer.shape)
    appendTuple(rowMajorStrides(buffer.shape))
    bytes.append(0x89)
    global("collections", "OrderedDict")
    bytes += [UInt8(ascii: ")"), UInt8(ascii: "R"), UInt8(ascii: "t"), UInt8(ascii: "R")]
  }

  private mutating func appendTuple(_ numbers: [Int]) {
    bytes.append(UInt8(ascii: "("))
    for number in numbers { append(number) }
    bytes.append(UInt8(ascii: "t"))
  }
}

/// Steps between neighbours along each axis of a row-major array.
func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() {
    strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
  }
  return strides
}
