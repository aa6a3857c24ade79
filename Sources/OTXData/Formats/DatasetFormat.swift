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

  /// Writes items in this format.
  ///
  /// - Parameters:
  ///   - dataset: What to write; pictures are copied or encoded.
  ///   - root: A folder; it is made where it is missing.
  /// - Throws: ``DataError/unreadable(file:reason:)`` when something cannot be read or written.
  func write(_ dataset: Dataset, to root: URL) throws
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
    var known: [String: Set<String>] = [:]
    for item in items.values.joined() {
      guard case .file(let url) = item.image else { continue }
      known[url.deletingLastPathComponent().path, default: []].insert(url.lastPathComponent)
    }
    for (path, names) in known.sorted(by: { $0.key < $1.key }) {
      guard let listing = try? FolderListing(URL(filePath: path)) else { continue }
      let unused = listing.pictures.map(\.lastPathComponent).filter { !names.contains($0) }
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
