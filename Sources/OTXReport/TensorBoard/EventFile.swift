import Foundation
import OTXCore

/// TensorBoard's event files: records with a length and two checksums each (TFRecord).
enum EventFile {
  /// What every name contains; TensorBoard takes a file for one of its own by it.
  static let marker = "tfevents"

  /// `events.out.tfevents.<seconds>.<host>`: names sort by the time they were made.
  static func name(at date: Date, host: String) -> String {
    let allowed = host.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "_" }
    let seconds = String(format: "%010d", Int(date.timeIntervalSince1970))
    return "events.out.\(marker).\(seconds).\(allowed.isEmpty ? "host" : String(allowed))"
  }

  /// One record around a message.
  static func record(_ message: [UInt8]) -> [UInt8] {
    let length = UInt64(message.count).littleEndianBytes
    return length + CRC32C.masked(length).littleEndianBytes + message
      + CRC32C.masked(message).littleEndianBytes
  }

  /// The events in `bytes` up to the first damage: a program that is killed leaves half a record.
  static func events(in bytes: [UInt8]) -> [RunEvent] {
    var events: [RunEvent] = []
    var rest = bytes[...]
    while let length = UInt64(littleEndianBytes: rest.prefix(8)),
      UInt32(littleEndianBytes: rest.dropFirst(8).prefix(4)) == CRC32C.masked(rest.prefix(8)),
      length <= rest.count - 12
    {
      let message = rest.dropFirst(12).prefix(Int(length))
      rest = rest.dropFirst(12 + Int(length))
      guard UInt32(littleEndianBytes: rest.prefix(4)) == CRC32C.masked(message),
        let event = RunEvent(encoded: message)
      else { break }
      rest = rest.dropFirst(4)
      events.append(event)
    }
    return events
  }

  /// The event files of a folder, the oldest first.
  static func files(in directory: URL) -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    return names.filter { $0.contains(".\(marker).") }.sorted()
      .map { directory.appending(path: $0) }
  }
}
