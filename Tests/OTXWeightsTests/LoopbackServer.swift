import Foundation
import Synchronization

/// A web server of a few lines on the loopback interface that answers as a test wants, also wrongly.
final class LoopbackServer: Sendable {
  /// What a client asked for.
  struct Request: Sendable, Equatable {
    /// The path, or the whole address where the client takes this for a proxy.
    var target: String
    /// By name in lower case.
    var fields: [String: String]
    /// First byte of `Range: bytes=N-`.
    var rangeStart: Int? {
      fields["range"]?.wholeMatch(of: /bytes=(\d+)-/).flatMap { Int($0.1) }
    }
  }

  /// One client.
  struct Connection: Sendable {
    fileprivate let descriptor: Int32

    /// Writes as much as the client takes.
    func send(_ bytes: some Collection<UInt8>) {
      var rest = Array(bytes)[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes {
          Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }

    /// A head with these fields.
    func head(_ status: Int, _ fields: [String: String]) {
      let lines = ["HTTP/1.1 \(status) Said", "Connection: close"]
      send((lines + fields.map { "\($0): \($1)" }).joined(separator: "\r\n").utf8)
      send("\r\n\r\n".utf8)
    }

    /// A whole answer.
    func answer(_ status: Int, _ body: some Collection<UInt8>, _ fields: [String: String] = [:]) {
      head(status, fields.merging(["Content-Length": "\(body.count)"]) { $1 })
      send(body)
    }

    /// Ends the connection as a failing network does.
    func reset() {
      var option = linger(l_onoff: 1, l_linger: 0)
      setsockopt(
        descriptor,
        SOL_SOCKET,
        SO_LINGER,
        &option,
        socklen_t(MemoryLayout<linger>.size)
      )
    }

    /// Waits until the client has gone.
    func waitForEnd() {
      var byte: UInt8 = 0
      while recv(descriptor, &byte, 1, 0) > 0 {}
    }

    fileprivate func readRequest() -> Request? {
      var bytes: [UInt8] = []
      var byte: UInt8 = 0
      while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8), bytes.count < 1 << 16 {
        guard recv(descriptor, &byte, 1, 0) == 1 else { return nil }
        bytes.append(byte)
      }
      let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
      guard let words = lines.first?.split(separator: " "), words.count > 1 else { return nil }
      var fields: [String: String] = [:]
      for line in lines.dropFirst() {
        guard let colon = line.firstIndex(of: ":") else { continue }
        fields[line[..<colon].lowercased()] =
          line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      }
      return Request(target: String(words[1]), fields: fields)
    }
  }

  typealias Handler = @Sendable (Request, _ number: Int, Connection) -> Void

  let port: UInt16
  private let descriptor: Int32
  private let seen = Mutex<[Request]>([])

  /// What was asked so far.
  var requests: [Request] { seen.withLock { $0 } }

  /// - Parameter handler: Answers each request, the first is number 0; runs in a thread of its own.
  /// - Throws: An error where there is no free port.
  init(_ handler: @escaping Handler) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    descriptor = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, length) == 0 && listen(listener, 16) == 0
          && getsockname(listener, pointer, &length) == 0
      }
    }
    port = UInt16(bigEndian: address.sin_port)
    guard bound else { throw CocoaError(.featureUnsupported) }
    let thread = Thread { [weak self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        guard let server = self else {
          _ = close(client)
          return
        }
        server.serve(Connection(descriptor: client), handler)
      }
    }
    thread.start()
  }

  deinit {
    shutdown(descriptor, Int32(SHUT_RDWR))
    _ = close(descriptor)
  }

  private func serve(_ connection: Connection, _ handler: @escaping Handler) {
    let thread = Thread { [self] in
      defer { _ = close(connection.descriptor) }
      guard let request = connection.readRequest() else { return }
      let number = seen.withLock {
        $0.append(request)
        return $0.count - 1
      }
      handler(request, number, connection)
    }
    thread.start()
  }

  func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }
}
