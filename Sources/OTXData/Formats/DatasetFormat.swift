public import Foundation
public import OTXCore

/// A way datasets are written to disk.
///
/// A format meets every task in the format-neutral ``OTXCore/DatasetItem``: it says what files say,
/// and leaves checking pictures and boxes to ``DatasetReader``.
public protocol DatasetFormat: Sendable {
  /// The name users type: `coco`.
  var name: String { get }
  /// Name for people: `COCO`.
  var title: String { get }
  /// What a folder in this format looks like, a line for each layout.
  var layouts: [String] { get }

  /// Looks at names, and at the beginning of a file where names do not tell.
  func recognizes(_ root: URL) -> Recognition

  /// Reads everything that annotation files say.
  ///
  /// - Parameter location: A folder, or named files for each subset.
  /// - Returns: What was read, unchecked.
  /// - Throws: ``DataError/unreadable(file:reason:)`` for a file that cannot be used at all.
  func read(_ location: DataLocation) throws -> FormatReading

  /// Other names that users may know it by.
  var aliases: [String] { get }

  /// The format narrowed to a part of what it holds, by names of their own: `coco_captions`.
  ///
  /// They are found by name only; the format itself chooses between them when it recognises a folder.
  var variants: [any DatasetFormat] { get }
}

extension DatasetFormat {
  public var aliases: [String] { [] }
  public var variants: [any DatasetFormat] { [] }
}

/// A format that datasets can be written in too.
public protocol WritableDatasetFormat: DatasetFormat {
  /// The forms of annotations that the format has a place for, in a dataset like this one.
  func forms(for dataset: Dataset) -> AnnotationForms

  /// Writes items in this format.
  ///
  /// What the format has no place for is left out by the rules of its own documentation; what it
  /// cannot hold at all is an error before anything is written.
  ///
  /// - Parameters:
  ///   - dataset: What to write.
  ///   - root: A folder; it is made where it is missing.
  ///   - options: What becomes of the pictures.
  /// - Throws: ``DataError/unreadable(file:reason:)`` when something cannot be read or written,
  ///   ``DataError/invalidItem(_:reason:)`` for an item that the format cannot hold.
  func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws
}

extension WritableDatasetFormat {
  public func forms(for dataset: Dataset) -> AnnotationForms { .all }

  /// Writes items in this format, with copies of their pictures.
  public func write(_ dataset: Dataset, to root: URL) throws {
    try write(dataset, to: root, options: DatasetWriteOptions())
  }
}

/// How a dataset is written.
public struct DatasetWriteOptions: Sendable {
  /// What becomes of picture files; pictures in memory or inside other files are always written.
  public enum Pictures: String, Sendable, CaseIterable {
    /// Copied byte for byte.
    case copy
    /// Hard links, copies where the file system has none: no space is used, and nothing is lost
    /// when one of the two folders is removed.
    case link
  }

  public var pictures: Pictures

  public init(pictures: Pictures = .copy) { self.pictures = pictures }
}

/// How sure a format is that a folder is its own.
public enum Recognition: Sendable, Equatable {
  /// `nearly`: what is there of the format, for a hint; `nil` when nothing is.
  case no(nearly: String?)
  /// Could be read, from the arrangement of folders alone.
  case possible(String)
  /// An annotation file or the format's own folders are there.
  case certain(String)
}

/// What a format's reader returns: all that the files say, nothing checked yet.
public struct FormatReading: Sendable {
  /// The labels that the dataset declares, in its order; used or not.
  public var labels: [String]
  /// What the dataset says of labels besides their names.
  public var labelDetails = LabelDetails()
  public var items: [Subset: [DatasetItem]]
  public var problems: [DatasetProblem]

  public init(
    labels: [String] = [],
    items: [Subset: [DatasetItem]] = [:],
    problems: [DatasetProblem] = []
  ) {
    self.labels = labels
    self.items = items
    self.problems = problems
  }
}

extension FormatReading {
  /// Notes pictures that lie beside those of the dataset and are in no annotation file.
  mutating func noteUnusedPictures(base: URL) {
    var known: [String: Set<Substring>] = [:]
    for item in items.values.joined() {
      guard case .path(let path) = item.image else { continue }
      let name = path.name.utf8
      guard let slash = name.lastIndex(of: UInt8(ascii: "/")) else {
        known[path.folder.path, default: []].insert(path.name[...])
        continue
      }
      let folder = PicturePath(folder: path.folder, name: String(path.name[..<slash])).path
      known[folder, default: []].insert(path.name[name.index(after: slash)...])
    }
    for (path, names) in known.sorted(by: { $0.key < $1.key }) {
      let all = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      let unused = all.filter {
        !names.contains($0[...]) && !$0.hasPrefix(".") && FolderListing.isPictureName($0)
      }.sorted()
      guard let first = unused.first else { continue }
      let folder = URL(filePath: path).path(below: base)
      problems.append(
        DatasetProblem(
          kind: "picture without annotations",
          location: folder,
          message:
            "\("picture".counted(unused.count)) in \(folder) not named by any annotation file, so not used; the first: \(first)",
          remedy: .noted
        )
      )
    }
  }
}
