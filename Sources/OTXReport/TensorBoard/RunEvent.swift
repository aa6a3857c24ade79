import OTXCore

/// One record of a TensorBoard events file, as far as scalars need it.
///
/// The messages `Event`, `Summary` and `SessionLog` of TensorFlow's `event.proto` and
/// `summary.proto`; checked against TensorBoard's own writer and reader.
struct RunEvent: Equatable {
  /// Seconds since 1970.
  var wallTime: Double
  var step: Int
  var content: Content

  enum Content: Equatable {
    /// The first record of a file.
    case fileVersion(String)
    case scalars([Scalar])
    /// A run goes on from here: what an earlier file says of this step and later ones is void.
    case sessionStart
    /// Anything else: histograms, graphs.
    case other
  }

  struct Scalar: Equatable {
    var tag: String
    var value: Float
  }

  /// The version that readers expect in a file's first record.
  static let version = "brain.Event:2"

  /// Numbers of the messages' fields.
  private enum Field {
    static let wallTime = 1
    static let step = 2
    static let fileVersion = 3
    static let summary = 5
    static let sessionLog = 7
    static let summaryValue = 1
    static let tag = 1
    static let simpleValue = 2
    static let sessionStatus = 1
    static let sessionStarted: UInt64 = 1
  }

  func encoded() -> [UInt8] {
    var message = ProtobufMessage()
    message.add(Field.wallTime, wallTime)
    if step != 0 { message.add(Field.step, step) }
    switch content {
    case .fileVersion(let version): message.add(Field.fileVersion, version)
    case .scalars(let scalars):
      var summary = ProtobufMessage()
      for scalar in scalars {
        var value = ProtobufMessage()
        value.add(Field.tag, scalar.tag)
        value.add(Field.simpleValue, scalar.value)
        summary.add(Field.summaryValue, value)
      }
      message.add(Field.summary, summary)
    case .sessionStart:
      var session = ProtobufMessage()
      session.add(Field.sessionStatus, Int(Field.sessionStarted))
      message.add(Field.sessionLog, session)
    case .other: break
    }
    return message.bytes
  }

  init(wallTime: Double, step: Int, _ content: Content) {
    (self.wallTime, self.step, self.content) = (wallTime, step, content)
  }

  /// - Returns: `nil` for bytes that are no such message.
  init?(encoded: ArraySlice<UInt8>) {
    self.init(wallTime: 0, step: 0, .other)
    guard let fields = ProtobufReader.fields(encoded) else { return nil }
    for (number, value) in fields {
      switch (number, value) {
      case (Field.wallTime, .fixed64(let bits)): wallTime = Double(bitPattern: bits)
      case (Field.step, .varint(let bits)): step = Int(Int64(bitPattern: bits))
      case (Field.fileVersion, .bytes(let bytes)):
        content = .fileVersion(String(decoding: bytes, as: UTF8.self))
      case (Field.summary, .bytes(let bytes)): content = .scalars(RunEvent.scalars(bytes))
      case (Field.sessionLog, .bytes(let bytes)):
        let session = ProtobufReader.fields(bytes) ?? []
        let isStart = session.contains { number, value in
          guard number == Field.sessionStatus, case .varint(let status) = value else {
            return false
          }
          return status == Field.sessionStarted
        }
        if isStart { content = .sessionStart }
      default: break
      }
    }
  }

  private static func scalars(_ summary: ArraySlice<UInt8>) -> [Scalar] {
    (ProtobufReader.fields(summary) ?? []).compactMap { number, value in
      guard number == Field.summaryValue, case .bytes(let bytes) = value,
        let fields = ProtobufReader.fields(bytes)
      else { return nil }
      var (tag, number) = ("", Float?.none)
      for (field, value) in fields {
        switch (field, value) {
        case (Field.tag, .bytes(let bytes)): tag = String(decoding: bytes, as: UTF8.self)
        case (Field.simpleValue, .fixed32(let bits)): number = Float(bitPattern: bits)
        default: break
        }
      }
      return number.map { Scalar(tag: tag, value: $0) }
    }
  }
}
