import OTXCore

extension JSONScanner {
  /// An object's members as attributes; `null` says nothing and is passed over.
  ///
  /// Lists of numbers stay numbers; what is neither a flag, a number, a text nor such a list is kept
  /// as its JSON text.
  mutating func attributes() throws -> [String: AttributeValue] {
    guard nextKind() == .object else {
      try skipValue()
      return [:]
    }
    var attributes: [String: AttributeValue] = [:]
    try object { scanner, key in
      if let value = try scanner.attributeValue() { attributes[key] = value }
    }
    return attributes
  }

  /// A value as an attribute; `nil` for `null`.
  mutating func attributeValue() throws -> AttributeValue? {
    switch nextKind() {
    case .string: return .text(try string())
    case .number: return .number(try number())
    case .literal: return try literal().map { .flag($0) }
    case .nothing: throw unexpected("a value")
    case .object: return .text(try rawValue())
    case .array:
      let start = position
      var numbers: [Double] = []
      var isNumeric = true
      try array { scanner in
        if scanner.nextKind() == .number {
          numbers.append(try scanner.number())
        } else {
          isNumeric = false
          try scanner.skipValue()
        }
      }
      if isNumeric { return .numbers(numbers) }
      return .text(String(decoding: bytes[start..<position], as: UTF8.self))
    }
  }

  /// The text of a value of any kind.
  private mutating func rawValue() throws -> String {
    skipSpace()
    let start = position
    try skipValue()
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }
}
