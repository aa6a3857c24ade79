import Foundation
import OTXCore

/// The pictures below a folder by their names without endings, for formats whose annotation files
/// leave the ending out.
struct PictureStems {
  let root: URL
  private var pictures: [String: URL] = [:]
  /// Without the folders above, where that is enough.
  private var names: [String: URL] = [:]

  /// - Throws: ``DataError/unreadable(file:reason:)`` for a folder that cannot be read.
  init(below root: URL) throws {
    self.root = root
    for url in try FolderListing.allPictures(below: root) {
      let path = PictureStems.stem(url.path(below: root))
      pictures[path] = pictures[path] ?? url
      let name = path.split(separator: "/").last.map(String.init) ?? path
      names[name] = names[name] ?? url
    }
  }

  /// The picture of a name without its ending; folders may be left out.
  subscript(stem: String) -> URL? {
    let stem = stem.replacingOccurrences(of: "\\", with: "/")
    return pictures[stem] ?? names[stem]
  }

  /// A path without the ending of its file.
  static func stem(_ path: String) -> String {
    guard let dot = path.lastIndex(of: "."), !path[dot...].contains("/") else { return path }
    return String(path[..<dot])
  }

  /// All of them, by path.
  var all: [(stem: String, url: URL)] {
    pictures.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}

extension [DatasetProblem] {
  /// Notes what was left out.
  mutating func leaveOut(_ kind: String, at location: String, _ message: String) {
    append(DatasetProblem(kind: kind, location: location, message: message, remedy: .leftOut))
  }

  /// Notes what is odd and kept.
  mutating func note(_ kind: String, at location: String, _ message: String) {
    append(DatasetProblem(kind: kind, location: location, message: message, remedy: .noted))
  }
}

extension Subset {
  /// The subset that a name stands for, whatever words it has; train for a name that says nothing.
  init(looselyNamed name: String) {
    self = Subset(folderName: name, allowsPrefix: true) ?? .train
  }
}
