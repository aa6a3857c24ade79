import Foundation
import OTX
import OTXCore

extension ProgressReporter {
  /// Tells what happens during a search: lines, and a live one with trials, rungs, best score and ETA.
  func follow(_ event: SearchEvent) {
    switch event {
    case .progress(let progress): show(progress.bar, line: progress.line)
    case .warning(let text): observe(TrainingEvent.warning(text))
    case .failed: observe(TrainingEvent.warning(event.logLine ?? ""))
    case .message, .finished: if let line = event.logLine { log(line) }
    }
  }
}

extension SearchProgress {
  fileprivate var line: String { "Search: \(texts[0])" }

  fileprivate var bar: ProgressBar {
    ProgressBar(texts: texts, done: epochCount.isFinite ? epochs / max(epochCount, 1) : 0)
  }

  /// The same with fewer and fewer words.
  private var texts: [String] {
    let best = best.map { String(format: "best %.4f", $0) } ?? ""
    let eta = eta.map { "ETA " + TrainingStep.clockTime($0) } ?? ""
    let all = epochCount.isFinite ? "/\(Int(epochCount.rounded()))" : ""
    func counted(_ count: Int, _ noun: String) -> String {
      "\(count) \(noun)\(count == 1 ? "" : "s")"
    }
    let trials = counted(trialCount, "trial")
    let counts = trials + "  " + counted(rungCount, "rung")
    func joined(_ words: String...) -> String {
      words.filter { !$0.isEmpty }.joined(separator: "  ")
    }
    return [
      joined(counts, "epoch \(Int(epochs))\(all)", best, eta), joined(counts, best, eta),
      joined(trials, best, eta), joined(best, eta), eta,
    ]
  }
}
