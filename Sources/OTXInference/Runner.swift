import Foundation
import OTXCore
import OTXImage

/// Looks at everything that a user asked for: what `otx-run` and `otx demo` do.
package struct Runner {
  package var options: RunOptions
  /// Gets what is worth telling people, line by line.
  package var log: @Sendable (String) -> Void
  /// Gets each result, in order.
  package var onResult: (FrameResult) throws -> Void
  /// Gets what could not be read, in order with the results.
  package var onDamage: (SourceEvent) throws -> Void
  /// Whether to stop after the picture that is under way.
  package var isStopped: @Sendable () -> Bool = { false }
  package var searchPath = ProcessInfo.processInfo.environment["PATH"] ?? ""

  package init(
    _ options: RunOptions,
    log: @escaping @Sendable (String) -> Void,
    onDamage: @escaping (SourceEvent) throws -> Void = { _ in },
    onResult: @escaping (FrameResult) throws -> Void
  ) {
    (self.options, self.log) = (options, log)
    (self.onResult, self.onDamage) = (onResult, onDamage)
  }

  /// What travels from the thread that reads to the one that computes.
  private struct Item: Sendable {
    var event: SourceEvent
    var picture: PreparedPicture?
    var start: ContinuousClock.Instant
    var frameRate: Double?
  }

  /// - Throws: ``InferenceError``, ``ModelError``, ``OpenVINOError``, what writing results throws.
  ///   What cannot be read is no error here: it is handed out and counted.
  package func run() throws -> RunSummary {
    let begin = ContinuousClock.now
    let pipeline = try makePipeline()
    let source = InputSequence(options.inputs, loops: options.loops, searchPath: searchPath)
    let target = try options.output.map { try PictureTarget($0, searchPath: searchPath) }
    let painter = FramePainter(colors: pipeline.models[0].colors, fit: options.fit)
    var performance = Performance(log: options.showsPerformance ? log : nil)
    var summary = RunSummary()
    let start = ContinuousClock.now

    try pull(source, pipeline) { item, findings in
      guard case .frame(let frame) = item.event, let findings else {
        if case .damaged(let origin, let reason) = item.event {
          summary.damaged.append("\(origin.place): \(reason)")
        }
        return try onDamage(item.event)
      }
      let result = FrameResult(
        frame: frame,
        findings: findings,
        seconds: item.start.secondsUntilNow
      )
      if summary.frameCount == 0 { summary.secondsToFirst = begin.secondsUntilNow }
      summary.frameCount += 1
      performance.add(result.seconds)
      try onResult(result)
      if let target {
        let note = options.showsPerformance ? performance.text : nil
        try target.add(
          painter.paint(result, note: note),
          of: frame.origin,
          frameRate: item.frameRate
        )
      }
      pause()
    }
    try target?.finish()
    summary.seconds = start.secondsUntilNow
    summary.latencies = performance.latencies
    summary.files = target?.files ?? []
    return summary
  }

  private func makePipeline() throws -> InferencePipeline {
    var modelOptions = DeployedModel.Options()
    modelOptions.device = options.device
    modelOptions.precision = options.precision
    modelOptions.threads = options.threads
    modelOptions.confidenceThreshold = options.confidenceThreshold
    modelOptions.hasManyPictures = options.effectiveMode == .async
    let pipeline = try InferencePipeline(
      options.models.map { try DeployedModel(reading: $0, options: modelOptions) }
    )
    for model in pipeline.models {
      log(
        "\(model.info.model) for \(model.info.task.kind.title), \(model.info.labels.count) labels, "
          + "on \(options.device == "auto" ? "cpu" : options.device) in \(model.arithmetic), "
          + "\(options.effectiveMode.rawValue)"
      )
    }
    return pipeline
  }

  /// Pulls pictures through the models, in the mode that is asked for.
  private func pull(
    _ source: InputSequence,
    _ pipeline: InferencePipeline,
    _ receive: (Item, PictureFindings?) throws -> Void
  ) throws {
    var taken = 0
    func take(_ make: () throws -> Item?) throws -> (item: Item, picture: PreparedPicture?)? {
      guard !isStopped(), taken < options.frameLimit ?? .max, let item = try make() else {
        return nil
      }
      if item.picture != nil { taken += 1 }
      return (item, item.picture)
    }
    // Values of the model, not the model itself, which belongs to one thread.
    let info = pipeline.models[0].info
    let read: @Sendable () throws -> Item? = {
      guard let event = try source.next() else { return nil }
      let start = ContinuousClock.now
      var item = Item(event: event, start: start, frameRate: source.frameRate)
      guard case .frame(let frame) = event else { return item }
      item.picture = try PreparedPicture(frame.image, name: frame.origin.place, info: info)
      return item
    }
    if options.effectiveMode == .sync {
      while let (item, _) = try take(read) {
        guard case .frame(let frame) = item.event else {
          try receive(item, nil)
          continue
        }
        try receive(item, pipeline.findings(in: frame.image, name: frame.origin.place))
      }
      return
    }
    let ahead = try ReadAhead(capacity: source.isLive ? 1 : 4, read)
    defer { ahead.stop() }
    try pipeline.run {
      try take(ahead.next)
    } image: { item in
      if case .frame(let frame) = item.event { frame.image } else { .empty }
    } name: {
      $0.event.origin.place
    } _: {
      try receive($0, $1)
    }
  }

  private func pause() {
    if options.delay > 0 { usleep(UInt32(min(options.delay, 1 << 20)) * 1000) }
    if options.delay < 0 { _ = readLine() }
  }
}

/// How fast it goes.
private struct Performance {
  let log: (@Sendable (String) -> Void)?
  private(set) var latencies: [Double] = []
  /// When the last results were there; enough for the rate of a second or two.
  private var times: [ContinuousClock.Instant] = []
  private var lastLine = ContinuousClock.now
  private static let keptCount = 10_000

  init(log: (@Sendable (String) -> Void)?) { self.log = log }

  mutating func add(_ seconds: Double) {
    let now = ContinuousClock.now
    if latencies.count == Performance.keptCount { latencies.removeFirst(Performance.keptCount / 2) }
    latencies.append(seconds)
    if times.count == 64 { times.removeFirst(32) }
    times.append(now)
    if let log, now - lastLine > .seconds(1) {
      lastLine = now
      log(text)
    }
  }

  /// For people: `12.3 ms, 81.0 frames/s`.
  var text: String {
    let latency = latencies.suffix(16).reduce(0, +) / Double(max(min(latencies.count, 16), 1))
    guard let first = times.first, let last = times.last, times.count > 1 else {
      return String(format: "%.1f ms", latency * 1e3)
    }
    let seconds = (last - first).seconds
    let rate = seconds > 0 ? Double(times.count - 1) / seconds : 0
    return String(format: "%.1f ms, %.1f frames/s", latency * 1e3, rate)
  }
}

extension ContinuousClock.Instant {
  fileprivate var secondsUntilNow: Double { (ContinuousClock.now - self).seconds }
}

extension Duration {
  fileprivate var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
