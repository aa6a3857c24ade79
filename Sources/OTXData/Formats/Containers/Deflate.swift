import CZlib
import Foundation
import OTXCore

/// Unpacks what was packed with deflate (RFC 1951), in gzip's wrapping (RFC 1952) or without one.
enum Deflate {
  enum Wrapping: Int32 {
    /// As in zip archives.
    case none = -15
    case gzip = 31
  }

  /// Unpacked bytes beyond this, and a hundred times the packed ones, are refused.
  static let largestSize = 1 << 30
  static let largestRatio = 100

  /// - Parameters:
  ///   - packed: The packed bytes; of gzip files with several members all are unpacked.
  ///   - wrapping: What is around them.
  ///   - limit: More bytes than this are an error; `nil` for the general limit.
  ///   - name: What errors call the file.
  /// - Returns: The unpacked bytes.
  /// - Throws: ``DataError/unreadable(file:reason:)`` for damaged bytes and for too many.
  static func unpack(
    _ packed: [UInt8],
    _ wrapping: Wrapping,
    limit: Int? = nil,
    name: String
  ) throws -> [UInt8] {
    let limit = limit ?? max(largestSize, packed.count * largestRatio)
    func failure(_ reason: String) -> DataError { .unreadable(file: name, reason: reason) }
    var stream = z_stream()
    guard
      inflateInit2_(
        &stream,
        wrapping.rawValue,
        ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)
      ) == Z_OK
    else { throw failure("cannot be unpacked: zlib does not start") }
    defer { inflateEnd(&stream) }
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    var input = packed
    var position = 0
    var status = Z_OK
    repeat {
      // zlib counts in 32 bits.
      let available = min(input.count - position, 1 << 30)
      let (produced, consumed) = input.withUnsafeMutableBufferPointer { bytes in
        chunk.withUnsafeMutableBufferPointer { buffer in
          stream.next_in = bytes.baseAddress.map { $0 + position }
          stream.avail_in = UInt32(available)
          stream.next_out = buffer.baseAddress
          stream.avail_out = UInt32(buffer.count)
          status = inflate(&stream, Z_NO_FLUSH)
          return (buffer.count - Int(stream.avail_out), available - Int(stream.avail_in))
        }
      }
      position += consumed
      guard produced <= limit - result.count else {
        throw failure(
          "unpacks to more than \(limit) bytes: it is damaged or made to fill the memory"
        )
      }
      result += chunk[..<produced]
      if status == Z_STREAM_END, wrapping == .gzip, position < input.count,
        input[position...].starts(with: [0x1F, 0x8B])
      {
        status = inflateReset(&stream)
      }
      guard status == Z_OK || status == Z_STREAM_END,
        produced > 0 || consumed > 0 || status == Z_STREAM_END
      else {
        let isShort = status == Z_BUF_ERROR || position >= input.count && status == Z_OK
        throw failure(
          isShort ? "is cut short: its packed bytes end too early" : "is damaged: \(stream.reason)"
        )
      }
    } while status != Z_STREAM_END
    return result
  }

  /// Packs bytes with gzip's wrapping, without a time: the same bytes become the same file.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` when zlib has no memory.
  static func gzip(_ bytes: [UInt8]) throws -> [UInt8] { try pack(bytes, .gzip) }

  /// Packs bytes; without a wrapping, as zip archives have them.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` when zlib has no memory.
  static func pack(_ bytes: [UInt8], _ wrapping: Wrapping = .none) throws -> [UInt8] {
    var stream = z_stream()
    guard
      deflateInit2_(
        &stream,
        Z_DEFAULT_COMPRESSION,
        Z_DEFLATED,
        wrapping.rawValue,
        8,
        Z_DEFAULT_STRATEGY,
        ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)
      ) == Z_OK, bytes.count < 1 << 31
    else { throw DataError.unreadable(file: "bytes in memory", reason: "cannot be packed") }
    defer { deflateEnd(&stream) }
    var input = bytes
    var result = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
    var count = 0
    let status = input.withUnsafeMutableBufferPointer { bytes in
      result.withUnsafeMutableBufferPointer { buffer in
        stream.next_in = bytes.baseAddress
        stream.avail_in = UInt32(bytes.count)
        stream.next_out = buffer.baseAddress
        stream.avail_out = UInt32(buffer.count)
        let status = deflate(&stream, Z_FINISH)
        count = buffer.count - Int(stream.avail_out)
        return status
      }
    }
    guard status == Z_STREAM_END else {
      throw DataError.unreadable(file: "bytes in memory", reason: "cannot be packed")
    }
    return Array(result[..<count])
  }

  /// CRC-32 as zip archives have it.
  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_z(0, bytes, bytes.count))
  }
}

extension z_stream {
  fileprivate var reason: String { msg.map { String(cString: $0) } ?? "it is no deflate stream" }
}
