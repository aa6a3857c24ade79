import Foundation
import OTXCore
import OTXImage
import OTXInference
import OTXTesting
import Testing

@testable import OTXServer

/// A server of this process on a port that was free.
struct TestServer: Sendable {
  let port: Int
  let server: ModelServer
  let serving: Task<Void, any Error>

  /// Serves for as long as `body` runs, then stops and waits for the end.
  static func run<Result>(
    models: TestModelFiles = TestModelFiles { [[try TestModels.halvesDetector(in: $0)]] },
    samples: [SamplePicture] = [],
    options given: ServerOptions = ServerOptions(),
    _ body: (TestServer) async throws -> Result
  ) async throws -> Result {
    let folder = try TemporaryFolder()
    var opening = DeployedModel.Options()
    opening.precision = .fp32
    opening.hasManyPictures = true
    var options = given
    if options.address.port == ServerAddress().port { options.address.port = 0 }
    let server = try ModelServer(
      ServedModel.open(models.make(folder), options: opening),
      samples: samples,
      options: options
    ) { _ in }
    let (ports, ready) = AsyncStream<Int>.makeStream()
    let serving = Task {
      defer { ready.finish() }
      try await server.run { ready.yield($0) }
    }
    var iterator = ports.makeAsyncIterator()
    guard let port = await iterator.next() else {
      try await serving.value
      throw WireError.closed
    }
    let running = TestServer(port: port, server: server, serving: serving)
    do {
      let result = try await body(running)
      serving.cancel()
      try await serving.value
      return result
    } catch {
      serving.cancel()
      _ = try? await serving.value
      throw error
    }
  }

  /// One request on a connection of its own.
  func ask(
    _ method: String,
    _ target: String,
    _ headers: [String: String] = [:],
    body: [UInt8] = []
  ) async throws -> WireAnswer {
    let port = port
    return try await Wire.apart {
      let wire = try Wire(port: port)
      try wire.send(Wire.request(method, target, headers, body: body))
      return try wire.answer(isHead: method == "HEAD")
    }
  }

  func predict(
    _ query: String = "",
    _ picture: [UInt8],
    type: String = "image/png",
    _ headers: [String: String] = [:]
  ) async throws -> WireAnswer {
    try await ask(
      "POST",
      "/predict" + query,
      headers.merging(["Content-Type": type]) { $1 },
      body: picture
    )
  }

  /// Waits for what other threads bring about.
  func wait(until condition: @escaping (ServerState) -> Bool) async {
    while !condition(server.state) { await Task.yield() }
  }

  /// Keeps all threads of the server busy until the end of `body`.
  func whileBusy<Result>(_ body: (_ release: () -> Void) async throws -> Result) async throws
    -> Result
  {
    let pool = server.state.pool
    let gate = DispatchSemaphore(value: 0)
    let blocking = (0..<pool.threadCount).map { _ in
      Task { try await pool.run { _ in gate.wait() } }
    }
    await wait { $0.pool.load.running == $0.pool.threadCount }
    var isReleased = false
    func release() {
      guard !isReleased else { return }
      isReleased = true
      for _ in blocking { gate.signal() }
    }
    defer { release() }
    let result = try await body(release)
    release()
    for task in blocking { _ = try await task.value }
    return result
  }

  /// 255 red and 51 green: `left` is sure, `right` is below the detector's threshold.
  static let picture = try? ImageFile.png(TestModels.plain(255, 51, 0))
}

/// The files of models, made when their folder is there.
struct TestModelFiles {
  var make: (TemporaryFolder) throws -> [[URL]]
}

/// The usual options, changed.
func changed(_ change: (inout ServerOptions) -> Void) -> ServerOptions {
  var options = ServerOptions()
  change(&options)
  return options
}

/// A form with one file.
func form(
  _ content: [UInt8],
  name: String = "a.png",
  type: String? = "image/png",
  boundary: String = "XyZ"
) -> [UInt8] {
  var head =
    "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(name)\"\r\n"
  if let type { head += "Content-Type: \(type)\r\n" }
  return Array((head + "\r\n").utf8) + content + Array("\r\n--\(boundary)--\r\n".utf8)
}
