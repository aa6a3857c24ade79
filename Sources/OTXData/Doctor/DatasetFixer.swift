public import OTXCore

/// Mends what can be mended without a doubt.
///
/// Reading has left out what is damaged and corrected what reaches beyond pictures; this does the
/// rest.
public enum DatasetFixer {
  /// What to mend besides.
  public struct Options: Sendable {
    /// Whether pictures that only look the same as one of a scored subset leave train.
    public var removesNearDuplicates = false
    /// Whether labels that differ in case and space alone become one.
    public var mergesSpellings = true
    public init() {}
  }

  /// A dataset that was mended, and what was done.
  public struct Result: Sendable {
    public var dataset: Dataset
    /// A line for each thing that was done.
    public var changes: [String]
  }

  /// Mends a dataset.
  ///
  /// - Pictures that cannot be decoded are left out.
  /// - Of pictures that are the same byte by byte and annotated alike, one stays; one that also
  ///   stands in val or test leaves train, so that scores mean something.
  /// - Objects that are marked twice are marked once.
  ///
  /// - Parameters:
  ///   - dataset: As it was read for inspection.
  ///   - options: What to mend besides.
  ///   - progress: Told how many pictures are done, on any thread, in no order.
  /// - Returns: The dataset without its flaws.
  public static func fix(
    _ dataset: Dataset,
    options: Options = Options(),
    progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) -> Result {
    var result = Result(dataset: dataset, changes: readerChanges(dataset))
    let scan = PictureScan(dataset, progress: progress)
    removePictures(scan, options, from: &result)
    removeRepeats(from: &result)
    if options.mergesSpellings { mergeSpellings(in: &result) }
    result.dataset.problems = []
    return result
  }

  private static func readerChanges(_ dataset: Dataset) -> [String] {
    dataset.problems.filter { $0.remedy != .noted }.map { "\($0.location): \($0.message)" }
  }

  private static func removePictures(
    _ scan: PictureScan,
    _ options: Options,
    from result: inout Result
  ) {
    var removed: Set<Int> = []
    for (index, entry) in scan.entries.enumerated() where !entry.damage.isEmpty {
      removed.insert(index)
      result.changes.append("\(entry.item.id): left out, \(entry.damage.aboutPicture)")
    }
    for group in scan.copies { remove(group, isExact: true, scan, &removed, &result.changes) }
    if options.removesNearDuplicates {
      for group in scan.lookalikes {
        remove(group, isExact: false, scan, &removed, &result.changes)
      }
    }
    guard !removed.isEmpty else { return }
    var kept: [Subset: [DatasetItem]] = [:]
    for (index, entry) in scan.entries.enumerated() where !removed.contains(index) {
      kept[entry.subset, default: []].append(entry.item)
    }
    result.dataset.items = kept
  }

  /// Takes out what a group of the same pictures has too many.
  private static func remove(
    _ group: [Int],
    isExact: Bool,
    _ scan: PictureScan,
    _ removed: inout Set<Int>,
    _ changes: inout [String]
  ) {
    let members = group.filter { !removed.contains($0) }
    let scored = members.first { [.val, .test].contains(scan.entries[$0].subset) }
    for index in members {
      let entry = scan.entries[index]
      if entry.subset == .train, let scored {
        let other = scan.entries[scored]
        removed.insert(index)
        changes.append(
          "\(entry.item.id): left out of train, \(isExact ? "a copy of" : "looks the same as") \(other.item.id) of \(other.subset.rawValue)"
        )
      } else if isExact,
        let twin = members.first(where: { twin in
          twin < index && !removed.contains(twin)
            && scan.entries[twin].subset == entry.subset
            && scan.entries[twin].item.annotations == entry.item.annotations
        })
      {
        removed.insert(index)
        changes.append("\(entry.item.id): left out, a copy of \(scan.entries[twin].item.id)")
      }
    }
  }

  private static func removeRepeats(from result: inout Result) {
    for (subset, items) in result.dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var items = items
      for index in items.indices {
        var kept: [Annotation] = []
        for annotation in items[index].annotations {
          if annotation.kind == .object, kept.contains(where: { isSame($0, annotation) }) {
            result.changes.append(
              "\(items[index].id): '\(annotation.label ?? "")' was marked twice in one place"
            )
          } else {
            kept.append(annotation)
          }
        }
        items[index].annotations = kept
      }
      result.dataset.items[subset] = items
    }
  }

  private static func isSame(_ a: Annotation, _ b: Annotation) -> Bool {
    guard let first = a.box, let second = b.box, a.label == b.label, a.isCrowd == b.isCrowd,
      a.region == b.region, a.keypoints == b.keypoints
    else { return false }
    return first == second || (a.region == nil && first.iou(second) > 0.95)
  }

  private static func mergeSpellings(in result: inout Result) {
    var counts: [String: Int] = [:]
    for annotation in result.dataset.items.values.joined().lazy.flatMap(\.annotations) {
      for name in annotation.labelNames { counts[name, default: 0] += 1 }
    }
    var options = LabelOptions()
    for names in LabelSpellings.groups(of: result.dataset.labels.names) {
      let main = names.max { (counts[$0] ?? 0, $1) < (counts[$1] ?? 0, $0) } ?? names[0]
      for name in names where name != main {
        options.rename.append("\(name)=\(main)")
        result.changes.append("the label '\(name)' is '\(main)' now")
      }
    }
    var reading = FormatReading(
      labels: result.dataset.labels.names,
      items: result.dataset.items
    )
    reading.labelDetails = result.dataset.labelDetails
    guard (try? reading.apply(options, root: "")) != nil else { return }
    result.dataset.items = reading.items
    result.dataset.labels = LabelInfo(names: reading.labels)
    result.dataset.labelDetails = reading.labelDetails
    result.dataset.declaredLabels = reading.labels
  }
}
