import OTXCore

/// What is odd about a dataset's pictures.
struct PictureFindings {
  private let scan: PictureScan
  private let command: String

  init(_ scan: PictureScan, _ command: String) { (self.scan, self.command) = (scan, command) }

  var all: [DatasetFinding] {
    let copies = scan.copies
    return damage + copies.flatMap(copy) + lookalikes(besides: copies)
  }

  private var damage: [DatasetFinding] {
    scan.entries.filter { !$0.damage.isEmpty }.map { entry in
      DatasetFinding(
        .error,
        kind: "damaged picture",
        location: entry.item.origin.isEmpty ? entry.item.id : entry.item.origin,
        message: entry.damage.aboutPicture,
        suggestion: DatasetDoctor.fixCommand(command)
      )
    }
  }

  private func copy(_ group: [Int]) -> [DatasetFinding] {
    let entries = group.map { scan.entries[$0] }
    let subsets = Set(entries.map(\.subset))
    let names = entries.map { "\($0.subset.rawValue)/\($0.item.id)" }
    let leaks = subsets.contains(.train) && subsets.count > 1
    let agree = entries.allSatisfy { $0.item.annotations == entries[0].item.annotations }
    // One picture in the folders of two classes.
    let classes = Set(
      entries.flatMap { $0.item.annotations.filter { $0.kind == .label }.compactMap(\.label) }
    )
    let offer =
      agree || classes.count < 2
      ? ""
      : "; if it shows \(classes.sorted().map { "'\($0)'" }.joined(separator: " and ")), list it "
        + "once with these labels and train with --task MULTI_LABEL_CLS"
    return [
      DatasetFinding(
        leaks ? .error : .warning,
        kind: leaks ? "copies across subsets" : "copies",
        location: entries[0].item.id,
        message:
          "\(entries.count) files are one picture\(leaks ? ", in train and in what is scored" : "")\(agree ? "" : ", annotated in different ways"): \(names.prefix(4).joined(separator: ", "))\(names.count > 4 ? " …" : "")\(offer)",
        suggestion: DatasetDoctor.fixCommand(command)
      )
    ]
  }

  private func lookalikes(besides copies: [[Int]]) -> [DatasetFinding] {
    let known = Set(copies.map { $0 })
    return scan.lookalikes.filter { !known.contains($0) }.compactMap { group in
      let entries = group.map { scan.entries[$0] }
      // Copies among them have been told of.
      guard Set(entries.compactMap(\.signature?.contentHash)).count > 1 else { return nil }
      let subsets = Set(entries.map(\.subset))
      let leaks = subsets.contains(.train) && subsets.count > 1
      let names = entries.map { "\($0.subset.rawValue)/\($0.item.id)" }
      return DatasetFinding(
        leaks ? .warning : .note,
        kind: leaks ? "near-duplicates across subsets" : "near-duplicates",
        location: entries[0].item.id,
        message:
          "\(entries.count) pictures look the same\(leaks ? ", in train and in what is scored" : ""): \(names.prefix(4).joined(separator: ", "))\(names.count > 4 ? " …" : "")",
        suggestion: leaks ? "\(DatasetDoctor.fixCommand(command)) --near-duplicates" : ""
      )
    }
  }
}
