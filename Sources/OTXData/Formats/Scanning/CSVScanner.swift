import Foundation
import OTXCore

/// Walks text of separated values (RFC 4180) row by row: quoted fields may hold separators, line
/// ends and doubled quotes; a byte order mark and any kind of line end are accepted.
struct CSVScanner {
  /// A row and the line it begins on, from 1.
  struct Row {
    var line: Int
    var fields: [String]

    /// The field at `index`; `nil` behind the last.
    func field(_ index: Int) -> String? { fields.indices.contains(index) ? fields[index] : nil }
  }

  private let bytes: [UInt8]
  private let name: String
  private let separator: UInt8
  private var position = 0
  private var line = 1

  /// - Parameters:
  ///   - bytes: The text.
  ///   - name: What to call the file in errors.
  ///   - separator: What parts fields; `nil`: the likeliest of comma, semicolon and tab.
  init(_ bytes: [UInt8], name: String, separator: UInt8? = nil) {
    (self.bytes, self.name) = (bytes, name)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    self.separator = separator ?? CSVScanner.likelySeparator(bytes)
  }

  /// Reads a file.
  init(_ url: URL, name: String, separator: UInt8? = nil) throws {
    self.init(try ReadFile.bytes(url, name: name), name: name, separator: separator)
  }

  /// The one that the first line has most of; a comma where it has none.
  private static func likelySeparator(_ bytes: [UInt8]) -> UInt8 {
    let first = bytes.prefix { $0 != 0x0A && $0 != 0x0D }
    let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
    let counts = candidates.map { candidate in first.count { $0 == candidate } }
    let best = counts.indices.max { (counts[$0], -$0) < (counts[$1], -$1) } ?? 0
    return candidates[best]
  }

  func failure(_ reason: String, line: Int? = nil) -> DataError {
    .unreadable(file: "\(name):\(line ?? self.line)", reason: reason)
  }

  /// The next row that is not blank; `nil` after the last.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a quote without an end.
  mutating func next() throws -> Row? {
    while position < bytes.count {
      let row = try row()
      if row.fields.count > 1 || row.fields.first.map({ !$0.isEmpty }) ?? false { return row }
    }
    return nil
  }

  private mutating func row() throws -> Row {
    var row = Row(line: line, fields: [])
    while true {
      row.fields.append(try field())
      guard position < bytes.count else { return row }
      let byte = bytes[position]
      position += 1
      if byte == separator { continue }
      if byte == 0x0D, position < bytes.count, bytes[position] == 0x0A { position += 1 }
      line += 1
      return row
    }
  }

  /// A field; stands on what ends it.
  private mutating func field() throws -> String {
    guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
      let start = position
      while position < bytes.count, !isEnd(bytes[position]) { position += 1 }
      return String(decoding: bytes[start..<position], as: UTF8.self)
    }
    let begin = line
    var content: [UInt8] = []
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
          // What follows a closing quote, as some programs write it, belongs to the field.
          while position < bytes.count, !isEnd(bytes[position]) {
            content.append(bytes[position])
            position += 1
          }
          return String(decoding: content, as: UTF8.self)
        }
        position += 1
      } else if byte == 0x0A {
        line += 1
      }
      content.append(byte)
    }
    throw failure("is cut short: the quote that begins here has no end", line: begin)
  }

  private func isEnd(_ byte: UInt8) -> Bool { byte == separator || byte == 0x0A || byte == 0x0D }
}

/// A table with a line of column names.
struct CSVTable {
  let name: String
  let columns: [String]
  private let places: [String: Int]
  private var scanner: CSVScanner

  /// Reads the first line.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for an empty file or a missing column.
  init(
    _ url: URL,
    name: String,
    separator: UInt8? = nil,
    requiring required: [String] = []
  ) throws {
    var scanner = try CSVScanner(url, name: name, separator: separator)
    guard let header = try scanner.next() else {
      throw DataError.unreadable(file: name, reason: "holds no line of column names")
    }
    let columns = header.fields.map { $0.trimmingCharacters(in: .whitespaces) }
    let places = Dictionary(columns.enumerated().map { ($0.element, $0.offset) }) { first, _ in
      first
    }
    for column in required where places[column] == nil {
      throw DataError.unreadable(
        file: "\(name):\(header.line)",
        reason:
          "has no column '\(column)'\(Suggestion.phrase(for: column, among: columns)); its columns: \(columns.joined(separator: ", "))"
      )
    }
    (self.name, self.columns, self.places, self.scanner) = (name, columns, places, scanner)
  }

  /// Where a column stands; `nil` without one.
  func place(of column: String) -> Int? { places[column] }

  mutating func next() throws -> CSVScanner.Row? { try scanner.next() }

  /// The value of a column in a row, without space around it; `nil` where it is missing or empty.
  func value(_ column: String, of row: CSVScanner.Row) -> String? {
    guard let field = places[column].flatMap(row.field) else { return nil }
    let trimmed = field.trimmingCharacters(in: .whitespaces)
    return trimmed.isEmpty ? nil : trimmed
  }

  /// The number in a column of a row.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a missing value or a word.
  func number(_ column: String, of row: CSVScanner.Row) throws -> Double {
    guard let text = value(column, of: row) else {
      throw scanner.failure("the column '\(column)' is empty", line: row.line)
    }
    guard let number = Double(text) else {
      throw scanner.failure("the column '\(column)' is not a number: '\(text)'", line: row.line)
    }
    return number
  }
}
