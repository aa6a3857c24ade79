package import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import OTXCore
import OTXImage
package import OTXInference
import ServiceLifecycle
import Synchronization

/// A picture that the page offers.
package struct SamplePicture: Sendable, Equatable {
  /// The file's name, without the folders that it lies in.
  package var name: String
  package var url: URL

  /// The pictures among what a user named.
  ///
  /// Videos, cameras and streams are left out: a browser brings its own.
  package static func pictures(of items: [InputItem]) -> [SamplePicture] {
    items.compactMap { item in
      guard case .picture(let url, _) = item else { return nil }
      return SamplePicture(name: url.lastPathComponent, url: url)
    }
  }
}

/// What all requests share.
final class ServerState: Sendable {
  let models: [ServedModel]
  let samples: [SamplePicture]
  let options: ServerOptions
  let pool: WorkerPool<PictureWorker>
  let budget: UploadBudget
  let limiter: RateLimiter
  let connections: ConnectionTable
  let metrics = ServerMetrics()
  let content: ServerContent
  let log: @Sendable (String) -> Void

  init(
    _ models: [ServedModel],
    samples: [SamplePicture],
    options: ServerOptions,
    log: @escaping @Sendable (String) -> Void
  ) throws {
    (self.models, self.options, self.log) = (models, options, log)
    self.samples = Array(samples.prefix(1000))
    let limits = options.limits
    let best = models.map { $0.pipeline.models[0].bestRequestCount }.max() ?? 1
    let cores = Processor.current.coreCount
    // While some threads wait for the device, another decodes.
    let workers = (0...max(best, cores)).map { _ in
      PictureWorker(pipelines: models.map { InferencePipeline(sharing: $0.pipeline) })
    }
    for worker in workers {
      for pipeline in worker.pipelines {
        let size = pipeline.models[0].info.preprocessing.inputSize
        _ = try pipeline.findings(in: Image(size: size), name: "nothing")
      }
    }
    pool = try WorkerPool(workers, waitingLimit: limits.waitingCount)
    budget = UploadBudget(max(limits.heldByteCount, limits.uploadByteCount))
    limiter = RateLimiter(rate: options.rate)
    connections = ConnectionTable(limit: limits.connectionCount)
    content = try ServerContent(
      ServerDescription(
        version: OTXVersion.current,
        models: models.map(\.description),
        samples: self.samples.enumerated().map { .init(name: $1.name, path: "samples/\($0)") },
        limits: .init(
          uploadByteCount: limits.uploadByteCount,
          pixelCount: limits.pixelCount,
          requestsPerSecond: options.rate
        )
      )
    )
  }
}

/// Serves models over HTTP: a page for people and an interface for programs.
package struct ModelServer: Sendable {
  let state: ServerState

  /// - Parameters:
  ///   - models: What can be asked; the first answers where a request names none.
  ///   - samples: Pictures that the page offers.
  ///   - options: Where to listen, and what to refuse.
  ///   - log: Gets what is worth telling people.
  /// - Throws: What a first picture, which nobody sees, makes the models throw;
  ///   ``InferenceError/usage(_:)`` without models.
  package init(
    _ models: [ServedModel],
    samples: [SamplePicture] = [],
    options: ServerOptions = ServerOptions(),
    log: @escaping @Sendable (String) -> Void
  ) throws {
    guard !models.isEmpty else { throw InferenceError.usage("there is no model to serve") }
    state = try ServerState(models, samples: samples, options: options, log: log)
  }

  /// Serves until the task is cancelled; requests that are under way then are answered first.
  ///
  /// - Parameter onReady: Gets the port, once the server listens.
  /// - Throws: ``InferenceError/failed(_:)`` where it cannot listen.
  package func run(onReady: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
    let logger = Logger(label: "otx.server") { _ in SwiftLogNoOpLogHandler() }
    var configuration = ServiceGroupConfiguration(
      services: [application(logger, onReady)],
      logger: logger
    )
    configuration.maximumGracefulShutdownDuration = .seconds(state.options.limits.stopSeconds)
    let group = ServiceGroup(configuration: configuration)
    let serving = Task { try await group.run() }
    defer { state.pool.stop() }
    do {
      try await withTaskCancellationHandler {
        try await serving.value
      } onCancel: {
        Task { await group.triggerGracefulShutdown() }
      }
    } catch {
      throw explained(error)
    }
  }

  private func application(
    _ logger: Logger,
    _ onReady: @escaping @Sendable (Int) -> Void
  ) -> Application<Responder> {
    let (options, state) = (state.options, state)
    let limits = options.limits
    let guarding: @Sendable () -> [any RemovableChannelHandler] = {
      [
        ConnectionGuard(limits: limits, table: state.connections) {
          state.metrics.begin()
          state.metrics.end(path: "other", status: 408, seconds: 0, code: .tooSlow)
        }
      ]
    }
    var decoding = HTTP1Channel.Configuration.DecoderConfiguration()
    decoding.maxHeaderFieldSize = limits.headerByteCount
    decoding.maxHeaderListSize = limits.headerByteCount
    decoding.maxHeaderFieldCount = 100
    return Application(
      responder: Responder(state: state),
      server: .http1(
        configuration: .init(
          additionalChannelHandlers: guarding(),
          httpDecoderConfiguration: decoding
        )
      ),
      configuration: ApplicationConfiguration(
        address: .hostname(options.address.host, port: options.address.port),
        backlog: 1024
      ),
      onServerRunning: { channel in
        onReady(channel.localAddress?.port ?? options.address.port)
      },
      logger: logger
    )
  }

  /// Why a server cannot listen, for people.
  private func explained(_ error: any Error) -> any Error {
    let address = state.options.address
    let place = "\(address.host):\(address.port)"
    switch error {
    case let error as IOError:
      switch error.errnoCode {
      case EADDRINUSE:
        return InferenceError.failed(
          "port \(address.port) is in use: another program listens on \(place); name another port"
        )
      case EACCES:
        return InferenceError.failed(
          "this user may not listen on \(place); take a port from 1024 on"
        )
      case EADDRNOTAVAIL:
        return InferenceError.failed("this machine has no address '\(address.host)'")
      default:
        return InferenceError.failed(
          "cannot listen on \(place): \(String(cString: strerror(error.errnoCode)))"
        )
      }
    case is SocketAddressError:
      return InferenceError.failed("the host '\(address.host)' is not known")
    default: return error
    }
  }
}
