import Foundation
import OTXCore
import OTXData
import OTXInference

/// A deployed package as a model to run: its archive, or the folder that it was unpacked to.
enum DeployedPackage {
  /// Whether a path names one; an archive is known by its ending.
  static func isPackage(_ url: URL) -> Bool {
    if url.pathExtension.lowercased() == "zip" { return true }
    return url.isDirectory && !Inputs.isModelFolder(url)
      && !ModelPackage.models(in: url).isEmpty
  }

  /// The models of a package, in the order they look at pictures.
  ///
  /// - Parameters:
  ///   - url: The archive or the folder.
  ///   - scratch: The folder that an archive's models are unpacked to.
  /// - Returns: Their `.xml` files.
  /// - Throws: ``DataError/unreadable(file:reason:)`` for an archive that is damaged, could do harm,
  ///   or holds no model.
  static func models(of url: URL, scratch: URL) throws -> [URL] {
    guard url.pathExtension.lowercased() == "zip" else { return ModelPackage.models(in: url) }
    let archive = try ZipArchive(url)
    let wanted = ["openvino.xml", "openvino.bin", "label_schema.json"]
    for entry in archive.entries where !entry.isFolder {
      let parts = entry.name.split(separator: "/")
      // Below the one folder that it unpacks to, or at the top.
      guard let file = parts.last, wanted.contains(String(file)), parts.count <= 3 else { continue }
      let below = parts.dropLast().last.map(String.init) ?? ""
      let isModel = below == "model" || below.hasPrefix("model-")
      let target = scratch.appending(path: isModel ? "\(below)/\(file)" : String(file))
      try Folder.make(target.deletingLastPathComponent())
      try AtomicFile.write(Data(try archive.contents(of: entry)), to: target)
    }
    let models = ModelPackage.models(in: scratch)
    guard !models.isEmpty else {
      throw DataError.unreadable(
        file: url.path,
        reason: "holds no model/openvino.xml, so it is no deployed package"
      )
    }
    return models
  }
}
