public import Foundation
public import OTXCore

/// Writes a run's `train.log` and `metrics.csv`.
///
/// Lines are appended as things happen, so what was logged survives whatever ends the program.
public final class RunLog: TrainingObserver, @unchecked Sendable {
  // Guarded by `lock`, hence the unchecked conformance.
  private let lock = NSLock()
  private let log: FileHandle
  private let metrics: FileHandle
  private var metricNames: [String]?
  private var lastStep: TrainingStep?
  private let now: @Sendable () -> Date

  /// - Parameters:
  ///   - directory: The run's folder.
  ///   - now: The clock that stamps the lines.
  /// - Throws: ``ConfigurationError/invalid(_:)`` when a file cannot be made.
  public init(in directory: URL, now: @escaping @Sendable () -> Date = { Date() }) throws {
    log = try RunLog.open(directory.appending(path: "train.log"))
    metrics = try RunLog.open(directory.appending(path: "metrics.csv"))
    self.now = now
  }

  public func observe(_ event: TrainingEvent) {
    lock.lock()
    defer { lock.unlock() }
    if case .step(let step) = event { lastStep = step }
    if let line = event.logLine { write("\(stamp()) | \(line)\n", to: log) }
    if case .validated(let epoch, let report, _) = event { record(epoch: epoch, report) }
  }

  /// One row a validation: epoch, iteration, learning rate, losses of the last step, scores.
  private func record(epoch: Int, _ report: MetricReport) {
    let losses = lastStep?.losses ?? []
    let names = report.values.keys.sorted()
    if metricNames == nil {
      metricNames = names
      let header =
        ["epoch", "iteration", "lr"] + losses.map { "train/\($0.name)" } + names.map { "val/\($0)" }
      write(header.joined(separator: ",") + "\n", to: metrics)
    }
    let numbers =
      [lastStep?.learningRate ?? 0] + losses.map(\.value)
      + (metricNames ?? names).map { report.values[$0] ?? .nan }
    let row = ["\(epoch)", "\(lastStep?.iteration ?? 0)"] + numbers.map { "\($0)" }
    write(row.joined(separator: ",") + "\n", to: metrics)
  }

  /// A log that cannot be written must not end the training it describes.
  private func write(_ text: String, to file: FileHandle) {
    try? file.write(contentsOf: Data(text.utf8))
  }

  private func stamp() -> String {
    now().formatted(.iso8601.dateSeparator(.dash).timeSeparator(.colon))
  }

  private static func open(_ url: URL) throws -> FileHandle {
    guard FileManager.default.createFile(atPath: url.path, contents: nil),
      let handle = FileHandle(forWritingAtPath: url.path)
    else { throw ConfigurationError.invalid("cannot write \(url.path)") }
    return handle
  }
}

extension TrainingEvent {
  /// The event as a line of a log; `nil` for what is not worth one.
  public var logLine: String? {
    switch self {
    case .message(let text): return text
    case .warning(let text): return "WARNING: \(text)"
    case .weights(let table): return "Initial weights:\n\(table.rendered())"
    case .started(let epochs, let steps, let precision):
      return "Training for \(epochs) epochs of \(steps) steps in \(precision.rawValue)"
    case .step(let step): return step.logLine
    case .validating: return nil
    case .validated(let epoch, let report, let isBest):
      let scores = report.values.sorted { $0.key < $1.key }
        .map { "\($0.key): \(String(format: "%.4f", $0.value))" }
      return
        "Epoch [\(epoch)] validation\(isBest ? " (best so far)" : "") \(scores.joined(separator: ", "))"
    case .finished(let result):
      return
        "Trained \(result.epochs) epochs (\(result.stopReason)); best \(result.best.primary) \(String(format: "%.4f", result.best.primaryValue)) in epoch \(result.bestEpoch); \(String(format: "%.1f", result.imagesPerSecond)) images/s"
    }
  }
}

extension TrainingStep {
  /// The step as a log's line: `Epoch [1][1/32] lr: 1.333e-03, eta: 0:12:30, time: 0.402`.
  public var logLine: String {
    let figures =
      [
        ("lr", String(format: "%.3e", learningRate)),
        ("eta", TrainingStep.clockTime(eta)),
        ("time", String(format: "%.3f", time)),
        ("data_time", String(format: "%.3f", dataTime)),
        ("memory", "\(memoryBytes >> 20)"),
        ("current_iters", "\(iteration - 1)"),
      ] + losses.map { ($0.name, String(format: "%.4f", $0.value)) }
      + [("grad_norm", String(format: "%.4f", gradientNorm))]
    return "Epoch [\(epoch)][\(step)/\(stepCount)] "
      + figures.map { "\($0.0): \($0.1)" }.joined(separator: ", ")
  }

  /// `H:MM:SS`, with days in front where there are any.
  public static func clockTime(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
    let total = Int(seconds.rounded())
    let (days, rest) = total.quotientAndRemainder(dividingBy: 86400)
    let clock = String(format: "%d:%02d:%02d", rest / 3600, rest / 60 % 60, rest % 60)
    return days > 0 ? "\(days) days, \(clock)" : clock
  }
}
