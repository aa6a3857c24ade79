import HTTPTypes
import NIOCore

/// Whom limits count requests for.
enum ClientAddress {
  /// - Parameters:
  ///   - remote: Who opened the connection.
  ///   - headers: The request's.
  ///   - trustsProxy: Whether the connection is a proxy's, which appends its client's address to
  ///     `X-Forwarded-For`; whatever stands before that is the client's own claim.
  /// - Returns: An address; of IPv6 the first 64 bits, which one client has all of.
  static func key(remote: SocketAddress?, headers: HTTPFields, trustsProxy: Bool) -> String {
    if trustsProxy, let field = forwarded.flatMap({ headers[values: $0].last }),
      let last = field.split(separator: ",").last
    {
      let text = String(last).trimmed
      if let address = try? SocketAddress(ipAddress: text.bareAddress, port: 0) {
        return key(of: address)
      }
    }
    return remote.map(key(of:)) ?? "unknown"
  }

  private static let forwarded = HTTPField.Name("X-Forwarded-For")

  private static func key(of address: SocketAddress) -> String {
    switch address {
    case .v6:
      return address.withSockAddr { pointer, size in
        // Family, port and flow come first in a `sockaddr_in6` (RFC 3493, section 3.3).
        let all = UnsafeRawBufferPointer(start: pointer, count: size)
        let bytes = all.dropFirst(8).prefix(16)
        // An address of version 4, as sockets of version 6 see it: ::ffff:192.0.2.1.
        if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes.dropFirst(10).starts(with: [255, 255]) {
          return bytes.suffix(4).map(String.init).joined(separator: ".")
        }
        return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
      }
    default: return address.ipAddress ?? "local"
    }
  }
}

extension String {
  /// Without the brackets and the port that some proxies write.
  fileprivate var bareAddress: String {
    if hasPrefix("["), let end = firstIndex(of: "]") {
      return String(self[index(after: startIndex)..<end])
    }
    let colons = count { $0 == ":" }
    return colons == 1 ? String(prefix { $0 != ":" }) : self
  }
}
