public import Foundation

/// Weights in a `.safetensors` file: a header of JSON, then the contents one after the other.
///
/// Read and written as the `safetensors` package does (format 1); a file holds nothing that could
/// be executed. Checked against that package in both directions.
public struct SafeTensorsFile: Sendable, Equatable {
  public var state: StateDictionary
  /// What the file says about itself, as text by key.
  public var metadata: [String: String]

  public init(state: StateDictionary, metadata: [String: String] = [:]) {
    self.state = state
    self.metadata = metadata
  }

  /// Reads a file.
  ///
  /// Entries come in the header's order.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` for a file that is missing, cut
  ///   short or damaged, or holds elements of a type that is not known here.
  public static func read(_ url: URL) throws -> SafeTensorsFile {
    try readingCheckpoint(url) {
      let file = try RandomAccessFile(url)
      let header = try SafeTensorsHeader(file)
      var state = StateDictionary()
      for entry in header.entries {
        var bytes = try file.read(
          at: header.byteCount + entry.range.lowerBound,
          count: entry.range.count
        )
        // Whatever is not 0 is true; libtorch trusts that there is nothing but 0 and 1.
        if entry.type == .bool, bytes.contains(where: { $0 > 1 }) {
          bytes = bytes.map { $0 == 0 ? 0 : 1 }
        }
        state[entry.name] = ArrayBuffer(elementType: entry.type, shape: entry.shape, bytes: bytes)
      }
      return SafeTensorsFile(state: state, metadata: header.metadata)
    }
  }

  /// Writes the file, replacing what is at `url` in one step.
  ///
  /// Contents are ordered as the `safetensors` package orders them, by alignment and name.
  /// - Throws: ``FileError/cannotWrite(_:reason:)``; the file that was there is untouched then.
  public func write(to url: URL) throws {
    if let reserved = state.names.first(where: { $0 == SafeTensorsHeader.metadataKey }) {
      throw FileError.cannotWrite(url.path, reason: "'\(reserved)' cannot be the name of a weight")
    }
    let ordered = state.sorted {
      let (a, b) = ($0.value.elementType.safeTensorsRank, $1.value.elementType.safeTensorsRank)
      return a == b ? $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) : a > b
    }
    let header = SafeTensorsHeader.bytes(of: ordered, metadata: metadata)
    try AtomicFile.write(to: url) { output in
      try output.write(header)
      for entry in ordered { try output.write(entry.value.bytes) }
    }
  }

  /// Whether `url` is such a file, by its name or its first bytes.
  static func isOne(_ url: URL) -> Bool {
    if url.pathExtension.lowercased() == "safetensors" { return true }
    guard let file = try? RandomAccessFile(url), let start = try? file.read(at: 0, count: 9) else {
      return false
    }
    return start[8] == UInt8(ascii: "{") && start[..<8].suffix(4).allSatisfy { $0 == 0 }
  }
}

extension ElementType {
  /// The types by their names in the format, in its order.
  private static let safeTensorsNames: [(name: String, type: ElementType)] = [
    ("BOOL", .bool), ("U8", .uint8), ("I8", .int8), ("I16", .int16), ("F16", .float16),
    ("BF16", .bfloat16), ("I32", .int32), ("F32", .float32), ("F64", .float64), ("I64", .int64),
  ]

  /// The type that the format calls `name`.
  init(safeTensors name: String, of entry: String) throws(FormatError) {
    guard let found = ElementType.safeTensorsNames.first(where: { $0.name == name }) else {
      let known = ElementType.safeTensorsNames.map(\.name).joined(separator: ", ")
      throw FormatError(
        "its entry '\(entry)' has elements of the type '\(name)', which is not known here (\(known))"
      )
    }
    self = found.type
  }

  var safeTensorsName: String {
    ElementType.safeTensorsNames.first { $0.type == self }?.name ?? ""
  }

  var safeTensorsRank: Int {
    ElementType.safeTensorsNames.firstIndex { $0.type == self } ?? 0
  }
}
