import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOHTTP1
import OTXCore
import OTXInference

/// What a client asks of `POST /predict`, besides the picture.
struct PredictionQuery: Equatable {
  /// How the drawn picture is wanted.
  enum Overlay: String { case jpeg, png }
  /// The position of the model that is asked.
  var model = 0
  var threshold: Float?
  var overlay: Overlay?

  private static let names = ["model", "overlay", "threshold"]

  /// - Throws: ``Problem`` for anything that is not understood.
  init(_ uri: URI, accept: String?, models: [String]) throws {
    var seen: Set<Substring> = []
    for (name, value) in uri.queryParameters where !name.isEmpty {
      guard seen.insert(name).inserted else { throw Self.failure("'\(name)' is given twice") }
      switch name {
      case "model":
        guard let index = models.firstIndex(of: String(value)) else {
          throw Self.failure(
            "there is no model '\(value)'"
              + Suggestion.phrase(for: String(value), among: models)
              + "; models: \(models.joined(separator: ", "))"
          )
        }
        model = index
      case "threshold":
        guard let number = Float(value), (0...1).contains(number) else {
          throw Self.failure("'threshold' takes a number from 0 to 1, not '\(value)'")
        }
        threshold = number
      case "overlay":
        switch value {
        case "0", "false": overlay = nil
        case "1", "true", "": overlay = accept?.contains("image/png") == true ? .png : .jpeg
        case "png": overlay = .png
        case "jpeg", "jpg": overlay = .jpeg
        default: throw Self.failure("'overlay' takes 0, 1, png or jpeg, not '\(value)'")
        }
      default:
        throw Self.failure(
          "there is no parameter '\(name)'"
            + Suggestion.phrase(for: String(name), among: Self.names)
            + "; parameters: \(Self.names.joined(separator: ", "))"
        )
      }
    }
  }

  private static func failure(_ detail: String) -> Problem {
    Problem(.badRequest, .badQuery, detail)
  }
}

/// The bytes of a picture that a client sent, within the server's budget.
struct Upload: Sendable {
  var bytes: [UInt8]
  var name: String

  /// How a body holds its picture.
  private enum Form {
    case raw
    case multipart(MediaType)
  }

  /// Reads a body and gives the bytes' share of the budget to `body` for as long as it runs.
  ///
  /// - Throws: ``Problem``; what reading from the network and `body` throw.
  static func withPicture<Result>(
    of request: Request,
    limits: ServerLimits,
    budget: UploadBudget,
    _ body: (Upload) async throws -> Result
  ) async throws -> Result {
    let form = try form(of: request.headers[.contentType])
    let announced = request.headers[.contentLength].flatMap { Int($0) }
    if let announced { try check(announced, limits) }
    var held = 0
    defer { budget.giveBack(held) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(announced ?? 0, 1 << 20))
    do {
      for try await part in request.body {
        try check(bytes.count + part.readableBytes, limits)
        while held < bytes.count + part.readableBytes {
          guard budget.take(256 << 10) else { throw WorkerPool<Void>.busy }
          held += 256 << 10
        }
        bytes.append(contentsOf: part.readableBytesView)
      }
    } catch let error where !(error is Problem || error is HTTPParserError) {
      // The client went away.
      throw Problem(.badRequest, .incompleteBody, "the body did not come whole", closes: true)
    }
    guard announced.map({ $0 == bytes.count }) ?? true else {
      throw Problem(
        .badRequest,
        .incompleteBody,
        "the body ended after \(bytes.count) of \(announced ?? 0) bytes",
        closes: true
      )
    }
    switch form {
    case .raw: return try await body(Upload(bytes: bytes, name: "picture"))
    case .multipart(let type):
      let file = try MultipartFile(in: bytes, contentType: type)
      if let text = file.contentType {
        let type = MediaType(text)
        guard type.isPicture || type.name == "application/octet-stream" else {
          throw unsupported("the file of the form is of the type '\(type.name)'")
        }
      }
      bytes = Array(file.content)
      return try await body(Upload(bytes: bytes, name: file.fileName))
    }
  }

  private static func form(of contentType: String?) throws -> Form {
    guard let contentType else { throw unsupported("the request names no Content-Type") }
    let type = MediaType(contentType)
    if type.isPicture { return .raw }
    if type.name == "multipart/form-data" { return .multipart(type) }
    throw unsupported("the body is of the type '\(type.name)'")
  }

  private static func unsupported(_ what: String) -> Problem {
    Problem(
      .unsupportedMediaType,
      .unsupportedType,
      "\(what); send a picture as image/jpeg, image/png, image/webp, image/bmp or image/tiff, or as "
        + "the one file of multipart/form-data"
    )
  }

  private static func check(_ count: Int, _ limits: ServerLimits) throws {
    guard count <= limits.uploadByteCount else {
      throw Problem(
        .contentTooLarge,
        .bodyTooLarge,
        "the body has more than \(limits.uploadByteCount) bytes, the most that is taken on",
        closes: true
      )
    }
  }
}
