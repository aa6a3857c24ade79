import Foundation
import OTXCore
package import OTXRecipe

extension RecipeRequest {
  /// This request, with the labels that the model file knows which training is to start from.
  ///
  /// - Throws: ``ConfigurationError`` for a wrong value; ``ModelError`` for a damaged file.
  package func knowingWeights() throws -> RecipeRequest {
    guard knownLabels == nil else { return self }
    let start = recipe ?? Recipe(name: "", task: .detection, model: ModelOptions(""))
    let file = URL(filePath: try start.applying(overrides).weights)
    guard FileManager.default.fileExists(atPath: file.path) else { return self }
    var result = self
    result.knownLabels = try CheckpointFile.readInfo(file)?.labels.names
    return result
  }
}
