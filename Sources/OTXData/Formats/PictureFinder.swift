import Foundation
import OTXCore

/// Finds the files that picture names in annotation files stand for.
///
/// Names come from many systems: with `\\` between folders, with the absolute path of another
/// machine, in another Unicode form or another case than the file system has. The name as it stands
/// goes first; the others are tried when it leads nowhere.
struct PictureFinder {
  private var roots: [URL]
  private var folders: [PictureFolder]
  /// Names in folders: read once, for a look at each of 100,000 pictures does not come free.
  private var listings: [String: Set<String>] = [:]
  /// Names in a folder by their folded form, filled when a name leads nowhere.
  private var foldedNames: [String: [String: String]] = [:]

  /// Bytes of the longest path that systems know; looking for parts of longer ones would take time
  /// that grows with the square of their length.
  static let longestPath = 4096

  /// - Parameter roots: Folders that names may be relative to, the likeliest first.
  init(roots: [URL]) {
    self.roots = roots
    folders = roots.map(PictureFolder.init)
  }

  /// The file of a name: the first that exists, else where it should be.
  ///
  /// The folder that had the last picture is looked into first.
  mutating func find(_ name: String) -> URL { path(of: name).url }

  /// The file of a name, below the root that has it.
  mutating func path(of name: String) -> PicturePath {
    if let path = existing(name) { return path }
    for other in PictureFinder.otherReadings(of: name) {
      if let path = existing(other) { return path }
    }
    let isPlain = PictureFinder.isPlain(name)
    for index in roots.indices {
      let found =
        isPlain
        ? foldedNames(in: folders[index].path)[name.lowercased()]
        : foldedMatch(name, in: roots[index])
      if let found {
        return PicturePath(folder: folders[index], name: found)
      }
    }
    let plain = name.hasPrefix("/") ? String(name.drop { $0 == "/" }) : name
    return PicturePath(
      folder: name.hasPrefix("/")
        ? PictureFolder(URL(filePath: "/"))
        : folders.first
          ?? PictureFolder(URL(filePath: "/")),
      name: plain
    )
  }

  private mutating func existing(_ name: String) -> PicturePath? {
    guard !name.isEmpty, !name.utf8.contains(0) else { return nil }
    if name.hasPrefix("/") {
      return exists(name)
        ? PicturePath(folder: PictureFolder(URL(filePath: "/")), name: String(name.dropFirst()))
        : nil
    }
    for index in folders.indices {
      let path = PicturePath(folder: folders[index], name: name)
      if exists(path.path) {
        if index > 0 {
          roots.swapAt(0, index)
          folders.swapAt(0, index)
        }
        return path
      }
    }
    return nil
  }

  private mutating func exists(_ path: String) -> Bool {
    let bytes = path.utf8
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return false }
    let name = path[bytes.index(after: slash)...]
    let folder = slash == bytes.startIndex ? "/" : String(path[..<slash])
    return isListed(String(name), in: folder)
  }

  private mutating func isListed(_ name: String, in folder: String) -> Bool {
    guard name.utf8.allSatisfy({ $0 < 0x80 }) else {
      // Texts of two Unicode forms are equal, files of such names are two.
      var status = stat()
      return stat("\(folder)/\(name)", &status) == 0
    }
    if let known = listings[folder] { return known.contains(name) }
    let names = Set((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    listings[folder] = names
    return names.contains(name)
  }

  /// Whether a name is one that all systems write the same: ASCII, of no folder.
  private static func isPlain(_ name: String) -> Bool {
    name.utf8.allSatisfy { byte in
      byte < 0x80 && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "\\")
        && byte != UInt8(ascii: ":")
    }
  }

  /// The same name as other systems write it, and ever fewer of its folders.
  private static func otherReadings(of name: String) -> [String] {
    guard name.utf8.count <= longestPath else { return [] }
    if isPlain(name) { return [] }
    var path = name.replacingOccurrences(of: "\\", with: "/")
    if path.count > 2, path.dropFirst().first == ":" { path = String(path.dropFirst(2)) }
    let parts = path.split(separator: "/").filter { $0 != "." }
    var names = [parts.joined(separator: "/")]
    // The absolute path of another machine: what its end says is enough, if it is here.
    if path.hasPrefix("/") || parts.contains("..") {
      names += (1..<max(parts.count, 1)).map { parts.dropFirst($0).joined(separator: "/") }
    } else if let last = parts.last, parts.count > 1 {
      names.append(String(last))
    }
    let composed = names.map(\.precomposedStringWithCanonicalMapping)
    let decomposed = names.map(\.decomposedStringWithCanonicalMapping)
    return names + composed + decomposed
  }

  /// The file of a folder whose name is the same but for case and Unicode form.
  private mutating func foldedMatch(_ name: String, in root: URL) -> String? {
    let path = name.replacingOccurrences(of: "\\", with: "/")
    let parts = path.split(separator: "/").map(String.init)
    guard let last = parts.last, !path.hasPrefix("/"), !parts.contains("..") else { return nil }
    let folder = parts.dropLast().joined(separator: "/")
    let place = folder.isEmpty ? root.path : root.appending(path: folder).path
    guard let found = foldedNames(in: place)[PictureFinder.folded(last)] else { return nil }
    return folder.isEmpty ? found : "\(folder)/\(found)"
  }

  private mutating func foldedNames(in folder: String) -> [String: String] {
    if let known = foldedNames[folder] { return known }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let folded = Dictionary(names.sorted().map { (PictureFinder.folded($0), $0) }) { first, _ in
      first
    }
    foldedNames[folder] = folded
    return folded
  }

  private static func folded(_ name: String) -> String {
    let isASCII = name.utf8.allSatisfy { $0 < 0x80 }
    return (isASCII ? name : name.precomposedStringWithCanonicalMapping).lowercased()
  }
}
