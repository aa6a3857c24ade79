import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1
import OTXCore
import OTXImage
import OTXInference

/// Answers requests.
struct Responder: HTTPResponder {
  /// What is known of a request besides what it says.
  struct Context: InitializableFromSource {
    var remote: SocketAddress?
    init(source: ApplicationRequestContextSource) { remote = source.channel.remoteAddress }
  }

  let state: ServerState

  func respond(to request: Request, context: Context) async throws -> Response {
    var clock = StopWatch()
    let route = Route(path: request.uri.path)
    state.metrics.begin()
    var status = 500
    var code: Problem.Code?
    defer {
      state.metrics.end(
        path: route?.name ?? "other",
        status: status,
        seconds: clock.lap(),
        code: code
      )
    }
    var response: Response
    do {
      response = try await answer(request, route, context)
    } catch let error as HTTPParserError {
      status = 400
      throw error
    } catch {
      let problem = problem(of: error)
      code = problem.code
      response = problem.response
    }
    finish(&response, request, isRead: code == nil && route == .predict)
    status = response.status.code
    return response
  }

  private func answer(
    _ request: Request,
    _ route: Route?,
    _ context: Context
  ) async throws -> Response {
    if request.method == .options, !state.options.allowedOrigins.isEmpty { return preflight(route) }
    guard let route else {
      throw Problem(.notFound, .notFound, "there is nothing here; see /openapi.json")
    }
    guard route.methods.contains(request.method) else {
      let names = route.methods.map(\.rawValue)
      var problem = Problem(
        .methodNotAllowed,
        .methodNotAllowed,
        "\(route.name) takes \(names.joined(separator: " and ")), not \(request.method.rawValue)"
      )
      problem.allowed = names
      throw problem
    }
    switch route {
    case .page: return state.content.page()
    case .openAPI: return .bytes(state.content.openAPI, "application/json")
    case .model: return .bytes(state.content.description, "application/json")
    case .health: return health()
    case .metrics:
      let text = state.metrics.text(
        load: state.pool.load,
        connections: state.connections.count,
        heldBytes: state.budget.heldCount
      )
      return .bytes(Array(text.utf8), "text/plain; version=0.0.4; charset=utf-8")
    case .sample(let index): return try await sample(index)
    case .predict: return try await predict(request, context)
    }
  }

  /// What every answer has.
  private func finish(_ response: inout Response, _ request: Request, isRead: Bool) {
    response.headers[.xContentTypeOptions] = "nosniff"
    if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-cache" }
    if let origin = request.headers[.origin], !state.options.allowedOrigins.isEmpty {
      response.headers[.vary] = "Origin"
      if state.options.allows(origin) { response.headers[.accessControlAllowOrigin] = origin }
    }
    // What is left of a body is read and thrown away: not if that could take long.
    let length = request.headers[.contentLength].flatMap { Int($0) }
    if !isRead, request.headers[.transferEncoding] != nil || (length ?? 0) > 1 << 20 {
      response.headers[.connection] = "close"
    }
    if request.method == .head {
      response.body = ResponseBody(contentLength: response.body.contentLength) { writer in
        try await writer.finish(nil)
      }
    }
  }

  private func preflight(_ route: Route?) -> Response {
    Response(
      status: .noContent,
      headers: [
        .accessControlAllowMethods: (route?.methods ?? [.get]).map(\.rawValue)
          .joined(separator: ", "),
        .accessControlAllowHeaders: "Content-Type",
        .accessControlMaxAge: "600",
      ]
    )
  }

  private func problem(of error: any Error) -> Problem {
    if let problem = error as? Problem { return problem }
    state.log("error: \(error)")
    return Problem(
      .internalServerError,
      .failed,
      "the prediction failed; the server's log says why"
    )
  }

  private func health() -> Response {
    let isFull = state.pool.isFull
    var response = Response.bytes(
      Array("{\"status\":\"\(isFull ? "busy" : "ok")\"}".utf8),
      "application/json"
    )
    if isFull {
      response.status = .serviceUnavailable
      response.headers[.retryAfter] = "1"
    }
    return response
  }

  private func sample(_ index: Int) async throws -> Response {
    guard state.samples.indices.contains(index) else {
      throw Problem(.notFound, .notFound, "there are \(state.samples.count) pictures")
    }
    let url = state.samples[index].url
    let limit = state.options.limits.uploadByteCount
    let bytes = try await state.pool.run { _ -> [UInt8] in
      do {
        let file = try ReadableFile(url)
        guard file.byteCount <= limit else {
          throw Problem(.contentTooLarge, .bodyTooLarge, "the file is too large to be shown")
        }
        return try file.allBytes()
      } catch DataError.unreadable {
        throw Problem(.notFound, .notFound, "the picture is no longer there")
      }
    }.result
    guard let format = ImageFormat(magic: bytes) else {
      throw Problem(.unprocessableContent, .unreadablePicture, "the file is no picture")
    }
    return .bytes(bytes, "image/\(format.rawValue)")
  }

  private func predict(_ request: Request, _ context: Context) async throws -> Response {
    let client = ClientAddress.key(
      remote: context.remote,
      headers: request.headers,
      trustsProxy: state.options.trustsProxy
    )
    if let wait = state.limiter.wait(for: client) {
      throw Problem(
        .tooManyRequests,
        .tooManyRequests,
        "\(client) asks for more than \(String(format: "%g", state.options.rate)) predictions a second",
        retryAfter: max(Int(wait.rounded(.up)), 1)
      )
    }
    let names = state.models.map(\.name)
    let query = try PredictionQuery(
      request.uri,
      accept: request.headers[.accept],
      models: names
    )
    // Told before the body comes, where that can be.
    guard !state.pool.isFull else { throw WorkerPool<Void>.busy }
    let limits = state.options.limits
    return try await Upload.withPicture(of: request, limits: limits, budget: state.budget) {
      let name = names[query.model]
      let work = PictureWork(
        upload: $0,
        query: query,
        modelName: name,
        pixelLimit: limits.pixelCount
      )
      let (answer, waited) = try await state.pool.run(work.run)
      let timings = [(name: "waiting", seconds: waited)] + answer.timings
      let total = timings.reduce(0) { $0 + $1.seconds }
      state.metrics.predicted(model: name, seconds: total - waited)
      var response =
        if let drawn = answer.drawn, let overlay = query.overlay {
          Response.bytes(drawn, "image/\(overlay.rawValue)")
        } else {
          Response.bytes(
            Array(answer.result.jsonLine(model: name, timings: timings).utf8),
            "application/json"
          )
        }
      response.headers[.cacheControl] = "no-store"
      if let field = HTTPField.Name("Server-Timing") {
        response.headers[field] = timings.map { part in
          String(format: "%@;dur=%.2f", part.name, part.seconds * 1e3)
        }.joined(separator: ", ")
      }
      return response
    }
  }
}

extension Response {
  static func bytes(_ bytes: [UInt8], _ type: String) -> Response {
    Response(
      status: .ok,
      headers: [.contentType: type],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
    )
  }
}
