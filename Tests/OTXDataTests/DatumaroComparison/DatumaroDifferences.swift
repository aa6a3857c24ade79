import Foundation

@testable import OTXCore
@testable import OTXData

/// What is compared.
enum ComparedAspect: String, Sendable {
  /// Whether it can be read at all.
  case reading
  /// The labels that the dataset declares, in order.
  case labels
  /// How many items each subset has.
  case subsets
  /// Which pictures they are.
  case items
  /// What is said about them.
  case annotations
  /// What else is said about them: attributes that say nothing (`false`, `0`) may be missing.
  case attributes
  /// Height and width of the pictures, where the dataset states them.
  case sizes
}

/// One thing that our reading and Datumaro's do not agree on.
struct DatumaroDifference: Sendable, CustomStringConvertible {
  var aspect: ComparedAspect
  var description: String
}

/// Compares what one of our formats reads with what Datumaro read.
struct DatumaroComparison {
  private let entry: DatumaroGolden.Entry
  private let reading: FormatReading
  fileprivate var differences: [DatumaroDifference] = []

  private init(entry: DatumaroGolden.Entry, reading: FormatReading) {
    (self.entry, self.reading) = (entry, reading)
  }

  /// Reads the sample of an entry and returns every difference; none where both agree.
  ///
  /// Where Datumaro fails, we agree with it whatever we read, if we read anything.
  static func differences(
    _ entry: DatumaroGolden.Entry,
    below data: URL
  ) throws -> [DatumaroDifference] {
    let format = try Formats.named(entry.format)
    let reading: FormatReading
    do {
      reading = try format.read(.root(data.appending(path: entry.path), format: entry.format))
    } catch {
      return [DatumaroDifference(aspect: .reading, description: "reading: \(error)")]
    }
    return entry.error == nil ? try differences(entry, reading) : []
  }

  /// Every difference between what Datumaro read and what we read.
  static func differences(
    _ entry: DatumaroGolden.Entry,
    _ reading: FormatReading
  ) throws -> [DatumaroDifference] {
    var comparison = DatumaroComparison(entry: entry, reading: reading)
    comparison.compareLabels()
    comparison.compareSubsets()
    for (subset, items) in entry.items ?? [:] { try comparison.compareItems(items, subset) }
    return comparison.differences.sorted { $0.description < $1.description }
  }

  fileprivate mutating func differ(_ aspect: ComparedAspect, _ description: String) {
    differences.append(DatumaroDifference(aspect: aspect, description: "\(aspect): \(description)"))
  }

  private mutating func compareLabels() {
    guard let labels = entry.labels, labels != reading.labels else { return }
    differ(.labels, "Datumaro has \(labels), ours are \(reading.labels)")
  }

  private mutating func compareSubsets() {
    var theirs: [Subset: Int] = [:]
    for (name, count) in entry.counts?.subsets ?? [:] {
      theirs[DatumaroComparison.subset(name), default: 0] += count
    }
    let ours = reading.items.mapValues(\.count).filter { $0.value > 0 }
    guard theirs != ours else { return }
    func text(_ counts: [Subset: Int]) -> String {
      counts.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", ")
    }
    differ(.subsets, "Datumaro has \(text(theirs)), ours are \(text(ours))")
  }

  /// Our subset for Datumaro's name of one: a name that says nothing is for training.
  static func subset(_ name: String) -> Subset {
    let words = name.lowercased().split { "_-. ".contains($0) }.map(String.init)
    // Market-1501's pictures to search for.
    if words == ["query"] { return .test }
    let found = Subset.allCases.first { !Set($0.folderNames).isDisjoint(with: words) }
    return found ?? .train
  }

  private mutating func compareItems(_ theirs: [String: [String]], _ name: String) throws {
    let ours = reading.items[DatumaroComparison.subset(name)] ?? []
    let index = ItemIndex(ours)
    let writer = AnnotationText(format: entry.format)
    for (id, texts) in theirs.sorted(by: { $0.key < $1.key }) {
      let media = entry.media?[name]?[id]
      guard let item = index.item(id, file: media?.file) else {
        let ids = ours.prefix(4).map(\.id)
        differ(.items, "Datumaro's \(name) has '\(id)', ours begin with \(ids)")
        continue
      }
      compareAnnotations(texts, try writer.texts(of: item), "\(name) \(id)")
      let details = entry.annotationAttributes?[name]?[id] ?? []
      try compareAttributes(details, item, writer, "\(name) \(id)")
      if let size = item.size, let known = media?.size, known != [size.height, size.width] {
        differ(.sizes, "\(name) \(id): Datumaro has \(known), ours is \(size)")
      }
    }
  }

  private mutating func compareAnnotations(_ theirs: [String], _ ours: [String], _ place: String) {
    var rest = ours
    var missing: [String] = []
    for text in theirs {
      if let match = rest.firstIndex(where: { SameText.check($0, text) }) {
        rest.remove(at: match)
      } else {
        missing.append(text)
      }
    }
    guard !missing.isEmpty || !rest.isEmpty else { return }
    differ(.annotations, "\(place): only Datumaro has \(missing), only ours are \(rest)")
  }
}

extension DatumaroComparison {
  /// Values that say no more than a missing attribute.
  private static let silent: Set<String> = ["false", "0", "Unspecified", ""]

  private mutating func compareAttributes(
    _ theirs: [DatumaroGolden.Entry.Attributes],
    _ item: DatasetItem,
    _ writer: AnnotationText,
    _ place: String
  ) throws {
    guard !theirs.isEmpty else { return }
    var ours = try item.annotations.map { annotation in
      var attributes = annotation.attributes
      // In videos, the number of an object is its track.
      attributes["track_id"] = attributes["track_id"] ?? annotation.id.map { .number(Double($0)) }
      return (try writer.texts(of: annotation), attributes)
    }
    for annotation in theirs {
      let isSame: ([String]) -> Bool = { texts in
        texts.contains { SameText.check($0, annotation.text) }
      }
      // What is missing altogether is a difference of annotations.
      guard let match = ours.firstIndex(where: { isSame($0.0) }) else { continue }
      let known = ours[match].1
      ours[match].0.removeAll { SameText.check($0, annotation.text) }
      let wrong = annotation.values.filter { name, value in
        guard let own = known[name] else { return !DatumaroComparison.silent.contains(value) }
        return !SameText.check("value \(own)", "value \(value)")
      }
      guard !wrong.isEmpty else { continue }
      let pairs = wrong.sorted { $0.key < $1.key }.map { name, value in
        "\(name) is \(value), ours \(known[name].map { "is \($0)" } ?? "is missing")"
      }
      differ(.attributes, "\(place) \(annotation.text): \(pairs.joined(separator: "; "))")
    }
  }
}

/// Finds items by Datumaro's ids, which have no file ending and may begin at another folder.
private struct ItemIndex {
  private let items: [(stem: String, item: DatasetItem)]

  init(_ items: [DatasetItem]) {
    self.items = items.map { item in
      let id = item.id.replacingOccurrences(of: "\\", with: "/")
      guard let dot = id.lastIndex(of: "."), !id[dot...].contains("/") else { return (id, item) }
      return (String(id[..<dot]), item)
    }
  }

  /// The item of an id: the one whose path ends with it; else the one with the picture's name.
  func item(_ id: String, file: String?) -> DatasetItem? {
    // ImageNet's ids are `<label>:<name>`, where no label is `no_label:<name>`.
    let path = id.replacingOccurrences(of: "no_label:", with: "")
      .replacingOccurrences(of: ":", with: "/")
    let ending = "/\(path)"
    let found = items.filter { candidate in
      candidate.stem == path || candidate.item.id == path || candidate.stem.hasSuffix(ending)
        || candidate.item.id.hasSuffix(ending)
    }
    if let nearest = found.min(by: { $0.stem.count < $1.stem.count }) { return nearest.item }
    let named = items.filter { $0.item.image.url?.lastPathComponent == file && file != nil }
    return named.count == 1 ? named[0].item : nil
  }
}

/// Whether two texts say the same: numbers may differ by rounding, and a turned box may be written
/// from any of its sides.
enum SameText {
  static func check(_ left: String, _ right: String) -> Bool {
    if left == right { return true }
    let (ours, theirs) = (words(left), words(right))
    guard ours.count == theirs.count, ours.first == theirs.first, ours.first != "mask" else {
      return false
    }
    if ours.first == "rotated" { return sameCorners(ours, theirs) }
    return zip(ours, theirs).allSatisfy { first, second in
      if first == second { return true }
      guard let first = Double(first), let second = Double(second) else { return false }
      return abs(first - second) < 0.02
    }
  }

  private static func words(_ text: String) -> [String] {
    text.split(separator: " ").map(String.init)
  }

  private static func sameCorners(_ left: [String], _ right: [String]) -> Bool {
    func split(_ words: [String]) -> (words: [String], corners: [Float]) {
      let numbers = words.compactMap { Float($0) }.suffix(5).map(\.self)
      guard numbers.count == 5 else { return (words, []) }
      let box = RotatedBox(
        x: numbers[0],
        y: numbers[1],
        width: numbers[2],
        height: numbers[3],
        angle: numbers[4]
      )
      return (words.filter { Float($0) == nil }, box.corners)
    }
    let (ours, theirs) = (split(left), split(right))
    guard ours.words == theirs.words, ours.corners.count == theirs.corners.count else {
      return false
    }
    return stride(from: 0, to: ours.corners.count, by: 2).allSatisfy { index in
      stride(from: 0, to: theirs.corners.count, by: 2).contains { other in
        abs(ours.corners[index] - theirs.corners[other]) < 0.05
          && abs(ours.corners[index + 1] - theirs.corners[other + 1]) < 0.05
      }
    }
  }
}
