import Foundation
import OTXCore
import OTXImage

/// A key as it stands in the text; valid while the text is.
///
/// Compared with names of keys, it costs no more than their bytes.
struct JSONKey {
  let bytes: UnsafeBufferPointer<UInt8>
  /// Where the key is written with escapes.
  let decoded: String?

  var text: String { decoded ?? String(decoding: bytes, as: UTF8.self) }

  static func ~= (name: StaticString, key: JSONKey) -> Bool {
    if let decoded = key.decoded { return decoded == "\(name)" }
    guard key.bytes.count == name.utf8CodeUnitCount else { return false }
    guard let base = key.bytes.baseAddress else { return true }
    return memcmp(base, name.utf8Start, key.bytes.count) == 0
  }
}

extension JSONScanner {
  /// Keys of the object that a file holds, as far as they stand in its first 64 KiB; none for a file
  /// that holds something else.
  static func firstKeys(of file: URL) -> Set<String> {
    guard let readable = try? ReadableFile(file),
      let start = try? readable.bytes(at: 0, count: 65_536)
    else { return [] }
    var keys: Set<String> = []
    start.withUnsafeBufferPointer { buffer in
      var scanner = JSONScanner(buffer, name: file.lastPathComponent)
      // Ends with an error where the 64 KiB end; the keys before it are what counts.
      try? scanner.object { scanner, key in
        keys.insert(key)
        try scanner.skipValue()
      }
    }
    return keys
  }
}
