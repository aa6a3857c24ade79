import HTTPTypes
import NIOCore
import NIOHTTPTypes
import OTXCore
import OTXInference

/// Watches one connection: cuts off clients that are slow, and closes after answers that say so.
///
/// Stands between the decoder and the server; runs on the connection's event loop.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let limits: ServerLimits
  private let table: ConnectionTable
  private let onSlow: @Sendable () -> Void
  private var isKnown = false
  /// Requests whose header came, those that came whole, and answers that were begun and ended.
  private var heads = 0
  private var ends = 0
  private var begun = 0
  private var answered = 0
  private var bodyByteCount = 0
  private var bodyStart = NIODeadline.now()
  private var closesAfterAnswer = false
  private var timer: Scheduled<Void>?

  /// How long a client may go on sending after an answer that closes the connection: were it closed at
  /// once, the client would not see the answer.
  private static let lingerSeconds = 2.0

  init(limits: ServerLimits, table: ConnectionTable, onSlow: @escaping @Sendable () -> Void) {
    (self.limits, self.table, self.onSlow) = (limits, table, onSlow)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { end(context) }

  func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    end(context)
    context.fireChannelInactive()
  }

  private func begin(_ context: ChannelHandlerContext) {
    guard !isKnown else { return }
    isKnown = true
    guard table.add(context.channel) else {
      context.close(promise: nil)
      return
    }
    schedule(limits.headerSeconds, context)
  }

  private func end(_ context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
    if isKnown { table.remove(context.channel) }
  }

  private func schedule(_ seconds: Double, _ context: ChannelHandlerContext) {
    timer?.cancel()
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) {
      let (guardian, context) = bound.value
      guardian.timedOut(context)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      heads += 1
      (bodyByteCount, bodyStart) = (0, .now())
      table.set(.sending, of: context.channel)
      schedule(limits.bodySeconds, context)
      invite(head, context)
    case .body(let buffer): bodyByteCount += buffer.readableBytes
    case .end:
      ends += 1
      table.set(.asking, of: context.channel)
      timer?.cancel()
      if closesAfterAnswer, answered == heads {
        context.close(promise: nil)
      } else if answered == heads {
        wait(context)
      }
    }
    context.fireChannelRead(data)
  }

  /// Tells a client that asks first whether to send a body to do so, unless it is too large.
  private func invite(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
    guard head.headerFields[.expect]?.lowercased() == "100-continue", answered == heads - 1 else {
      return
    }
    let length = head.headerFields[.contentLength].flatMap { Int($0) } ?? 0
    guard length <= limits.uploadByteCount else { return }
    context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head):
      if head.status.kind != .informational { begun += 1 }
      if head.headerFields[.connection]?.lowercased() == "close" { closesAfterAnswer = true }
    case .body: break
    case .end:
      let written = promise ?? context.eventLoop.makePromise(of: Void.self)
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      // Not before all of it went out: closing drops what is still to be written.
      written.futureResult.whenComplete { _ in
        let (guardian, context) = bound.value
        guardian.answeredOne(context)
      }
      context.writeAndFlush(data, promise: written)
      return
    }
    context.write(data, promise: promise)
  }

  private func answeredOne(_ context: ChannelHandlerContext) {
    answered += 1
    guard context.channel.isActive else { return }
    guard closesAfterAnswer else {
      if ends == heads, answered == heads { wait(context) }
      return
    }
    if ends == heads {
      context.close(promise: nil)
    } else {
      schedule(ConnectionGuard.lingerSeconds, context)
    }
  }

  /// Nothing is asked; the next request may come.
  private func wait(_ context: ChannelHandlerContext) {
    table.set(.waiting, of: context.channel)
    schedule(limits.idleSeconds, context)
  }

  private func timedOut(_ context: ChannelHandlerContext) {
    guard ends < heads, !(closesAfterAnswer && answered == heads) else {
      // No header came, or it does not stop sending after its answer.
      if heads == 0 { onSlow() }
      context.close(promise: nil)
      return
    }
    // A large body on a slow line may take its time, as long as it comes.
    let allowed = limits.bodySeconds + Double(bodyByteCount) / Double(limits.bodyByteRate)
    let taken = Double((NIODeadline.now() - bodyStart).nanoseconds) * 1e-9
    guard taken >= allowed - 0.001 else { return schedule(allowed - taken, context) }
    onSlow()
    if begun < heads {
      let problem = Problem(
        .requestTimeout,
        .tooSlow,
        "the request took more than \(Int(taken)) s to come",
        closes: true
      )
      let body = context.channel.allocator.buffer(bytes: problem.json)
      var fields = problem.fields
      fields[.contentLength] = "\(body.readableBytes)"
      context.write(
        wrapOutboundOut(.head(HTTPResponse(status: problem.status, headerFields: fields))),
        promise: nil
      )
      context.write(wrapOutboundOut(.body(body)), promise: nil)
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
    context.close(promise: nil)
  }
}
