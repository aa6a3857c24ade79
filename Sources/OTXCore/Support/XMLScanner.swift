import Foundation

/// An element of an XML document: its name, its text, its attributes, its children.
package struct XMLElement {
  package var name: String
  package var text = ""
  package var attributes: [String: String] = [:]
  package var children: [XMLElement] = []
  /// Line where it begins, from 1.
  package var line: Int

  package func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }
  package func children(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }
  /// The text without space around it; `nil` where there is none.
  package var value: String? {
    let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
    return trimmed.isEmpty ? nil : trimmed
  }
}

/// Reads XML as annotation tools and people write it: elements, text, comments, entities.
///
/// Small on purpose: Foundation's parser lives in a library of its own that every start of the
/// program would pay for. Documents nested deeper than 64 elements and document type definitions
/// with content are refused.
package struct XMLScanner {
  private let bytes: [UInt8]
  private let name: String
  private var position = 0
  private var line = 1

  /// The root element of a document.
  package static func read(_ bytes: [UInt8], name: String) throws -> XMLElement {
    var scanner = XMLScanner(bytes: bytes, name: name)
    try scanner.skipProlog()
    guard scanner.peek == UInt8(ascii: "<") else {
      throw scanner.failure("is not XML: no element was found")
    }
    let root = try scanner.element(depth: 0)
    try scanner.skipProlog()
    guard scanner.peek == nil else {
      throw scanner.failure("is damaged XML: there is more after the end of <\(root.name)>")
    }
    return root
  }

  private init(bytes: [UInt8], name: String) {
    (self.bytes, self.name) = (bytes, name)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func failure(_ reason: String) -> DataError {
    .unreadable(file: "\(name):\(line)", reason: reason)
  }

  private mutating func advance() {
    if bytes[position] == UInt8(ascii: "\n") { line += 1 }
    position += 1
  }

  private func starts(with text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard position + count <= bytes.count else { return false }
    return bytes[position..<position + count].elementsEqual(
      UnsafeBufferPointer(start: text.utf8Start, count: count)
    )
  }

  private mutating func skip(past end: StaticString, _ what: String) throws {
    let begin = line
    while position < bytes.count {
      if starts(with: end) {
        position += end.utf8CodeUnitCount
        return
      }
      advance()
    }
    throw failure("is cut short: \(what) that begins on line \(begin) has no end")
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      advance()
    }
  }

  /// Space, comments, the declaration and an empty document type.
  private mutating func skipProlog() throws {
    while true {
      skipSpace()
      if starts(with: "<?") {
        try skip(past: "?>", "an instruction")
      } else if starts(with: "<!--") {
        try skip(past: "-->", "a comment")
      } else if starts(with: "<!DOCTYPE") {
        try skip(past: ">", "a document type")
      } else {
        return
      }
    }
  }

  private mutating func tagName() throws -> String {
    let start = position
    while let byte = peek, !" \t\r\n/><=".utf8.contains(byte) { position += 1 }
    guard position > start else { throw failure("is damaged XML: a tag without a name") }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// Reads an element; stands on its `<`.
  private mutating func element(depth: Int) throws -> XMLElement {
    guard depth < 64 else { throw failure("is nested deeper than 64 elements") }
    position += 1
    var element = XMLElement(name: try tagName(), line: line)
    if try readAttributes(of: &element) { return element }
    while true {
      guard let byte = peek else {
        throw failure("is cut short: <\(element.name)> of line \(element.line) is not closed")
      }
      if byte != UInt8(ascii: "<") {
        try text(into: &element)
      } else if starts(with: "</") {
        position += 2
        let name = try tagName()
        guard name == element.name else {
          throw failure(
            "is damaged XML: </\(name)> closes <\(element.name)> of line \(element.line)"
          )
        }
        try skip(past: ">", "</\(name)>")
        return element
      } else if starts(with: "<!--") {
        try skip(past: "-->", "a comment")
      } else if starts(with: "<![CDATA[") {
        position += 9
        let start = position
        try skip(past: "]]>", "a CDATA section")
        element.text += String(decoding: bytes[start..<position - 3], as: UTF8.self)
      } else if starts(with: "<?") {
        try skip(past: "?>", "an instruction")
      } else {
        element.children.append(try self.element(depth: depth + 1))
      }
    }
  }

  /// Reads the rest of a start tag.
  ///
  /// - Returns: Whether the tag closes its element at once.
  private mutating func readAttributes(of element: inout XMLElement) throws -> Bool {
    while true {
      skipSpace()
      switch peek {
      case nil: throw failure("is cut short inside the tag <\(element.name)>")
      case UInt8(ascii: ">"):
        position += 1
        return false
      case UInt8(ascii: "/") where starts(with: "/>"):
        position += 2
        return true
      case UInt8(ascii: "<"):
        throw failure("is damaged XML: the tag <\(element.name)> has no '>'")
      default:
        let name = try tagName()
        skipSpace()
        guard peek == UInt8(ascii: "=") else {
          throw failure("is damaged XML: the attribute '\(name)' of <\(element.name)> has no value")
        }
        position += 1
        skipSpace()
        element.attributes[name] = try quotedValue(of: name, element.name)
      }
    }
  }

  private mutating func quotedValue(of name: String, _ tag: String) throws -> String {
    guard let quote = peek, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
      throw failure("is damaged XML: the attribute '\(name)' of <\(tag)> is not quoted")
    }
    position += 1
    var value = ""
    var start = position
    while let byte = peek, byte != quote {
      if byte == UInt8(ascii: "&") {
        value += String(decoding: bytes[start..<position], as: UTF8.self)
        value += try entity()
        start = position
      } else {
        advance()
      }
    }
    guard peek == quote else {
      throw failure("is cut short: the attribute '\(name)' of <\(tag)> has no end")
    }
    value += String(decoding: bytes[start..<position], as: UTF8.self)
    position += 1
    return value
  }

  private mutating func text(into element: inout XMLElement) throws {
    var start = position
    while let byte = peek, byte != UInt8(ascii: "<") {
      if byte == UInt8(ascii: "&") {
        element.text += String(decoding: bytes[start..<position], as: UTF8.self)
        element.text += try entity()
        start = position
      } else {
        advance()
      }
    }
    element.text += String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func entity() throws -> String {
    let start = position + 1
    while let byte = peek, byte != UInt8(ascii: ";"), position - start < 12 { position += 1 }
    guard peek == UInt8(ascii: ";") else { throw failure("is damaged XML: '&' without ';'") }
    let name = String(decoding: bytes[start..<position], as: UTF8.self)
    position += 1
    switch name {
    case "amp": return "&"
    case "lt": return "<"
    case "gt": return ">"
    case "quot": return "\""
    case "apos": return "'"
    default:
      let isHexadecimal = name.hasPrefix("#x")
      let digits = name.dropFirst(isHexadecimal ? 2 : 1)
      guard name.hasPrefix("#"), let code = UInt32(digits, radix: isHexadecimal ? 16 : 10),
        let scalar = Unicode.Scalar(code)
      else { throw failure("is damaged XML: unknown entity '&\(name);'") }
      return String(Character(scalar))
    }
  }
}
