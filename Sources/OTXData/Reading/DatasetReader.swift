import Foundation
public import OTXCore

/// Reads a dataset: recognises its format, checks what it says, splits what is not split.
///
/// Damaged items are left out and stand in ``OTXCore/Dataset/problems`` by name; nothing is dropped
/// without a word.
public enum DatasetReader {
  /// The share of the train subset that becomes the validation subset where there is none.
  public static let validationShare = 0.2

  /// What a dataset is read for.
  public enum Purpose: Sendable {
    /// Labels that nothing uses are left out, and a missing validation subset is taken from train.
    case training
    /// As it is: every label it lists, its own subsets, whatever they are.
    case inspection
    /// To be counted and not to be used: what is damaged or missing is named and stays.
    case description
  }

  /// Reads a dataset.
  ///
  /// - Parameters:
  ///   - location: A folder in any known format, or named files for each subset.
  ///   - strict: Whether a damaged item is an error instead of being left out.
  ///   - seed: Decides which items of train become val where the dataset has no val.
  ///   - purpose: Whether it is made ready for training or left as it is.
  ///   - labels: What becomes of the dataset's labels.
  ///   - headerCache: Remembers what headers of pictures said; `nil`: all are read.
  ///   - formats: The formats to choose from.
  /// - Returns: The dataset; its `problems` say what was left out, corrected or decided.
  /// - Throws: ``DataError`` when no or several formats fit, when a file cannot be used, when
  ///   nothing usable is left, or, if `strict`, when anything is damaged.
  public static func read(
    _ location: DataLocation,
    strict: Bool = false,
    seed: Int = 0,
    for purpose: Purpose = .training,
    labels: LabelOptions = LabelOptions(),
    headerCache: PictureHeaderCache? = nil,
    formats: [any DatasetFormat] = Formats.all
  ) throws -> Dataset {
    let (location, note) = try unpacked(location)
    let unlabeled = try unlabeledItems(location)
    let (format, root, evidence) = try format(of: labeled(location), among: formats)
    var reading = try format.read(labeled(location))
    if let note { reading.problems.insert(note, at: 0) }
    if reading.items[.unlabeled] == nil, !unlabeled.isEmpty {
      reading.items[.unlabeled] = unlabeled
    }
    guard reading.items.values.contains(where: { !$0.isEmpty }) else {
      throw DataError.unreadable(
        file: root.path,
        reason: "the \(format.title) dataset holds no pictures"
      )
    }
    let claimed = reading.items.values.reduce(0) { $0 + $1.count }
    reading = DatasetChecker.check(
      reading,
      root: root,
      keepsDamaged: purpose == .description,
      cache: headerCache
    )
    if strict {
      let damage = reading.problems.filter { $0.remedy != .noted }
      guard damage.isEmpty else { throw DataError.damaged(root: root.path, problems: damage) }
    }
    guard reading.items.values.contains(where: { !$0.isEmpty }) else {
      let summary = reading.problems.summary.prefix(3).joined(separator: "; ")
      throw DataError.unreadable(
        file: root.path,
        reason: "none of \("picture".counted(claimed)) is usable: \(summary)"
      )
    }
    reading.items = reading.items.filter { !$0.value.isEmpty }
    try reading.apply(labels, root: root.lastPathComponent)
    let declared = reading.labels
    noteUntrainedLabels(&reading, root: root)
    switch purpose {
    case .training:
      keepUsedLabels(&reading, ignoring: Set(labels.ignore), root: root)
      Splitter.completeSubsets(&reading, root: root, seed: seed)
    case .inspection, .description:
      addUndeclaredLabels(&reading)
    }
    var dataset = Dataset(
      format: format.name,
      root: root,
      labels: LabelInfo(names: reading.labels),
      declaredLabels: declared,
      labelDetails: reading.labelDetails,
      items: reading.items,
      problems: reading.problems
    )
    dataset.evidence = evidence
    return dataset
  }

  /// Appends labels that annotations use and the dataset's list does not have.
  private static func addUndeclaredLabels(_ reading: inout FormatReading) {
    var known = Set(reading.labels)
    var undeclared: Set<String> = []
    for annotation in reading.items.values.joined().lazy.flatMap(\.annotations) {
      for label in annotation.labelNames where known.insert(label).inserted {
        undeclared.insert(label)
      }
    }
    reading.labels += undeclared.sorted()
  }

  /// The folder of a dataset that is given as an archive, and a word about it.
  private static func unpacked(
    _ location: DataLocation
  ) throws -> (DataLocation, DatasetProblem?) {
    guard case .root(let url, let format) = location, format != "image_zip",
      try DatasetArchive.needsUnpacking(url)
    else { return (location, nil) }
    let folder = try DatasetArchive.folder(for: url)
    let note = DatasetProblem(
      kind: "unpacked archive",
      location: url.lastPathComponent,
      message: "the archive is unpacked in \(folder.path)",
      remedy: .noted
    )
    return (.root(folder, format: format), note)
  }

  /// The format to read with, and the dataset's folder.
  private static func format(
    of location: DataLocation,
    among formats: [any DatasetFormat]
  ) throws -> (any DatasetFormat, URL, evidence: String) {
    switch location {
    case .root(let root, let name):
      if let name { return (try Formats.named(name, among: formats), root, "") }
      let (format, evidence) = try FormatRecognizer.recognize(root, among: formats)
      return (format, root, evidence)
    case .subsets(let subsets, let name):
      let locations = Subset.allCases.compactMap { subsets[$0] }
      guard let first = locations.first, let root = first.root ?? first.annotations else {
        throw ConfigurationError.invalid(
          "no data was named: give an annotation file or a folder of pictures for a subset"
        )
      }
      if let name { return (try Formats.named(name, among: formats), root, "") }
      let place = first.annotations ?? root
      let known = ["json": "coco", "xml": "voc", "txt": "voc"]
      if let name = known[place.pathExtension.lowercased()] {
        return (try Formats.named(name, among: formats), root, place.lastPathComponent)
      }
      let (format, evidence) = try FormatRecognizer.recognize(place, among: formats)
      return (format, root, evidence)
    }
  }

  /// What a format is to read: all but a folder of pictures without annotations.
  private static func labeled(_ location: DataLocation) -> DataLocation {
    guard case .subsets(var subsets, let format) = location,
      subsets[.unlabeled]?.annotations == nil
    else { return location }
    subsets[.unlabeled] = nil
    return .subsets(subsets, format: format)
  }

  /// Pictures that nothing is said about: a folder that the user named, or `unlabeled/`.
  private static func unlabeledItems(_ location: DataLocation) throws -> [DatasetItem] {
    let folder: URL
    switch location {
    case .root(let root, _):
      let listing = try? FolderListing(root)
      let found = Subset.unlabeled.folderNames.compactMap { listing?.folder($0) }.first
      guard let found else { return [] }
      folder = found
    case .subsets(let subsets, _):
      guard let named = subsets[.unlabeled], named.annotations == nil, let root = named.root
      else { return [] }
      folder = root
    }
    let base = folder.deletingLastPathComponent()
    return try FolderListing.allPictures(below: folder).map { url in
      DatasetItem(id: url.path(below: base), image: .file(url), annotations: [])
    }
  }

  /// Notes labels that can be scored but not learned: most likely a name is mistyped.
  private static func noteUntrainedLabels(_ reading: inout FormatReading, root: URL) {
    func labels(_ subset: Subset) -> Set<String> {
      Set((reading.items[subset] ?? []).flatMap(\.annotations).compactMap(\.label))
    }
    let trained = labels(.train)
    guard !trained.isEmpty else { return }
    for subset in [Subset.val, .test] {
      for label in labels(subset).subtracting(trained).sorted() {
        let hint = Suggestion.phrase(for: label, among: trained.sorted())
        reading.problems.append(
          DatasetProblem(
            kind: "label that is not trained",
            location: root.lastPathComponent,
            message:
              "the \(subset.rawValue) subset has the label '\(label)', the train subset does not: it cannot be learned\(hint)",
            remedy: .noted
          )
        )
      }
    }
  }

  /// Leaves out labels that no annotation of any subset uses, as COCO's super-categories.
  private static func keepUsedLabels(
    _ reading: inout FormatReading,
    ignoring ignored: Set<String>,
    root: URL
  ) {
    var used: Set<String> = []
    for annotation in reading.items.values.joined().flatMap(\.annotations) {
      used.formUnion(annotation.labelNames)
    }
    used.subtract(ignored)
    // A label above one that is used is there with it.
    var above: Set<String> = []
    for label in used {
      var next = reading.labelDetails.parents[label]
      while let parent = next, above.insert(parent).inserted {
        next = reading.labelDetails.parents[parent]
      }
    }
    let unused = reading.labels.filter { !used.contains($0) && !above.contains($0) }
    let declared = Set(reading.labels)
    reading.labels = reading.labels.filter(used.contains) + used.subtracting(declared).sorted()
    guard !unused.isEmpty else { return }
    reading.problems.append(
      DatasetProblem(
        kind: "label without annotations",
        location: root.lastPathComponent,
        message:
          "no annotation uses \(unused.map { "'\($0)'" }.joined(separator: ", ")): not a label of the model",
        remedy: .noted
      )
    )
  }
}

extension Array where Element == DatasetProblem {
  /// A line for each kind of problem, with its number and the first example; worst first.
  public var summary: [String] {
    var groups: [(kind: String, problems: [DatasetProblem])] = []
    for problem in self {
      if let index = groups.firstIndex(where: { $0.kind == problem.kind }) {
        groups[index].problems.append(problem)
      } else {
        groups.append((problem.kind, [problem]))
      }
    }
    let order: [DatasetProblem.Remedy] = [.leftOut, .corrected, .noted]
    let ranked = order.flatMap { remedy in groups.filter { $0.problems[0].remedy == remedy } }
    return ranked.map { kind, problems in
      let first = problems[0]
      switch (first.remedy, problems.count) {
      case (.noted, 1): return first.message
      case (_, 1): return "\(first.location): \(first.message) (\(first.remedy.phrase))"
      default:
        return
          "\(problems.count) × \(kind) (\(first.remedy.phrase)), the first: \(first.location): \(first.message)"
      }
    }
  }
}

extension DatasetProblem.Remedy {
  fileprivate var phrase: String {
    switch self {
    case .leftOut: "left out"
    case .corrected: "corrected"
    case .noted: "kept"
    }
  }
}
