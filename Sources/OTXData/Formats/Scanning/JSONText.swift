import Foundation
import OTXCore

/// Writes JSON text value by value, without a tree; keys in the order they are given.
struct JSONText {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  var data: Data { Data(bytes) }

  mutating func object(_ body: (inout JSONText) throws -> Void) rethrows {
    try enclose(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
  }

  mutating func list(_ body: (inout JSONText) throws -> Void) rethrows {
    try enclose(UInt8(ascii: "["), UInt8(ascii: "]"), body)
  }

  /// A list of which each element begins a line.
  mutating func lines<Element>(
    _ elements: some Sequence<Element>,
    _ body: (inout JSONText, Element) throws -> Void
  ) rethrows {
    try list { text in
      for element in elements {
        text.comma()
        text.bytes.append(UInt8(ascii: "\n"))
        text.needsComma = false
        try body(&text, element)
      }
    }
  }

  private mutating func enclose(
    _ open: UInt8,
    _ close: UInt8,
    _ body: (inout JSONText) throws -> Void
  ) rethrows {
    comma()
    bytes.append(open)
    needsComma = false
    try body(&self)
    bytes.append(close)
    needsComma = true
  }

  private mutating func comma() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  /// A key; its value must follow.
  mutating func key(_ name: String) {
    value(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  mutating func member(_ name: String, _ value: String) {
    key(name)
    self.value(value)
  }

  mutating func member(_ name: String, _ value: Int) {
    key(name)
    self.value(value)
  }

  mutating func member(_ name: String, _ values: some Sequence<Float>) {
    key(name)
    self.values(values)
  }

  mutating func value(_ text: String) {
    comma()
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0x0A: bytes += "\\n".utf8
      case 0x0D: bytes += "\\r".utf8
      case 0x09: bytes += "\\t".utf8
      case 0..<0x20: bytes += String(format: "\\u%04x", Int(byte)).utf8
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  mutating func value(_ number: Int) {
    comma()
    bytes += String(number).utf8
  }

  /// The shortest text that reads back as the same number; what is not finite as Python writes it.
  mutating func value(_ number: Float) {
    comma()
    if let whole = Int32(exactly: number), number != 0 || number.sign == .plus {
      bytes += String(whole).utf8
    } else if number.isFinite {
      bytes += number.description.utf8
    } else {
      bytes += (number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity").utf8
    }
  }

  /// As for `Float`; a whole number keeps its `.0`, so that it stays a number of that kind.
  mutating func value(_ number: Double) {
    comma()
    if number.isFinite {
      bytes += number.description.utf8
    } else {
      bytes += (number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity").utf8
    }
  }

  mutating func value(_ flag: Bool) {
    comma()
    bytes += (flag ? "true" : "false").utf8
  }

  mutating func values(_ numbers: some Sequence<Float>) {
    list { text in
      for number in numbers { text.value(number) }
    }
  }

  /// Members of an object, by name.
  mutating func value(_ attributes: [String: AttributeValue]) {
    object { text in
      for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
        text.key(name)
        text.value(value)
      }
    }
  }

  mutating func value(_ value: AttributeValue) {
    switch value {
    case .flag(let flag): self.value(flag)
    case .number(let number):
      if let whole = Int(exactly: number), abs(number) < 1e15 {
        self.value(whole)
      } else {
        self.value(number)
      }
    case .text(let text): self.value(text)
    case .numbers(let numbers):
      list { text in
        for number in numbers { text.value(.number(number) as AttributeValue) }
      }
    }
  }
}
