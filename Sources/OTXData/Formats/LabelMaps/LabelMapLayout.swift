import Foundation
import OTXCore

/// A picture and the picture of its labels.
struct LabelMapPair {
  var picture: URL?
  var map: URL?
}

/// What formats of two folders, pictures and their label maps, have in common.
enum LabelMapLayout {
  /// Pictures below a folder by their path without an ending.
  static func pictures(
    below folder: URL,
    key: (String) -> String? = { $0 }
  ) throws -> [(key: String, url: URL)] {
    try FolderListing.allPictures(below: folder).compactMap { url in
      key(url.deletingPathExtension().path(below: folder)).map { ($0, url) }
    }
  }

  /// Items of pictures and label maps that have one key, in the order of the keys.
  ///
  /// A picture without a map has no annotations; a map without a picture is left out and named.
  static func items(
    pictures: [(key: String, url: URL)],
    maps: [(key: String, url: URL)],
    base: URL,
    problems: inout [DatasetProblem],
    map: (URL) throws -> LabelMap
  ) -> [DatasetItem] {
    var rest = Dictionary(maps.map { ($0.key, $0.url) }) { first, _ in first }
    var withoutMap: [String] = []
    let items = pictures.map { key, url in
      var item = DatasetItem(
        id: url.path(below: base),
        image: .file(url),
        annotations: [],
        origin: url.path(below: base)
      )
      guard let file = rest.removeValue(forKey: key) else {
        withoutMap.append(item.id)
        return item
      }
      item.origin = file.path(below: base)
      add(file, to: &item, base: base, problems: &problems, map: map)
      return item
    }
    if let first = withoutMap.first, !maps.isEmpty {
      problems.append(
        DatasetProblem(
          kind: "picture without annotations",
          location: first,
          message:
            "\("picture".counted(withoutMap.count)) without a picture of labels, the first: \(first)",
          remedy: .noted
        )
      )
    }
    for url in rest.values.sorted(by: { $0.path < $1.path }) {
      problems.append(
        DatasetProblem(
          kind: "annotations without a picture",
          location: url.path(below: base),
          message: "the picture of labels belongs to no picture",
          remedy: .leftOut
        )
      )
    }
    return items
  }

  /// Adds a label map to an item; one that cannot be read is named.
  static func add(
    _ file: URL,
    to item: inout DatasetItem,
    base: URL,
    problems: inout [DatasetProblem],
    map: (URL) throws -> LabelMap
  ) {
    do {
      item.annotations.append(.labelMap(try map(file)))
    } catch {
      let reason =
        if case DataError.unreadable(_, let reason) = error { reason } else { "\(error)" }
      problems.append(
        DatasetProblem(
          kind: "unreadable picture of labels",
          location: file.path(below: base),
          message: "the picture of labels \(reason)",
          remedy: .leftOut
        )
      )
    }
  }

  /// Joins items of two sources of one subset.
  static func add(_ items: [DatasetItem], to reading: inout FormatReading, _ subset: Subset) {
    guard !items.isEmpty else { return }
    reading.items[subset, default: []] += items
  }
}

extension DataLocation {
  /// The one folder that a format is read from.
  ///
  /// - Throws: ``ConfigurationError`` where files of subsets are named.
  func folder(for title: String) throws -> URL {
    guard case .root(let root, _) = self else {
      throw ConfigurationError.invalid(
        "\(title) is read from one folder with all its subsets: name that folder (--data-root)"
      )
    }
    return root
  }
}
