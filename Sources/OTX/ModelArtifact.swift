import Foundation
import OTXCore
import OTXOpenVINO
import OTXRecipe

/// A model on disk, whatever its kind, as far as it can be known without loading a framework.
struct ModelArtifact {
  var source: ModelSource
  var info: ModelInfo
  /// The recipe it was trained with; defaults where the file does not carry it.
  var recipe: Recipe
  /// What was decided for the user before it was trained.
  var decisions: [Decision] = []

  /// - Parameters:
  ///   - url: `weights.pth`, `openvino.xml`, or a folder with one of them.
  ///   - library: The recipes that a recipe inside the file may stand on.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``.
  init(_ url: URL, library: RecipeLibrary) throws {
    // Through links: the file is read when it is needed, and a run moves `latest` until then.
    let file = try ModelArtifact.file(url).resolvingSymlinksInPath()
    switch file.pathExtension.lowercased() {
    case "xml":
      source = .ir(file)
      info = try ModelInfo(readingIR: file)
      recipe = Recipe(for: info)
    case "pth", "pt", "ckpt":
      guard let info = try CheckpointFile.readInfo(file) else {
        throw ModelError.unreadableCheckpoint(
          file: file.path,
          reason:
            "holds weights but not which model they belong to; give it to 'otx train --weights' instead"
        )
      }
      source = .checkpoint(file)
      self.info = info
      decisions = try CheckpointFile.readDecisions(file)
      recipe =
        try CheckpointFile.readRecipe(file).map {
          try Recipe(
            yaml: $0,
            source: "recipe in \(file.path)",
            name: info.model,
            among: library.entries
          )
        } ?? Recipe(for: info)
    default:
      throw ModelError.unreadableCheckpoint(
        file: file.path,
        reason: "is no model file; models end in .pth or .xml"
      )
    }
  }

  /// The model file that `url` means.
  private static func file(_ url: URL) throws -> URL {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) else {
      throw ModelError.unreadableCheckpoint(file: url.path, reason: "there is no such file")
    }
    guard isDirectory.boolValue else { return url }
    let candidates = ["weights.pth", "models/weights.pth", "openvino.xml"]
      .map { url.appending(path: $0) }
    guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) })
    else {
      throw ModelError.unreadableCheckpoint(
        file: url.path,
        reason: "the folder holds no weights.pth and no openvino.xml"
      )
    }
    return found
  }
}
