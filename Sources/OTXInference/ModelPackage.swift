package import Foundation

/// The folder that a deployed package is unpacked to.
package enum ModelPackage {
  /// The models of a package, in the order they look at pictures.
  ///
  /// Their folders are `model`, `model-2`, `model-3` and so on.
  package static func models(in folder: URL) -> [URL] {
    var models: [URL] = []
    var name = "model"
    while models.count < 100 {
      let xml = folder.appending(path: "\(name)/openvino.xml")
      guard FileManager.default.fileExists(atPath: xml.path) else { break }
      models.append(xml)
      name = "model-\(models.count + 1)"
    }
    return models
  }

  /// The models that a path means: an `.xml`, its folder, or a package's.
  ///
  /// - Throws: ``InferenceError/usage(_:)`` when there is none.
  package static func models(at url: URL) throws -> [URL] {
    guard url.isFolder else { return [url] }
    let xml = url.appending(path: "openvino.xml")
    if FileManager.default.fileExists(atPath: xml.path) { return [xml] }
    let models = models(in: url)
    guard !models.isEmpty else {
      throw InferenceError.usage(
        "'\(url.relativePath)' holds no model: neither openvino.xml nor model/openvino.xml"
      )
    }
    return models
  }
}
