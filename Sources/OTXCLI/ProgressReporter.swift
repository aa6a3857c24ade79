import Foundation
import OTX
import OTXCore

/// Tells people on standard error what happens: a live bar on a terminal, otherwise a plain line
/// now and then.
final class ProgressReporter: TrainingObserver, @unchecked Sendable {
  // Guarded by `lock`, hence the unchecked conformance.
  private let lock = NSLock()
  private let console: Console
  private let level: LogLevel
  private let now: @Sendable () -> Date
  private var barIsShown = false
  private var lastLine = Date.distantPast
  private var rate = 0.0
  private var lastReport: MetricReport?
  private var pace: Pace?
  private var lastDone = 0

  /// Seconds between plain lines, and between drawings of the bar.
  private static let lineInterval = 10.0
  private static let barInterval = 0.1

  /// - Parameters:
  ///   - console: Where to tell it.
  ///   - level: The least important lines to tell.
  ///   - now: The clock.
  init(console: Console, level: LogLevel, now: @escaping @Sendable () -> Date = { Date() }) {
    self.console = console
    self.level = level
    self.now = now
  }

  func observe(_ event: TrainingEvent) {
    lock.withLock {
      switch event {
      case .message(let text): write(text, .info)
      case .warning(let text): write(text, .warning)
      case .detail(let text): write(text, .debug)
      case .weights(let table):
        // What was not taken; all of it stands in the log and beside it.
        for line in table.differences(rowCount: 8) { write(line, .info) }
      case .step(let step): tell(step)
      case .preparing(let what, let done, let count):
        tell(done, of: count, what: "images", line: "Computed \(what) of")
      case .validating(let done, let count): tellValidation(done, of: count)
      case .validated(_, let report, _):
        lastReport = report
        write(event.logLine ?? "", .info)
      default: if let line = event.logLine { write(line, .info) }
      }
    }
  }

  /// One line at the level of ordinary news.
  func log(_ text: String) { lock.withLock { write(text, .info) } }

  /// Takes the bar away.
  func end() { lock.withLock { clearBar() } }

  /// What stands at the end of a training's log: scores by label, threshold, performance.
  func report(_ result: TrainingResult) {
    lock.withLock {
      guard level <= .info else { return }
      if !result.best.perClass.isEmpty {
        clearBar()
        console.errors("\n" + result.best.titledTable(width: console.errorWidth) + "\n\n")
      }
      if let threshold = result.info.confidenceThreshold {
        write("Adjusting the confidence threshold", .info)
        write("Setting confidence threshold to \(threshold) based on results", .info)
      }
      write(
        "Final model performance: Performance(score: \(result.performance), "
          + "dashboard: (\(result.best.values.count) metric groups))",
        .info
      )
    }
  }

  private func tell(_ step: TrainingStep) {
    pace = nil
    let fresh = step.time > 0 ? Double(step.imageCount) / step.time : 0
    rate = rate == 0 ? fresh : 0.9 * rate + 0.1 * fresh
    let isLast = step.step == step.stepCount
    if level <= .debug {
      write(step.logLine, .debug)
    } else if let width = console.errorWidth {
      guard level <= .info, due(ProgressReporter.barInterval) || isLast else { return }
      draw(bar(step), width: width)
    } else if due(ProgressReporter.lineInterval) || step.iteration == 1 {
      write(step.logLine, .info)
      lastLine = now()
    }
  }

  private func bar(_ step: TrainingStep) -> ProgressBar {
    let done = Double(step.iteration) / Double(max(step.epochCount * step.stepCount, 1))
    let loss = step.losses.first { $0.name == "loss" }?.value ?? 0
    let epoch = "\(step.epoch)/\(step.epochCount) \(step.step)/\(step.stepCount)"
    let speed = String(format: "%.1f", rate)
    let eta = TrainingStep.clockTime(step.eta)
    return ProgressBar(
      texts: [
        "Epoch \(epoch)  \(String(format: "loss %.4f", loss))  \(speed) images/s  ETA \(eta)",
        "Epoch \(epoch)  \(speed) images/s  ETA \(eta)",
        "\(epoch)  \(speed)/s  ETA \(eta)", "\(speed)/s  ETA \(eta)", eta,
      ],
      done: done
    )
  }

  /// How far something is that has words of its own: a bar on a terminal, otherwise `line` now and then.
  func show(_ bar: ProgressBar, line: String) {
    lock.withLock {
      guard level <= .info else { return }
      if let width = console.errorWidth {
        if due(ProgressReporter.barInterval) { draw(bar, width: width) }
      } else if due(ProgressReporter.lineInterval) {
        write(line, .info)
      }
    }
  }

  /// How much of some long work is done; called on any thread, in no order.
  func progress(_ what: String, _ done: Int, of count: Int) {
    lock.withLock {
      // Threads overtake each other: what is shown only grows.
      if pace == nil || lastDone >= count {
        (pace, lastDone) = (nil, 0)
        // What is done at once needs no line.
        if console.errorWidth == nil { lastLine = now() }
      }
      guard done > lastDone || done == count else { return }
      tell(done, of: count, what: what, line: "\(what):")
    }
  }

  private func tellValidation(_ done: Int, of count: Int) {
    tell(done, of: count, what: "images", line: "Evaluated")
  }

  private func tell(_ done: Int, of count: Int, what: String, line: String) {
    let time = now().timeIntervalSinceReferenceDate
    if pace == nil || done < lastDone { pace = Pace(done: 0, at: time) }
    lastDone = done
    guard level <= .info else { return }
    var texts = ["\(done)/\(count)"]
    if let rate = pace?.rate(done: done, at: time) {
      let speed = String(format: "%.1f", rate)
      let eta = TrainingStep.clockTime(Double(count - done) / rate)
      texts =
        [
          "\(done)/\(count) \(what)  \(speed) \(what)/s  ETA \(eta)",
          "\(done)/\(count)  \(speed)/s  ETA \(eta)", "\(speed)/s  ETA \(eta)",
        ] + texts
    }
    if level > .trace, let width = console.errorWidth {
      guard due(ProgressReporter.barInterval) || done == count else { return }
      let share = Double(done) / Double(max(count, 1))
      draw(ProgressBar(texts: texts, done: share), width: width)
    } else if level == .trace || due(ProgressReporter.lineInterval) {
      write("\(line) \(texts[0])", level == .trace ? .trace : .info)
    }
  }

  /// Whether so many seconds have passed; also where the clock was set back.
  private func due(_ interval: Double) -> Bool {
    let time = now()
    guard abs(time.timeIntervalSince(lastLine)) >= interval else { return false }
    lastLine = time
    return true
  }

  /// Draws one line over the one before.
  private func draw(_ bar: ProgressBar, width: Int) {
    console.errors("\r\u{1B}[K" + bar.line(width: width))
    barIsShown = true
  }

  private func clearBar() {
    if barIsShown { console.errors("\r\u{1B}[K") }
    barIsShown = false
  }

  private func write(_ text: String, _ importance: LogLevel) {
    guard importance >= level else { return }
    clearBar()
    console.errors("\(LogStamp.text(now())) | \(importance.rawValue) : \(text)\n")
  }
}

/// The time as it stands at the beginning of log lines: `2026-11-21 08:36:15,123`.
enum LogStamp {
  static func text(_ date: Date) -> String {
    let interval = date.timeIntervalSince1970
    var seconds = time_t(interval)
    var parts = tm()
    localtime_r(&seconds, &parts)
    let milliseconds = Int((interval - interval.rounded(.down)) * 1000)
    return String(
      format: "%04d-%02d-%02d %02d:%02d:%02d,%03d",
      Int(parts.tm_year) + 1900,
      Int(parts.tm_mon) + 1,
      Int(parts.tm_mday),
      Int(parts.tm_hour),
      Int(parts.tm_min),
      Int(parts.tm_sec),
      milliseconds
    )
  }
}
