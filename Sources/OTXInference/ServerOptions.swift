import Foundation
import OTXCore

/// How a server is reached, and what it refuses.
package struct ServerOptions: Sendable, Equatable {
  package var address = ServerAddress()
  package var limits = ServerLimits()
  /// Predictions a second that one client may ask for; 0: as many as it wants.
  package var rate = 0.0
  /// Whether the last address of `X-Forwarded-For` is the client's: only behind a proxy that sets it.
  package var trustsProxy = false
  /// Origins of other pages that may use the server, `*` for all.
  package var allowedOrigins: [String] = []

  package init() {}

  /// - Parameter address: As a user wrote it.
  /// - Throws: ``InferenceError/usage(_:)``.
  package init(address: String) throws { self.address = try ServerAddress(address) }

  /// Takes the options of a command line; `nil`: not given.
  ///
  /// - Throws: ``InferenceError/usage(_:)``.
  package mutating func read(
    maximumUpload: String?,
    rate: String?,
    trustsProxy: Bool,
    origins: [String]
  ) throws {
    if let text = maximumUpload {
      guard let count = ByteCount(text), count.bytes <= 1 << 30 else {
        throw InferenceError.usage("--max-upload takes up to 1GiB, such as 20M, not '\(text)'")
      }
      limits.uploadByteCount = count.bytes
    }
    if let text = rate {
      guard let number = Double(text), number > 0, number <= 1e6 else {
        throw InferenceError.usage("--rate takes predictions a second above 0, not '\(text)'")
      }
      self.rate = number
    }
    self.trustsProxy = trustsProxy
    for origin in origins {
      let parts = origin.components(separatedBy: "://")
      let isOrigin =
        ["http", "https"].contains(parts[0]) && parts.count == 2 && !parts[1].isEmpty
        && !parts[1].contains { "/?# ".contains($0) }
      guard isOrigin || origin == "*" else {
        throw InferenceError.usage(
          "--allow-origin takes * or an origin such as https://example.org, not '\(origin)'"
        )
      }
    }
    allowedOrigins = origins
  }

  /// Whether a page of this origin may use the server.
  package func allows(_ origin: String) -> Bool {
    allowedOrigins.contains("*") || allowedOrigins.contains(origin)
  }
}

/// What a server holds at most.
package struct ServerLimits: Sendable, Equatable {
  /// Bytes of a request's body.
  package var uploadByteCount = 20 << 20
  /// Bytes of all bodies that are held at once.
  package var heldByteCount = 256 << 20
  /// Pixels that a picture may have, by its header: 8192×8192.
  package var pixelCount = 1 << 26
  /// Predictions that wait for a thread.
  package var waitingCount = 64
  /// Connections that are open at once.
  package var connectionCount = 512
  /// Bytes of a request's header.
  package var headerByteCount = 32 << 10
  /// Seconds from a connection's start to the end of its first header.
  package var headerSeconds = 10.0
  /// Seconds that a body may take in any case, and bytes a second that it must bring after that.
  package var bodySeconds = 15.0
  package var bodyByteRate = 32 << 10
  /// Seconds until the next request of a connection.
  package var idleSeconds = 60.0
  /// Seconds that running requests have when the server stops.
  package var stopSeconds = 20.0

  package init() {}
}

/// A host and a port to listen on.
package struct ServerAddress: Sendable, Equatable {
  package var host = "127.0.0.1"
  /// 0: any that is free.
  package var port = 8080

  package init() {}

  /// Reads `HOST:PORT`, `:PORT`, `PORT` or `[IPv6]:PORT`.
  ///
  /// - Throws: ``InferenceError/usage(_:)``.
  package init(_ text: String) throws {
    let failure = InferenceError.usage(
      "--serve takes HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080, not '\(text)'"
    )
    let colon = text.lastIndex(of: ":")
    let end = colon.map { text.index(after: $0) } ?? text.startIndex
    guard let port = Int(text[end...]), (0...65_535).contains(port), text[end...].first != "+"
    else { throw failure }
    self.port = port
    guard let colon, colon != text.startIndex else { return }
    host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
      guard host.contains(":") else { throw failure }
    } else if host.contains(where: { ":/[]@ ".contains($0) }) {
      throw failure
    }
    guard !host.isEmpty else { throw failure }
  }

  /// Whether only programs of this machine reach it.
  package var isLoopback: Bool {
    host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }

  /// As a link, with the port that the system gave.
  package func link(port: Int) -> String {
    let open = ["0.0.0.0", "::"].contains(host) ? "127.0.0.1" : host
    return "http://\(open.contains(":") ? "[\(open)]" : open):\(port)/"
  }
}
