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
    /// What became of each weight, where they are another file's.
    var table: WeightTable?
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

  /// Copies what fits; see ``WeightMatching`` for what fits what.
  private static func match(
    _ url: URL,
    _ module: any ParameterTree,
    model: String
  ) throws -> Report {
    let file = try CheckpointFile.read(url)
    let own = module.stateDictionary().map { (name: $0.name, shape: $0.value.shape) }
    let matching = WeightMatching(
      file.state,
      with: Dictionary(own.map { ($0.name, $0.shape) }) { first, _ in first }
    )
    guard matching.matchCount > 0 else {
      throw ModelError.mismatch(noMatch(file, own, url, model: model))
    }
    var fileNames: [String: String] = [:]
    var state: [(name: String, value: Tensor)] = []
    for entry in file.state {
      guard let name = matching.name(for: entry.name), fileNames[name] == nil else { continue }
      fileNames[name] = entry.name
      state.append((name, try Tensor(entry.value)))
    }
    // Learned positions of pictures of another size.
    let report = try module.loadStateDictionary(module.resampling(state).state, strict: false)
    let table = InitialWeights.table(of: report, file.state, own, fileNames)
    let line = summary(table, file, matching, url)
    return Report(
      event: 2 * report.matched.count < own.count ? .warning(line) : .message(line),
      table: table,
      isHeadRandom: report.matched.allSatisfy { $0.hasPrefix("backbone.") }
    )
  }

  private static func table(
    of report: LoadReport,
    _ file: StateDictionary,
    _ own: [(name: String, shape: [Int])],
    _ fileNames: [String: String]
  ) -> WeightTable {
    let matched = Set(report.matched)
    var used: Set<String> = []
    var rows: [WeightTable.Row] = []
    for (name, shape) in own {
      guard let fileName = fileNames[name] else {
        rows.append(.init(.missing, name: name, shape: shape))
        continue
      }
      used.insert(fileName)
      rows.append(
        .init(
          matched.contains(name) ? .matched : .skipped,
          name: name,
          shape: shape,
          fileName: fileName,
          fileShape: file[fileName]?.shape ?? []
        )
      )
    }
    for entry in file where !used.contains(entry.name) {
      rows.append(.init(.unused, fileName: entry.name, fileShape: entry.value.shape))
    }
    return WeightTable(rows: rows)
  }

  private static func summary(
    _ table: WeightTable,
    _ file: CheckpointFile,
    _ matching: WeightMatching,
    _ url: URL
  ) -> String {
    let ownCount = table.rows.count - table.count(.unused)
    let place = matching.addedPrefix.isEmpty ? "" : " as the backbone"
    var words = InitialWeights.origin(of: file)
    if !file.place.isEmpty { words += " at '\(file.place)'" }
    if !matching.removedPrefix.isEmpty {
      words += ", names without '\(matching.removedPrefix)'"
    }
    var parts = [
      "Weights: \(table.count(.matched)) of \(ownCount) taken from \(url.path)\(place) (\(words))"
    ]
    if table.count(.skipped) > 0 {
      parts.append("\(table.count(.skipped)) of another shape are skipped and stay random")
    }
    if table.count(.missing) > 0 {
      parts.append("\(table.count(.missing)) are not in the file and stay random")
    }
    if table.count(.unused) > 0 {
      parts.append("\(table.count(.unused)) of the file's are not used")
    }
    return parts.joined(separator: "; ")
  }

  private static func origin(of file: CheckpointFile) -> String {
    file.info.map { "a checkpoint of \($0.model)" } ?? "bare weights"
  }

  private static func noMatch(
    _ file: CheckpointFile,
    _ own: [(name: String, shape: [Int])],
    _ url: URL,
    model: String
  ) -> String {
    let near = WeightMatching.nearMisses(file.state, own, count: 3)
    let hint = near.isEmpty ? "" : "; \(near.joined(separator: ", "))"
    return
      "\(url.path): none of its \(file.state.count) weights fits \(model) by name and shape (it is \(origin(of: file)), with \(list(file.state.names)); \(model) has \(list(own.map(\.name))))\(hint)"
  }

  /// The first few of many words.
  private static func list(_ words: [String]) -> String {
    words.prefix(3).joined(separator: ", ") + (words.count > 3 ? ", …" : "")
  }
}
