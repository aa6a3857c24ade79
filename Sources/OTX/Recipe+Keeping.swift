import Foundation
import OTXCore
import OTXRecipe

extension Recipe {
  /// Writes this recipe into a run's file, unless it stands there already.
  ///
  /// A file that says the same keeps its comments: they are the reasons of what was decided when
  /// the run began, and a run that goes on decides nothing again.
  func keep(in url: URL, decisions: [Decision]) throws {
    let body = try yaml()
    let old = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
    let comments = old.split(separator: "\n").prefix { $0.hasPrefix("#") }
    let lines = comments.map { $0 + "\n" }.joined()
    if old == lines + body { return }
    let isSameRun = decisions.allSatisfy { old.contains($0.description) }
    let isNoted = !comments.isEmpty && isSameRun
    try AtomicFile.write(isNoted ? lines + body : yaml(decisions: decisions), to: url)
  }
}
