import Foundation
import OTXCore
import OTXImage

/// Reads whole files, with errors that name them as the dataset does.
enum ReadFile {
  static func bytes(_ url: URL, name: String) throws -> [UInt8] {
    let bytes: [UInt8]
    do {
      bytes = try ReadableFile(url).allBytes()
    } catch DataError.unreadable(_, let reason) {
      throw DataError.unreadable(file: name, reason: reason)
    }
    guard !bytes.isEmpty else {
      throw DataError.unreadable(file: name, reason: "is empty (0 bytes)")
    }
    return bytes
  }
}
