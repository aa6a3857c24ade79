public import Foundation
public import OTXCore

/// Writes a run's `train.log` and `metrics.csv`.
///
/// Lines are appended as things happen, so what was logged survives whatever ends the program. When
/// a run goes on, the log grows, and rows of validations that come again are taken out of the table.
///
/// `metrics.csv` has one row a validation: `epoch`, `iteration`, `lr`; `train/<loss>`, each loss of the
/// last step, and `train/loss`, their sum; `val/<score>`, each score of the validation subset (`nan`:
/// not defined). It holds nothing of the clock, so that a run that is repeated, or goes on, leaves the
/// same bytes; times, rates and memory of each step are in TensorBoard's events.
public final class RunLog: TrainingObserver, @unchecked Sendable {
  // Guarded by `lock`, hence the unchecked conformance.
  private let lock = NSLock()
  private let log: AppendedFile
  private let table: URL
  private var metrics: AppendedFile?
  /// The table's columns, once they are known.
  private var columns: [String]?
  private var lastStep: TrainingStep?
  private let now: @Sendable () -> Date

  /// - Parameters:
  ///   - directory: The run's folder.
  ///   - isResumed: Whether the run goes on, with a log and perhaps a table in the folder.
  ///   - now: The clock that stamps the lines.
  /// - Throws: ``FileError/cannotWrite(_:reason:)`` when a file cannot be made.
  public init(
    in directory: URL,
    isResumed: Bool = false,
    now: @escaping @Sendable () -> Date = { Date() }
  ) throws {
    log = try AppendedFile(directory.appending(path: "train.log"), truncates: !isResumed)
    table = directory.appending(path: "metrics.csv")
    metrics = isResumed ? nil : try AppendedFile(table, truncates: true)
    self.now = now
  }

  public func observe(_ event: TrainingEvent) {
    lock.lock()
    defer { lock.unlock() }
    if case .step(let step) = event { lastStep = step }
    if case .resumed(let step, let count) = event {
      lastStep = step
      keepRows(count)
    }
    if let line = event.logLine { log.append("\(stamp()) | \(line)\n") }
    if case .validated(let epoch, let report, _) = event { record(epoch: epoch, report) }
  }

  /// Cuts the table down to its first `count` rows.
  private func keepRows(_ count: Int) {
    let text = (try? String(contentsOf: table, encoding: .utf8)) ?? ""
    // Whatever follows the last line's end is a row that was not finished.
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    let kept = lines.prefix(count == 0 ? 0 : count + 1)
    columns = kept.first.map { $0.split(separator: ",").map(String.init) }
    let rest = kept.map { $0 + "\n" }.joined()
    if rest != text { try? AtomicFile.write(rest, to: table) }
  }

  /// One row a validation: epoch, iteration, learning rate, losses of the last step, scores.
  private func record(epoch: Int, _ report: MetricReport) {
    var values: [String: Double] = ["lr": lastStep?.learningRate ?? 0]
    let losses = (lastStep?.losses ?? []).map { ("train/\($0.name)", $0.value) }
    let scores = report.values.sorted { $0.key < $1.key }.map { ("val/\($0.key)", $0.value) }
    for (name, value) in losses + scores { values[name] = value }
    let file = openTable()
    if columns == nil {
      let names = ["epoch", "iteration", "lr"] + losses.map(\.0) + scores.map(\.0)
      columns = names
      file?.append(names.joined(separator: ",") + "\n")
    }
    let numbers = (columns ?? []).dropFirst(2).map { "\(values[$0] ?? .nan)" }
    let row = ["\(epoch)", "\(lastStep?.iteration ?? 0)"] + numbers
    file?.append(row.joined(separator: ",") + "\n")
    file?.synchronize()
  }

  /// The table, opened late where a run goes on: a run that starts again without having been
  /// resumed has none to keep.
  private func openTable() -> AppendedFile? {
    if metrics == nil { metrics = try? AppendedFile(table, truncates: columns == nil) }
    return metrics
  }

  private func stamp() -> String {
    now().formatted(.iso8601.dateSeparator(.dash).timeSeparator(.colon))
  }
}

extension TrainingEvent {
  /// The event as a line of a log; `nil` for what is not worth one.
  public var logLine: String? {
    switch self {
    case .message(let text), .detail(let text): return text
    case .warning(let text): return "WARNING: \(text)"
    case .weights(let table): return "Initial weights:\n\(table.rendered())"
    case .started(let epochs, let steps, let precision):
      return "Training for \(epochs) epochs of \(steps) steps in \(precision.rawValue)"
    case .resumed(let step, _):
      return "Going on in epoch \(step.epoch) after step \(step.step) of \(step.stepCount)"
    case .step(let step): return step.logLine
    case .preparing, .validating: return nil
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
