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
}
