import Foundation
import OTXCore

/// Joins annotation files into one dataset.
struct COCOReader {
  /// What item names are relative to.
  let base: URL
  private var categories: [COCOFile.Category] = []
  private var reading = FormatReading()
  /// Kinds of files that each subset has been read from.
  private var kinds: [Subset: Set<COCOKind?>] = [:]
  /// Where an instance of an id stands, while a file of the same instances is to come.
  private var instances: [Subset: [Int: (item: Int, annotation: Int)]] = [:]

  init(base: URL) { self.base = base }

  /// Adds what a file says.
  ///
  /// - Parameters:
  ///   - source: The file.
  ///   - later: Kinds of files that will be read of the same subset.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  mutating func read(_ source: COCOSource, joinedBy later: Set<COCOKind> = []) throws {
    let name = source.annotations.path(below: base)
    let file = try COCOFile(source.annotations, name: name, kind: source.kind)
    addCategories(of: file)
    var log = ProblemLog(file: source.annotations, name: name)
    for flaw in file.flaws {
      if flaw.isLeftOut {
        try log.leftOut(flaw.kind, at: flaw.position, flaw.message)
      } else {
        try log.noted(flaw.kind, at: flaw.position, flaw.message)
      }
    }
    // A second file of one kind is about other pictures; the check of items finds where it is not.
    let isJoined = kinds[source.subset].map { !$0.contains(source.kind) } ?? false
    kinds[source.subset, default: []].insert(source.kind)
    var joiner = COCOJoiner(
      base: base,
      file: file,
      source: source,
      items: reading.items.removeValue(forKey: source.subset) ?? [],
      isJoined: isJoined,
      keepsInstances: later.contains(.personKeypoints),
      instances: instances.removeValue(forKey: source.subset) ?? [:]
    )
    try joiner.join(&log)
    reading.items[source.subset] = joiner.items
    instances[source.subset] = joiner.instances
    reading.problems += log.problems
  }

  private mutating func addCategories(of file: COCOFile) {
    var own: [String: Int] = [:]
    for category in file.categories {
      if let other = own.updateValue(category.id, forKey: category.name) {
        reading.problems.append(
          DatasetProblem(
            kind: "duplicate category name",
            location: file.name,
            message:
              "the categories \(other) and \(category.id) are both '\(category.name)': one label",
            remedy: .noted
          )
        )
      }
      if !categories.contains(where: { $0.name == category.name }) { categories.append(category) }
      let name = category.name
      if let parent = category.parent { reading.labelDetails.parents[name] = parent }
      if let color = category.color { reading.labelDetails.colors[name] = color }
      if let keypoints = category.keypoints { reading.labelDetails.keypoints[name] = keypoints }
    }
  }

  /// Notes files that were not read, and how they can be.
  mutating func noteOthers(_ sources: [COCOSource]) {
    // Pictures are listed in every file.
    for kind in COCOKind.allCases where kind != .imageInfo {
      guard let first = sources.first(where: { $0.kind == kind }) else { continue }
      let name = first.annotations.path(below: base)
      reading.problems.append(
        DatasetProblem(
          kind: "other COCO files",
          location: name,
          message:
            "\(name) and the like, with \(kind.title), are not used; --data-format coco_\(kind.rawValue) reads them",
          remedy: .noted
        )
      )
    }
  }

  /// Categories by id, then by name where files disagree about ids.
  mutating func finish() -> FormatReading {
    let ordered = categories.enumerated().sorted {
      ($0.element.id, $0.offset) < ($1.element.id, $1.offset)
    }
    reading.labels = ordered.map(\.element.name)
    reading.noteUnusedPictures(base: base)
    return reading
  }
}
