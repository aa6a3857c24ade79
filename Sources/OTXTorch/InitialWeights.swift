import Foundation
import OTXCore
import OTXNN
import OTXTensor

/// What a network starts with.
enum InitialWeights: Sendable, Equatable {
  case random
  /// Those of a checkpoint of this very model: every one has to fit.
  case all(of: URL)
  /// Those of another file that fit by name and shape; the rest is random.
  case matching(URL)

  /// What became of a network's weights.
  struct Report {
    /// A line for people.
    var event: TrainingEvent
    /// Whether nothing beyond a backbone was given, so that what depends on a head's weights, such
    /// as anchors, is still free.
    var isHeadRandom: Bool
  }

  /// What is known before any file is read.
  var report: Report {
    switch self {
    case .random: Report(event: .message("Weights: random"), isHeadRandom: true)
    case .all(let url), .matching(let url):
      Report(event: .message("Weights: those of \(url.path)"), isHeadRandom: false)
    }
  }

  /// Puts the weights into a network that was just built.
  ///
  /// - Throws: ``ModelError``.
  func load(into module: any ParameterTree, model: String) throws -> Report {
    switch self {
    case .random: return report
    case .all(let url):
      try Checkpoints.load(url, into: module)
      return report
    case .matching(let url): return try InitialWeights.match(url, module, model: model)
    }
  }

  /// Copies what fits, under the file's own names or, for a network that is the backbone of
  /// `module`, below `backbone.`.
  private static func match(
    _ url: URL,
    _ module: any ParameterTree,
    model: String
  ) throws -> Report {
    let file = try CheckpointFile.read(url)
    let shapes = Dictionary(module.stateDictionary().map { ($0.name, $0.value.shape) }) { $1 }
    func fitCount(_ prefix: String) -> Int {
      file.state.count { shapes[prefix + $0.name] == $0.value.shape }
    }
    let prefix = fitCount("backbone.") > fitCount("") ? "backbone." : ""
    let origin = file.info.map { "a checkpoint of \($0.model)" } ?? "bare weights"
    guard fitCount(prefix) > 0 else {
      throw ModelError.mismatch(
        "\(url.path): none of its \(file.state.count) weights fits \(model) by name and shape (it is \(origin), with \(list(file.state.names)); \(model) has \(list(module.stateDictionary().map(\.name))))"
      )
    }
    let renamed = try file.state.map { (name: prefix + $0.name, value: try Tensor($0.value)) }
    let report = try module.loadStateDictionary(renamed, strict: false)
    let place = prefix.isEmpty ? "" : " as the backbone"
    var parts = [
      "Weights: \(report.matched.count) of \(shapes.count) taken from \(url.path)\(place) (\(origin))"
    ]
    if !report.mismatched.isEmpty {
      let words = report.mismatched.map { "\($0.name) \($0.found), not \($0.expected)" }
      parts.append("\(words.count) of another shape stay random: \(list(words))")
    }
    if !report.missing.isEmpty {
      parts.append("\(report.missing.count) are not in the file and stay random")
    }
    if !report.unexpected.isEmpty {
      parts.append("\(report.unexpected.count) of the file's are not used")
    }
    let line = parts.joined(separator: "; ")
    return Report(
      event: 2 * report.matched.count < shapes.count ? .warning(line) : .message(line),
      isHeadRandom: report.matched.allSatisfy { $0.hasPrefix("backbone.") }
    )
  }

  /// The first few of many words.
  private static func list(_ words: [String]) -> String {
    words.prefix(3).joined(separator: ", ") + (words.count > 3 ? ", …" : "")
  }
}
