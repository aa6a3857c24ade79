import Foundation
import OTXCore
import Testing

@testable import OTXData

@Suite("JSON text")
struct JSONScannerTests {
  private func scan<Result>(
    _ text: String,
    _ body: (inout JSONScanner) throws -> Result
  ) throws -> Result {
    try Array(text.utf8).withUnsafeBufferPointer { buffer in
      var scanner = JSONScanner(buffer, name: "a.json")
      return try body(&scanner)
    }
  }

  private func failure(_ text: String, _ body: (inout JSONScanner) throws -> Void) -> String {
    do {
      try scan(text, body)
      return "no error"
    } catch { return "\(error)" }
  }

  @Test("numbers are what Double reads")
  func numbers() throws {
    let texts = [
      "0", "-0", "17", "-3.25", "199.84", "0.1", "1e3", "2.5E-7", "123456789012345678901234",
      "0.30000000000000004", "9007199254740993", "1e400", "-1.7976931348623157e308",
      "3.141592653589793", "100000000000000000000.5",
    ]
    for text in texts {
      let value = try scan(text) { try $0.number() }
      #expect(value == Double(text), "\(text)")
    }
    #expect(try scan("NaN") { try $0.number() }.isNaN)
    #expect(try scan("-Infinity") { try $0.number() } == -.infinity)
    for text in ["-", "1.2e", "abc", "Infinit", ""] {
      #expect(failure(text) { _ = try $0.number() }.contains("where"), "\(text)")
    }
  }

  @Test("texts with and without escapes")
  func strings() throws {
    #expect(try scan(#""plain""#) { try $0.string() } == "plain")
    #expect(try scan(#""a\"b\\c\u00e9\n😀""#) { try $0.string() } == "a\"b\\cé\n😀")
    #expect(failure(#""open"#) { _ = try $0.string() }.contains("ends inside a text"))
    #expect(failure(#""open\"#) { _ = try $0.string() }.contains("ends inside a text"))
    #expect(failure(#""\x""#) { _ = try $0.string() }.contains("unknown escape"))
  }

  @Test("values of every kind are passed over")
  func skipping() throws {
    let text = #"{"a": [1, {"b": "]}"}, "\\"], "c": null, "d": true, "e": -1.5e3, "f": {}} "#
    let count = try scan(text) { scanner in
      var keys: [String] = []
      try scanner.object { scanner, key in
        keys.append(key)
        try scanner.skipValue()
      }
      return keys
    }
    #expect(count == ["a", "c", "d", "e", "f"])
  }

  @Test("errors name file, line and column")
  func positions() {
    let text = "{\n  \"a\": 1,\n  \"b\" 2\n}"
    let message = failure(text) {
      try $0.object {
        try $0.skipValue()
        _ = $1
      }
    }
    #expect(message == "a.json:3:7: is damaged: found '2' where ':' should be")
    let cut = failure("{\"a\": [1, 2") {
      try $0.object {
        try $0.skipValue()
        _ = $1
      }
    }
    #expect(cut.contains("is cut short"))
  }

  @Test("halves of characters are errors with a place; pairs are one character")
  func surrogates() throws {
    #expect(try scan(#""\ud83d\ude00""#) { try $0.string() } == "😀")
    for text in [#""\ud83d""#, #""\ud83dx""#, #""\ude00""#, #""\ud83d\u0041""#] {
      #expect(failure(text) { _ = try $0.string() }.contains("a.json:1:2: is damaged"), "\(text)")
    }
    #expect(failure(#""\u12""#) { _ = try $0.string() }.contains("without four digits"))
    #expect(failure(#""\u"#) { _ = try $0.string() }.contains("is damaged"))
  }

  @Test("values nested 10,000 deep are passed over, and kept as they stand")
  func depth() throws {
    let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
    try scan(deep) { try $0.skipValue() }
    let objects = String(repeating: #"{"a":"#, count: 10_000) + "1"
    let closed = objects + String(repeating: "}", count: 10_000)
    let value = try scan(#"{"x": \#(closed)}"#) { try $0.attributes() }
    #expect(value["x"] == .text(closed))
    #expect(failure(objects) { try $0.skipValue() }.contains("is cut short"))
  }

  @Test("whole numbers keep all of their digits; too large ones are none")
  func integers() throws {
    let cases: [(String, Int?)] = [
      ("900719925474099301 ", 900_719_925_474_099_301), ("-17,", -17), ("3.0]", 3), ("3.5}", nil),
      ("1e3", 1000), ("123456789012345678901234567890", nil), ("1e400", nil), ("\"12\"", 12),
      ("\"x\"", nil), ("null", nil), ("[1]", nil),
    ]
    for (text, expected) in cases {
      #expect(try scan(text) { try $0.integerIfPresent() } == expected, "\(text)")
    }
  }

  @Test("keys are compared as they are meant")
  func keys() throws {
    let text = #"{"id": 1, "i\u0064": 2, "": 3, "idx": 4}"#
    let found = try scan(text) { scanner in
      var found: [String] = []
      try scanner.members { scanner, key in
        if case "id" = key { found.append("id") } else { found.append(key.text) }
        try scanner.skipValue()
      }
      return found
    }
    #expect(found == ["id", "id", "", "idx"])
  }

  @Test("what is written is read as it was")
  func writing() throws {
    var text = JSONText()
    let string = "a\"b\\c\n\t\u{1}é😀/"
    text.object { text in
      text.member("text", string)
      text.member("numbers", [0.1, -0.0, 1e-20, 3, 16_777_216, .infinity] as [Float])
      text.key("nothing")
      text.list { _ in }
    }
    var (read, numbers): (String, [Float]) = ("", [])
    try scan(String(decoding: text.bytes, as: UTF8.self)) { scanner in
      try scanner.members { scanner, key in
        switch key {
        case "text": read = try scanner.string()
        case "numbers": try scanner.appendNumbers(to: &numbers)
        default: try scanner.skipValue()
        }
      }
    }
    #expect(read == string)
    #expect(numbers == [0.1, -0.0, 1e-20, 3, 16_777_216, .infinity])
    #expect(numbers[1].sign == .minus)
  }
}
