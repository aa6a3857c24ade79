import Foundation
import OTXCore

/// Finds out which format a folder is in.
enum FormatRecognizer {
  /// The one format that reads `root`.
  ///
  /// A format that found its annotation files goes before one that could read the arrangement of
  /// folders.
  ///
  /// - Parameters:
  ///   - root: A folder, or one annotation file.
  ///   - formats: The formats to choose from.
  /// - Returns: The format, and what it was known by.
  /// - Throws: ``DataError/ambiguousFormat(root:formats:)``, ``DataError/unknownFormat(root:hint:)``,
  ///   ``DataError/unreadable(file:reason:)`` for a folder that is not there.
  static func recognize(
    _ root: URL,
    among formats: [any DatasetFormat]
  ) throws -> (format: any DatasetFormat, evidence: String) {
    // A missing folder is its own error.
    var isDirectory: ObjCBool = false
    let isFile =
      FileManager.default.fileExists(atPath: root.path, isDirectory: &isDirectory)
      && !isDirectory.boolValue
    let listing = isFile ? nil : try FolderListing(root)
    let results = FolderListing.$cache.withValue(FolderListingCache()) {
      formats.map { ($0, $0.recognizes(root)) }
    }
    let certain = results.filter { if case .certain = $0.1 { true } else { false } }
    let possible = results.filter { if case .possible = $0.1 { true } else { false } }
    let candidates = certain.isEmpty ? possible : certain
    if let (format, recognition) = candidates.first, candidates.count == 1 {
      switch recognition {
      case .certain(let evidence), .possible(let evidence): return (format, evidence)
      case .no: break
      }
    }
    guard candidates.isEmpty else {
      throw DataError.ambiguousFormat(root: root.path, formats: candidates.map(\.0.name))
    }
    throw DataError.unknownFormat(root: root.path, hint: hint(listing, results))
  }

  /// How many formats, the first of the list, are shown where none is found.
  private static let commonCount = 4

  private static func hint(
    _ listing: FolderListing?,
    _ results: [(any DatasetFormat, Recognition)]
  ) -> String {
    var lines = ["Found: \(listing.map(contents) ?? "a file that is no annotation file")."]
    for (format, recognition) in results {
      if case .no(.some(let nearly)) = recognition {
        lines.append("Almost \(format.title): \(nearly).")
      }
    }
    if let listing, let inside = inside(listing, results.map(\.0)) { lines.append(inside) }
    lines.append("Expected one of:")
    // The commonest, and what is nearly there; all of them would hide these.
    for (index, (format, recognition)) in results.enumerated() {
      let isNear = if case .no(.some) = recognition { true } else { false }
      guard isNear || index < commonCount || results.count <= 2 * commonCount else { continue }
      lines += format.layouts.map { "  \(format.name): \($0)" }
    }
    if results.count > 2 * commonCount {
      lines.append("'otx data formats' lists all \(results.count) formats.")
    }
    return lines.joined(separator: "\n")
  }

  /// A dataset in a folder of the folder.
  private static func inside(_ listing: FolderListing, _ formats: [any DatasetFormat]) -> String? {
    for folder in listing.folders.prefix(20) {
      for format in formats {
        guard case .certain = format.recognizes(folder) else { continue }
        return
          "The folder \(folder.lastPathComponent)/ is a \(format.title) dataset: name that one."
      }
    }
    return nil
  }

  /// What a folder holds, in a line.
  static func contents(of listing: FolderListing) -> String {
    var parts: [String] = []
    if !listing.folders.isEmpty {
      let names = listing.folders.prefix(6).map { $0.lastPathComponent + "/" }
      let more = listing.folders.count > 6 ? ", …" : ""
      parts.append(
        "\("folder".counted(listing.folders.count)) (\(names.joined(separator: ", "))\(more))"
      )
    }
    let endings = Dictionary(grouping: listing.files) { $0.pathExtension.lowercased() }
    for (ending, files) in endings.sorted(by: {
      ($1.value.count, $0.key) < ($0.value.count, $1.key)
    }
    ).prefix(5) {
      parts.append("\(files.count) \(ending.isEmpty ? "without an ending" : ".\(ending)")")
    }
    return parts.isEmpty ? "an empty folder" : parts.joined(separator: ", ")
  }
}
