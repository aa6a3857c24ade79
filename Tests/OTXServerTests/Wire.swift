import Foundation
import OTXCore

/// What came back from a server.
struct WireAnswer: Sendable {
  var status: Int
  /// Names in lower case.
  var headers: [String: String]
  var body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }

  func json() throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] ?? [:]
  }

  /// The code of a problem; `nil` for another answer.
  var code: String? { (try? json())?["code"] as? String }
}

enum WireError: Error {
  case system(String, Int32)
  case closed
  case noAnswer(String)
}

/// A connection to a server of this machine, byte by byte: what libraries would not send can be sent.
final class Wire: @unchecked Sendable {
  // Used by one task at a time, hence the unchecked conformance.
  private let socket: Int32
  private var rest: [UInt8] = []

  init(port: Int) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { throw WireError.system("socket", errno) }
    // A server that never answers is a failed test, not one that never ends.
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, size) }
    }
    guard code == 0 else {
      let number = errno
      Glibc.close(socket)
      throw WireError.system("connect", number)
    }
  }

  deinit { Glibc.close(socket) }

  /// Runs what waits for the network on a thread of its own: the server needs those of the tests.
  static func apart<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      do {
        try SystemThread.start(name: "otx.test", stackSize: 1 << 20) {
          continuation.resume(with: Swift.Result { try body() })
        }
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(
          socket,
          $0.baseAddress.map { $0 + sent },
          bytes.count - sent,
          Int32(MSG_NOSIGNAL)
        )
      }
      guard count > 0 else { throw WireError.closed }
      sent += count
    }
  }

  /// More bytes; none at the connection's end.
  private func receive() throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(socket, &buffer, buffer.count, 0)
    if count < 0, errno == EAGAIN { throw WireError.noAnswer("nothing came for 20 s") }
    return count > 0 ? Array(buffer[..<count]) : []
  }

  /// Whether the server closes the connection, whatever it says before.
  func isClosed() throws -> Bool {
    while true { if try receive().isEmpty { return true } }
  }

  /// The next answer; those that only tell to go on are given, too.
  func answer(isHead: Bool = false) throws -> WireAnswer {
    var end: Int?
    while end == nil {
      end = rest.indices.dropLast(3).first { rest[$0..<$0 + 4].elementsEqual([13, 10, 13, 10]) }
      if end == nil {
        let more = try receive()
        guard !more.isEmpty else { throw WireError.closed }
        rest += more
      }
    }
    let head = String(decoding: rest[..<(end ?? 0)], as: UTF8.self)
    rest.removeFirst((end ?? 0) + 4)
    var lines = head.components(separatedBy: "\r\n")[...]
    let status = lines.popFirst()?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    var headers: [String: String] = [:]
    for line in lines {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] =
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let count = isHead ? 0 : headers["content-length"].flatMap { Int($0) } ?? 0
    while rest.count < count {
      let more = try receive()
      guard !more.isEmpty else { throw WireError.closed }
      rest += more
    }
    defer { rest.removeFirst(count) }
    return WireAnswer(status: status ?? 0, headers: headers, body: Array(rest[..<count]))
  }

  /// A request with its length, as programs send it.
  static func request(
    _ method: String,
    _ target: String,
    _ headers: [String: String] = [:],
    body: [UInt8] = []
  ) -> [UInt8] {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    if !body.isEmpty { text += "Content-Length: \(body.count)\r\n" }
    return Array((text + "\r\n").utf8) + body
  }
}
