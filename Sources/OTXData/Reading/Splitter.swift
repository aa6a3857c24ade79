import Foundation
import OTXCore

/// Makes the validation subset that a dataset lacks, and says so.
enum Splitter {
  /// The kind of the note that a validation subset is made of whole clips.
  static let clipSplit = "validation subset of whole clips"

  /// Splits train into train and val where there is no val; notes that a test subset is missing.
  static func completeSubsets(_ reading: inout FormatReading, root: URL, seed: Int) {
    func note(_ kind: String, _ message: String) {
      reading.problems.append(
        DatasetProblem(
          kind: kind,
          location: root.lastPathComponent,
          message: message,
          remedy: .noted
        )
      )
    }
    let train = reading.items[.train] ?? []
    if reading.items[.val]?.isEmpty ?? true,
      let parts = VideoClips.split(train, share: DatasetReader.validationShare, seed: seed)
    {
      (reading.items[.train], reading.items[.val]) = (parts.kept, parts.taken)
      note(
        clipSplit,
        "no validation subset: \(parts.takenClipCount) of \(parts.clipCount) video clips (\(parts.taken.count) of \(train.count) train pictures) are used for it, whole, since frames of one clip are nearly alike (seed \(seed))"
      )
    } else if reading.items[.val]?.isEmpty ?? true, train.count > 1 {
      let (kept, taken) = split(train, share: DatasetReader.validationShare, seed: seed)
      (reading.items[.train], reading.items[.val]) = (kept, taken)
      note(
        "no validation subset",
        "no validation subset: \(taken.count) of \(train.count) train pictures are used for it, the same share of each label (seed \(seed))"
      )
    }
    if reading.items[.test]?.isEmpty ?? true, !(reading.items[.val]?.isEmpty ?? true) {
      note("no test subset", "no test subset: evaluation uses the validation subset")
    }
  }

  /// Parts items so that each label has about the same share on both sides.
  ///
  /// An item with several labels counts for its rarest: that is the one a careless split loses.
  /// Order is kept on both sides.
  ///
  /// - Parameters:
  ///   - items: At least two.
  ///   - share: What becomes `taken`, 0…1.
  ///   - seed: Decides which items.
  ///   - isStratified: Whether labels matter; else items are taken from all alike.
  /// - Returns: What stays and what was taken, neither empty.
  static func split(
    _ items: [DatasetItem],
    share: Double,
    seed: Int,
    isStratified: Bool = true
  ) -> (kept: [DatasetItem], taken: [DatasetItem]) {
    let labels = items.map { isStratified ? Set($0.annotations.compactMap(\.label)) : [] }
    var counts: [String: Int] = [:]
    for label in labels.joined() { counts[label, default: 0] += 1 }
    func rank(_ label: String) -> (Int, String) { (counts[label] ?? 0, label) }
    var groups: [String: [Int]] = [:]
    for (index, names) in labels.enumerated() {
      let rarest = names.min { rank($0) < rank($1) }
      groups[rarest ?? "", default: []].append(index)
    }
    var taken: Set<Int> = []
    // What rounding owes is carried on to the next group, so that the total is right.
    var owed = 0.0
    for (label, members) in groups.sorted(by: { rank($0.key) < rank($1.key) }) {
      var generator = CounterGenerator(
        seed: UInt64(truncatingIfNeeded: seed),
        0x73_70_6C_69_74,
        UInt64(truncatingIfNeeded: label.utf8.reduce(0) { ($0 &* 31) &+ Int($1) })
      )
      owed += Double(members.count) * share
      let count = min(Int(owed.rounded()), members.count - (members.count > 1 ? 1 : 0))
      owed -= Double(count)
      taken.formUnion(generator.shuffled(members).prefix(max(count, 0)))
    }
    if taken.isEmpty { taken.insert(items.count - 1) }
    if taken.count == items.count, let first = taken.min() { taken.remove(first) }
    let parts = items.enumerated()
    return (
      parts.filter { !taken.contains($0.offset) }.map(\.element),
      parts.filter { taken.contains($0.offset) }.map(\.element)
    )
  }
}
