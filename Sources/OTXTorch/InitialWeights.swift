import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor

/// What a network starts with.
enum InitialWeights: Sendable, Equatable {
  case random
  /// Those that a network's own file brings.
  case own(of: URL)
  /// Those of a checkpoint of this very model: every one has to fit.
  case all(of: URL)
  /// Those of another file that fit by name and shape; the rest is random. Unless any share will do,
  /// less than half of the network's own is an error.
  case matching(URL, allowsFew: Bool = false)

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
    case .own(let url):
      Report(event: .message("Weights: those of the network \(url.path)"), isHeadRandom: false)
    case .all(let url), .matching(let url, _):
      Report(event: .message("Weights: those of \(url.path)"), isHeadRandom: false)
    }
  }

  /// Puts the weights into a network that was just built.
  ///
  /// - Throws: ``ModelError``.
  func load(
    into module: any ParameterTree,
    model: String,
    labels: LabelInfo = LabelInfo(names: []),
    layers: LabelLayers? = nil
  ) throws -> Report {
    switch self {
    case .random, .own: return report
    case .all(let url):
      try Checkpoints.load(url, into: module)
      return report
    case .matching(let url, let allowsFew):
      var file = try CheckpointFile.read(url)
      file.state = try PublishedLayout.adapted(file.state)
      let rows = file.info.flatMap { info in
        layers.flatMap { LabelRows($0, labels: labels, from: info.labels) }
      }
      return try InitialWeights.match(file, url, module, model: model, rows, allowsFew: allowsFew)
    }
  }

  /// The least share of a network's own numbers that a file must have.
  static let leastShare = 0.5

  /// Copies what fits; see ``WeightMatching`` for what fits what.
  private static func match(
    _ file: CheckpointFile,
    _ url: URL,
    _ module: any ParameterTree,
    model: String,
    _ rows: LabelRows?,
    allowsFew: Bool
  ) throws -> Report {
    let own = module.stateDictionary().map { (name: $0.name, shape: $0.value.shape) }
    let shapes = Dictionary(own.map { ($0.name, $0.shape) }) { first, _ in first }
    let matching = WeightMatching(file.state, with: shapes)
    guard matching.matchCount > 0 else {
      throw ModelError.mismatch(noMatch(file, own, url, model: model) + lookalike(file, model))
    }
    var taken = try entries(of: file, matching, shapes, module, url)
    if let rows { try bringRows(rows, into: &taken, module) }
    let share = share(of: Set(taken.compactMap { $0.fits ? $0.name : nil }), own)
    guard share >= leastShare || allowsFew else {
      let table = table(of: taken, file.state, own)
      throw ModelError.mismatch(tooFew(share, table, url, model: model) + lookalike(file, model))
    }
    _ = try module.loadStateDictionary(
      taken.filter(\.fits).map { ($0.name, $0.value) },
      strict: false
    )
    let matched = taken.filter(\.fits).map(\.name)
    let table = table(of: taken, file.state, own)
    let adapted = taken.compactMap(\.adaptation)
    let line = summary(table, file, matching, url, adapted)
    return Report(
      event: 2 * matched.count < own.count ? .warning(line) : .message(line),
      table: table,
      isHeadRandom: matched.allSatisfy { $0.hasPrefix("backbone.") }
    )
  }

  /// A weight of the file that is meant for one of the network's.
  private struct Taken {
    var name: String
    var fileName: String
    var value: Tensor
    /// Whether it has the network's shape.
    var fits: Bool
    /// What was done so that it has.
    var adaptation: String?
  }

  /// The file's weights under the network's names, adapted where a family knows how to.
  private static func entries(
    of file: CheckpointFile,
    _ matching: WeightMatching,
    _ shapes: [String: [Int]],
    _ module: any ParameterTree,
    _ url: URL
  ) throws -> [Taken] {
    var names: Set<String> = []
    var taken: [Taken] = []
    for entry in file.state {
      guard let name = matching.name(for: entry.name), let shape = shapes[name],
        names.insert(name).inserted
      else { continue }
      let wrongCount = entry.value.nonFiniteCount
      guard wrongCount == 0 else {
        throw ModelError.unreadableCheckpoint(
          file: url.path,
          reason:
            "\(wrongCount) of the \(entry.value.elementCount) numbers of its weight '\(entry.name)' are NaN or infinite: the training that left it diverged. Take an earlier checkpoint"
        )
      }
      var item = Taken(
        name: name,
        fileName: entry.name,
        value: try Tensor(entry.value),
        fits: entry.value.shape == shape
      )
      // A convolution of 1 × 1 is a linear layer, a scale of [C] one of [C, 1, 1].
      if !item.fits, entry.value.shape.filter({ $0 != 1 }) == shape.filter({ $0 != 1 }) {
        item.value = try item.value.reshape(shape)
        item.fits = true
        item.adaptation = "axes of one element put in or left out"
      }
      taken.append(item)
    }
    return try resampled(taken, module)
  }

  /// Rows of labels that both models know; the others' stay random.
  private static func bringRows(
    _ rows: LabelRows,
    into taken: inout [Taken],
    _ module: any ParameterTree
  ) throws {
    let own = Dictionary(
      module.stateDictionary().map { ($0.name, $0.value) },
      uniquingKeysWith: { first, _ in first }
    )
    for index in taken.indices where rows.concerns(taken[index].name) {
      guard let old = own[taken[index].name] else { continue }
      if rows.sharedCount > 0, let value = try rows.adapted(taken[index].value, over: old) {
        taken[index].value = value
        taken[index].fits = true
        taken[index].adaptation = rows.note
      } else {
        // Scores of other labels do not fit, though there may be as many of them.
        taken[index].fits = false
      }
    }
  }

  /// Weights that depend on the size of pictures, brought to the network's.
  private static func resampled(_ taken: [Taken], _ module: any ParameterTree) throws -> [Taken] {
    let (state, changed) = try module.resampling(taken.map { ($0.name, $0.value) })
    guard !changed.isEmpty else { return taken }
    let names = Set(changed)
    var taken = taken
    for (index, entry) in state.enumerated() where names.contains(entry.name) {
      taken[index].value = entry.value
      taken[index].fits = true
      taken[index].adaptation = "resampled for this size of pictures"
    }
    return taken
  }

  /// The share of the numbers of a network's backbone that are among `names`.
  private static func share(of names: Set<String>, _ own: [(name: String, shape: [Int])]) -> Double
  {
    let hasBackbone = NetworkParts.hasBackbone(own.map(\.name))
    let counted = own.filter {
      !$0.shape.isEmpty && !NetworkParts.isHead($0.name, hasBackbone: hasBackbone)
    }
    func count(_ rows: [(name: String, shape: [Int])]) -> Int {
      rows.reduce(0) { $0 + $1.shape.reduce(1, *) }
    }
    return Double(count(counted.filter { names.contains($0.name) }))
      / Double(max(count(counted), 1))
  }

  private static func table(
    of taken: [Taken],
    _ file: StateDictionary,
    _ own: [(name: String, shape: [Int])]
  ) -> WeightTable {
    let found = Dictionary(taken.map { ($0.name, $0) }) { first, _ in first }
    var used: Set<String> = []
    var rows: [WeightTable.Row] = []
    for (name, shape) in own {
      guard let item = found[name] else {
        rows.append(.init(.missing, name: name, shape: shape))
        continue
      }
      used.insert(item.fileName)
      rows.append(
        .init(
          item.fits ? .matched : .skipped,
          name: name,
          shape: shape,
          fileName: item.fileName,
          fileShape: file[item.fileName]?.shape ?? []
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
    _ url: URL,
    _ adaptations: [String]
  ) -> String {
    let ownCount = table.rows.count - table.count(.unused)
    let place = matching.addedPrefix.isEmpty ? "" : " as the backbone"
    var words = InitialWeights.origin(of: file)
    if !file.place.isEmpty { words += " at '\(file.place)'" }
    if !matching.removedPrefix.isEmpty {
      words += ", names without '\(matching.removedPrefix)'"
    }
    if let renaming = matching.renaming { words += ", \(renaming.title) understood" }
    var parts = [
      "Weights: \(table.count(.matched)) of \(ownCount) taken from \(url.path)\(place) (\(words))"
    ]
    for title in Set(adaptations).sorted() {
      parts.append("\(adaptations.count { $0 == title }) adapted (\(title))")
    }
    if table.count(.skipped) > 0 {
      parts.append(
        "\(table.count(.skipped)) of another shape or for other labels are skipped and stay random"
      )
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
    file.info.map { "a checkpoint of \($0.model)\($0.pruning == nil ? "" : ", pruned")" }
      ?? "bare weights"
  }

  /// Why so little of a file is not enough, with what became of each weight.
  private static func tooFew(
    _ share: Double,
    _ table: WeightTable,
    _ url: URL,
    model: String
  ) -> String {
    let percent = String(format: "%.0f", (100 * share).rounded(.down))
    let lines = table.differences(rowCount: 12).joined(separator: "\n")
    return
      "\(url.path) has \(percent) percent of the weights that \(model) wants (\(table.count(.matched)) of \(table.rows.count - table.count(.unused)) by name and shape); most of it would stay random. To train all the same: --force\n\(lines)"
  }

  /// What the file looks like, where it is a network of the zoo; empty else.
  private static func lookalike(_ file: CheckpointFile, _ model: String) -> String {
    guard let name = ZooLookup.backbone(of: file.state), name != model else { return "" }
    return "\nIts names and shapes are those of \(name)"
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
