/// A message in protobuf's wire format, as pieces that are written one after the other.
///
/// Weights are held, not copied: a model of gigabytes costs its weights' memory once. Only what a
/// writer needs is here (protobuf.dev, "Encoding"); nothing is read.
package struct ProtobufMessage {
  package private(set) var byteCount = 0
  private var pieces: [[UInt8]] = []
  /// Small fields, not yet a piece.
  private var small: [UInt8] = []

  package init() {}

  package mutating func add(_ field: Int, _ value: Int) {
    append(tag(field, wireType: 0))
    append(ProtobufMessage.varint(UInt64(bitPattern: Int64(value))))
  }

  package mutating func add(_ field: Int, _ value: Float) {
    append(tag(field, wireType: 5))
    append(withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) })
  }

  package mutating func add(_ field: Int, _ value: Double) {
    append(tag(field, wireType: 1))
    append(withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) })
  }

  package mutating func add(_ field: Int, _ text: String) { add(field, Array(text.utf8)) }

  package mutating func add(_ field: Int, _ bytes: [UInt8]) {
    append(tag(field, wireType: 2))
    append(ProtobufMessage.varint(UInt64(bytes.count)))
    append(bytes)
  }

  package mutating func add(_ field: Int, _ message: ProtobufMessage) {
    append(tag(field, wireType: 2))
    append(ProtobufMessage.varint(UInt64(message.byteCount)))
    for piece in message.pieces { append(piece) }
    append(message.small)
  }

  /// All of it in one piece, for a message that is small.
  package var bytes: [UInt8] { pieces.flatMap(\.self) + small }

  /// Hands out the bytes in order.
  package func write(_ body: ([UInt8]) throws -> Void) rethrows {
    for piece in pieces { try body(piece) }
    if !small.isEmpty { try body(small) }
  }

  private func tag(_ field: Int, wireType: Int) -> [UInt8] {
    ProtobufMessage.varint(UInt64(field << 3 | wireType))
  }

  private mutating func append(_ bytes: [UInt8]) {
    byteCount += bytes.count
    guard bytes.count > 4096 else {
      small += bytes
      return
    }
    if !small.isEmpty { pieces.append(small) }
    small = []
    pieces.append(bytes)
  }

  /// Seven bits a byte, lowest first; the high bit says that more follow.
  private static func varint(_ value: UInt64) -> [UInt8] {
    var (rest, bytes) = (value, [UInt8]())
    repeat {
      bytes.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
      rest >>= 7
    } while rest > 0
    return bytes
  }
}
