import Foundation
import OTXCore
import OTXRecipe

/// What the positional arguments of a command are: each is known by what it looks like, so that
/// their order does not matter.
struct Inputs {
  var recipe: String?
  var data: String?
  var model: String?
  var images: [String] = []

  static let imageExtensions = ["jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp"]
  static let modelExtensions = ["pth", "pt", "ckpt", "safetensors", "xml"]

  /// - Parameters:
  ///   - arguments: The positional arguments.
  ///   - library: The recipes there are.
  ///   - takesModel: Whether the command works on a model.
  ///   - predicts: Whether a folder holds pictures to predict on rather than a dataset.
  /// - Throws: ``UsageError`` for an argument that is nothing of these, or one too many.
  init(
    _ arguments: [String],
    library: RecipeLibrary,
    takesModel: Bool,
    predicts: Bool = false
  ) throws {
    for argument in arguments {
      switch try Inputs.kind(of: argument, library, takesModel: takesModel) {
      case .recipe: recipe = try once(recipe, argument, "recipe")
      case .model: model = try once(model, argument, "model")
      case .image: images.append(argument)
      case .data where predicts && Inputs.isImageFolder(argument):
        images += try Inputs.images(in: argument)
      case .data: data = try once(data, argument, "dataset")
      }
    }
    if data != nil && !images.isEmpty {
      throw UsageError("both a dataset and pictures are named; name one")
    }
  }

  private enum Kind { case recipe, data, model, image }

  private static func kind(
    of argument: String,
    _ library: RecipeLibrary,
    takesModel: Bool
  ) throws -> Kind {
    let url = URL(filePath: argument)
    let suffix = url.pathExtension.lowercased()
    let exists = FileManager.default.fileExists(atPath: url.path)
    if url.isDirectory {
      return takesModel && isModelFolder(url) ? .model : .data
    }
    if exists, ["yaml", "yml", "json"].contains(suffix) {
      if isEmpty(url) {
        throw UsageError("'\(argument)' is empty; it should be a data.yaml or a recipe")
      }
      return DataFile.isDataFile(url) ? .data : .recipe
    }
    if library.names(argument) { return .recipe }
    if exists, suffix == "xml", RecipeFile.isXMLRecipe(url) { return .recipe }
    if modelExtensions.contains(suffix) {
      guard takesModel else {
        throw UsageError(
          "'\(argument)' is a model; to start training from its weights, use --weights \(argument)"
        )
      }
      guard exists else {
        throw UsageError(
          "there is no model at '\(argument)'" + Suggestion.phrase(forPath: argument)
        )
      }
      return .model
    }
    if imageExtensions.contains(suffix) {
      guard exists else {
        throw UsageError(
          "there is no picture at '\(argument)'" + Suggestion.phrase(forPath: argument)
        )
      }
      return .image
    }
    let registry = Registry(models: CurrentJobs.value.models, library: library)
    if !exists, try registry.pairing(called: argument) != nil { return .recipe }
    if exists { throw UsageError("'\(argument)' is no recipe, model, picture or dataset") }
    if argument.contains("/") || !suffix.isEmpty {
      throw UsageError("there is nothing at '\(argument)'" + Suggestion.phrase(forPath: argument))
    }
    // A bare word that is nothing: a recipe's name, mistyped, or a file that is not there.
    do {
      _ = try library.recipe(argument)
    } catch ConfigurationError.unknownName(let name, let kind, let known)
      where Suggestion.nearest(to: name, among: known) == nil
    {
      let choices = known.joined(separator: ", ")
      throw UsageError(
        "there is nothing at '\(argument)', and no \(kind) of that name (\(choices))"
          + Suggestion.phrase(forPath: argument)
      )
    }
    return .recipe
  }

  /// Whether a file says nothing: no byte but white space and YAML's comments.
  private static func isEmpty(_ url: URL) -> Bool {
    guard let text = try? String(contentsOf: url, encoding: .utf8) else { return false }
    return text.split(whereSeparator: \.isNewline).allSatisfy { line in
      let words = line.trimmingCharacters(in: .whitespaces)
      return words.isEmpty || words.hasPrefix("#") || words == "---" || words == "..."
    }
  }

  /// A run's folder, or an export's.
  static func isModelFolder(_ url: URL) -> Bool {
    ["weights.pth", "models/weights.pth", "openvino.xml"].contains {
      FileManager.default.fileExists(atPath: url.appending(path: $0).path)
    }
  }

  /// Whether a model is OpenVINO's rather than a checkpoint.
  static func isExportedModel(_ url: URL) -> Bool {
    guard url.isDirectory else { return url.pathExtension.lowercased() == "xml" }
    return !["weights.pth", "models/weights.pth"].contains {
      FileManager.default.fileExists(atPath: url.appending(path: $0).path)
    }
  }

  private static func isImageFolder(_ path: String) -> Bool {
    URL(filePath: path).isDirectory
  }

  /// Whether a folder itself holds pictures.
  static func holdsPictures(_ folder: String) -> Bool {
    (try? images(in: folder)) != nil
  }

  private static func images(in folder: String) throws -> [String] {
    let found = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      .filter { imageExtensions.contains(URL(filePath: $0).pathExtension.lowercased()) }
    guard !found.isEmpty else { throw UsageError("'\(folder)' holds no pictures") }
    return found.map { folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }
  }

  private func once(_ old: String?, _ new: String, _ what: String) throws -> String {
    if let old { throw UsageError("two of a kind: both '\(old)' and '\(new)' look like a \(what)") }
    return new
  }
}
