public import Foundation
import OTXCore

/// A file of a workspace that cannot be used, or not as its writer may think.
public struct RecipeProblem: Sendable, Equatable, CustomStringConvertible {
  public var file: URL
  /// Where in the file, from 1; `nil`: the whole of it.
  public var line: Int?
  public var reason: String
  /// Whether the file is a recipe all the same.
  public var isNote: Bool

  init(file: URL, reason: String, isNote: Bool = false) {
    (self.file, self.reason, self.isNote) = (file, reason, isNote)
  }

  /// What an error says of `file`, its place taken out of the text.
  init(file: URL, error: any Error) {
    self.init(file: file, reason: "\(error)")
    guard reason.hasPrefix(file.relativePath + ":") else { return }
    reason = String(reason.dropFirst(file.relativePath.count + 1))
    let digits = reason.prefix { $0.isNumber }
    if let number = Int(digits), reason.dropFirst(digits.count).first == ":" {
      line = number
      reason = String(reason.dropFirst(digits.count + 1))
    }
    reason = reason.trimmingCharacters(in: .whitespaces)
  }

  /// `recipes/mine.yaml:7: unknown key …`.
  public var description: String {
    "\(file.relativePath)\(line.map { ":\($0)" } ?? ""): \(reason)"
  }
}

/// The recipe files of a folder, and what the system says of them.
struct RecipeFolder {
  /// A recipe file and its path without the ending, below the folder.
  typealias NamedFile = (name: String, file: URL)

  /// In the order of their names, those of the folders in it after them; none where there is no
  /// folder.
  var files: [NamedFile] = []
  var problem: RecipeProblem?

  init(_ directory: URL) {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: directory.path, isDirectory: &isDirectory) else {
      return
    }
    guard isDirectory.boolValue else {
      problem = RecipeProblem(file: directory, reason: "is no folder")
      return
    }
    let top: [URL]
    do {
      top = try RecipeFolder.contents(of: directory)
    } catch {
      problem = RecipeProblem(file: directory, reason: "cannot be read: \(error.reason)")
      return
    }
    files = RecipeFolder.recipes(top, "")
    for folder in top where folder.pathExtension.isEmpty {
      let inside = (try? RecipeFolder.contents(of: folder)) ?? []
      files += RecipeFolder.recipes(inside, folder.lastPathComponent + "/")
    }
  }

  private static func contents(of folder: URL) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { !$0.lastPathComponent.hasPrefix(".") }
      .sorted { $0.path < $1.path }
  }

  private static func recipes(_ entries: [URL], _ prefix: String) -> [NamedFile] {
    entries.filter(RecipeFile.isNamed).map {
      (prefix + $0.deletingPathExtension().lastPathComponent, $0)
    }
  }
}

/// What a workspace's recipe files looked like at one moment: their names, sizes and times.
struct WorkspaceStamp: Sendable, Equatable {
  private struct Entry: Sendable, Equatable {
    var name: String
    var file: URL
    var size: Int
    var seconds: Int
    var nanoseconds: Int
    var inode: UInt64
  }

  private var entries: [Entry] = []
  var problem: RecipeProblem?

  var files: [RecipeFolder.NamedFile] { entries.map { ($0.name, $0.file) } }

  init(_ directory: URL?) {
    guard let directory else { return }
    let folder = RecipeFolder(directory)
    problem = folder.problem
    entries = folder.files.map { name, file in
      var facts = stat()
      _ = stat(file.path, &facts)
      return Entry(
        name: name,
        file: file,
        size: Int(facts.st_size),
        seconds: Int(facts.st_mtim.tv_sec),
        nanoseconds: Int(facts.st_mtim.tv_nsec),
        inode: UInt64(facts.st_ino)
      )
    }
  }
}
