import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import OTXCore

/// Why a request was not answered as it wished: a problem of RFC 9457.
struct Problem: Error, Equatable {
  /// Kinds of problems, told apart by programs.
  enum Code: String, Codable, CaseIterable {
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case badQuery = "bad-query"
    case badForm = "bad-form"
    case unsupportedType = "unsupported-type"
    case bodyTooLarge = "body-too-large"
    case pictureTooLarge = "picture-too-large"
    case unreadablePicture = "unreadable-picture"
    case incompleteBody = "incomplete-body"
    case tooManyRequests = "too-many-requests"
    case tooSlow = "too-slow"
    case busy
    case failed
  }

  var status: HTTPResponse.Status
  var code: Code
  var detail: String
  /// Seconds after which it makes sense to ask again.
  var retryAfter: Int?
  /// Methods that would have been right.
  var allowed: [String] = []
  /// Whether nothing more is read from this connection.
  var closes = false

  init(
    _ status: HTTPResponse.Status,
    _ code: Code,
    _ detail: String,
    retryAfter: Int? = nil,
    closes: Bool = false
  ) {
    (self.status, self.code, self.detail) = (status, code, detail)
    (self.retryAfter, self.closes) = (retryAfter, closes)
  }

  private struct Body: Encodable {
    var type = "about:blank"
    var title: String
    var status: Int
    var code: Code
    var detail: String
  }

  var json: [UInt8] {
    let body = Body(title: status.title, status: status.code, code: code, detail: detail)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(body)).map { Array($0) } ?? Array("{}".utf8)
  }

  /// The header fields of its answer, without the length.
  var fields: HTTPFields {
    var fields: HTTPFields = [
      .contentType: "application/problem+json", .cacheControl: "no-store",
    ]
    if let retryAfter { fields[.retryAfter] = "\(retryAfter)" }
    if !allowed.isEmpty { fields[.allow] = allowed.joined(separator: ", ") }
    if closes { fields[.connection] = "close" }
    return fields
  }

  var response: Response {
    Response(
      status: status,
      headers: fields,
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: json))
    )
  }
}

extension HTTPResponse.Status {
  /// The phrase of RFC 9110, where the library's is an older one.
  fileprivate var title: String {
    switch code {
    case 413: "Content Too Large"
    case 422: "Unprocessable Content"
    default: reasonPhrase
    }
  }
}
