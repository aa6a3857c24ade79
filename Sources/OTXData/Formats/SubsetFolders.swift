import Foundation
import OTXCore

/// A folder that holds all of one subset.
struct SubsetFolder {
  var subset: Subset
  var folder: URL
}

/// Finds the folders of subsets in formats that have one for each, or none at all.
enum SubsetFolders {
  /// The folders below `root` that are named after a subset and hold what is looked for; else
  /// `root` itself, for training, if it does.
  static func find(
    in root: URL,
    where holds: (FolderListing) throws -> Bool
  ) throws -> [SubsetFolder] {
    let listing = try FolderListing(root)
    let found = try listing.folders.compactMap { folder -> SubsetFolder? in
      guard let subset = Subset(folderName: folder.lastPathComponent),
        try holds(FolderListing(folder))
      else { return nil }
      return SubsetFolder(subset: subset, folder: folder)
    }
    if !found.isEmpty { return found }
    return try holds(listing) ? [SubsetFolder(subset: .train, folder: root)] : []
  }

  /// The same for what a user named, and what names are relative to.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)`` where nothing is found.
  static func find(
    _ location: DataLocation,
    format: some DatasetFormat,
    where holds: (FolderListing) throws -> Bool
  ) throws -> (base: URL, folders: [SubsetFolder]) {
    switch location {
    case .root(let root, _):
      let folders = try find(in: root, where: holds)
      guard !folders.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason:
            "holds no \(format.title) dataset; expected \(format.layouts.joined(separator: ", or "))"
        )
      }
      return (root, folders)
    case .subsets(let subsets, _):
      let folders = Subset.allCases.compactMap { subset in
        (subsets[subset].flatMap { $0.root ?? $0.annotations }).map {
          SubsetFolder(subset: subset, folder: $0)
        }
      }
      let base = folders.first?.folder.deletingLastPathComponent()
      return (base ?? URL(filePath: "/"), folders)
    }
  }
}
