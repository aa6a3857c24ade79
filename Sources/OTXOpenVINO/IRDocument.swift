import Foundation
import OTXCore

/// What can be read from an IR's `.xml` without OpenVINO: the `rt_info` at its end and the shape of
/// its first input.
///
/// The layers in between, most of the file, are skipped.
struct IRDocument {
  /// Values of the model's `rt_info`, by path: `model_info/labels`.
  let runtimeInfo: [String: String]
  /// Axes of the first input; `nil` where open.
  let inputShape: [Int?]

  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` when there is no such file or it is
  ///   no complete IR.
  init(reading url: URL) throws {
    func fail(_ reason: String) -> ModelError {
      .unreadableCheckpoint(file: url.path, reason: reason)
    }
    let data: Data
    do {
      data = try Data(contentsOf: url, options: .mappedIfSafe)
    } catch {
      throw fail("it cannot be read: \(error.reason)")
    }
    let start = data.prefix(4096)
    guard start.range(of: Data("<net".utf8)) != nil else {
      throw fail("it is no OpenVINO model: an .xml with a <net> element")
    }
    guard let end = data.range(of: Data("</net>".utf8), options: .backwards) else {
      throw fail("it ends before its </net>: the file was cut short")
    }
    let edges = data.range(of: Data("</edges>".utf8), options: .backwards, in: 0..<end.lowerBound)
    let tail = Array(data[(edges?.upperBound ?? end.lowerBound)..<end.lowerBound])
    var scanner = ElementScanner(tail)
    guard let values = scanner.values() else { throw fail("its rt_info is damaged") }
    var runtimeInfo: [String: String] = [:]
    for (path, value) in values where path.hasPrefix("rt_info/") {
      runtimeInfo[String(path.dropFirst("rt_info/".count))] = value
    }
    self.runtimeInfo = runtimeInfo
    inputShape = IRDocument.firstInputShape(in: data)
  }

  /// The first `shape="…"` after the first layer of type `Parameter`.
  private static func firstInputShape(in data: Data) -> [Int?] {
    func range(of text: String, after start: Int) -> Range<Int>? {
      data.range(of: Data(text.utf8), in: start..<data.endIndex)
    }
    guard let layer = range(of: "type=\"Parameter\"", after: data.startIndex),
      let shape = range(of: "shape=\"", after: layer.upperBound),
      let end = range(of: "\"", after: shape.upperBound)
    else { return [] }
    return String(decoding: data[shape.upperBound..<end.lowerBound], as: UTF8.self)
      .split(separator: ",")
      .map { Int($0).flatMap { $0 < 0 ? nil : $0 } }
  }
}

/// Reads a piece of XML that consists of nested elements with a `value` attribute each.
private struct ElementScanner {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The values by path; `nil` where the text is no such XML.
  mutating func values() -> [(String, String)]? {
    var values: [(String, String)] = []
    var path: [String] = []
    while let open = bytes[position...].firstIndex(of: UInt8(ascii: "<")) {
      position = open + 1
      guard let close = end(of: UInt8(ascii: ">")) else { return nil }
      let tag = bytes[position..<close]
      position = close + 1
      guard let first = tag.first else { return nil }
      if first == UInt8(ascii: "/") {
        guard path.popLast() == String(decoding: tag.dropFirst(), as: UTF8.self) else { return nil }
        continue
      }
      if first == UInt8(ascii: "!") || first == UInt8(ascii: "?") { continue }
      let name = String(
        decoding: tag.prefix { !Self.endsName.contains($0) },
        as: UTF8.self
      )
      if let value = Self.value(in: tag) {
        values.append(((path + [name]).joined(separator: "/"), value))
      }
      if tag.last != UInt8(ascii: "/") { path.append(name) }
    }
    return path.isEmpty ? values : nil
  }

  private static let endsName = Set(" \t\r\n/".utf8)

  /// The next `byte` that does not stand inside quotes.
  private func end(of byte: UInt8) -> Int? {
    var quote: UInt8?
    for index in position..<bytes.count {
      let current = bytes[index]
      if let opened = quote {
        if current == opened { quote = nil }
      } else if current == byte {
        return index
      } else if current == UInt8(ascii: "\"") || current == UInt8(ascii: "'") {
        quote = current
      }
    }
    return nil
  }

  private static func value(in tag: ArraySlice<UInt8>) -> String? {
    let key = Array(" value=\"".utf8)
    guard let start = tag.indices.first(where: { tag[$0...].starts(with: key) }) else { return nil }
    let text = tag[(start + key.count)...].prefix { $0 != UInt8(ascii: "\"") }
    return unescaped(String(decoding: text, as: UTF8.self))
  }

  /// Text with its entities (`&quot;`, `&#10;`) replaced.
  private static func unescaped(_ text: String) -> String {
    guard text.contains("&") else { return text }
    var result = ""
    var rest = text[...]
    while let start = rest.firstIndex(of: "&") {
      result += rest[..<start]
      let entity = rest[start...].dropFirst().prefix { $0 != ";" }
      guard entity.endIndex < rest.endIndex, let character = character(named: entity) else {
        result += "&"
        rest = rest[start...].dropFirst()
        continue
      }
      result.unicodeScalars.append(character)
      rest = rest[entity.endIndex...].dropFirst()
    }
    return result + rest
  }

  private static func character(named entity: Substring) -> Unicode.Scalar? {
    switch entity {
    case "quot": return "\""
    case "apos": return "'"
    case "amp": return "&"
    case "lt": return "<"
    case "gt": return ">"
    default:
      guard entity.hasPrefix("#") else { return nil }
      let digits = entity.dropFirst()
      let number =
        digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
      return number.flatMap(Unicode.Scalar.init)
    }
  }
}
