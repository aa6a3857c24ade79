import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import OTXCore

/// What a server answers always alike.
struct ServerContent: Sendable {
  let openAPI: [UInt8]
  let description: [UInt8]
  private let pageParts: [String]

  /// What stands in the page where a word made anew for each answer goes: its own styles and scripts
  /// carry it, anything that got in from outside cannot.
  private static let nonceMark = "NONCE"

  init(_ description: ServerDescription) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    self.description = Array(try encoder.encode(description))
    let text = String(decoding: PackageResources.openapi_json, as: UTF8.self)
    openAPI = Array(
      text.replacingOccurrences(
        of: "\"version\": \"0\"",
        with: "\"version\": \"\(OTXVersion.current)\""
      )
      .utf8
    )
    let page = String(decoding: PackageResources.page_html, as: UTF8.self)
    pageParts = page.components(separatedBy: Self.nonceMark)
  }

  func page() -> Response {
    let nonce = (0..<4).map { _ in String(UInt32.random(in: 0...UInt32.max), radix: 16) }.joined()
    var response = Response.bytes(
      Array(pageParts.joined(separator: nonce).utf8),
      "text/html; charset=utf-8"
    )
    response.headers[.contentSecurityPolicy] =
      "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; "
      + "img-src 'self' blob: data:; media-src blob:; connect-src 'self'; base-uri 'none'; "
      + "form-action 'none'; frame-ancestors 'none'"
    if let field = HTTPField.Name("Referrer-Policy") { response.headers[field] = "no-referrer" }
    if let field = HTTPField.Name("Permissions-Policy") {
      response.headers[field] = "camera=(self), microphone=(), geolocation=()"
    }
    return response
  }
}
