import Foundation
import OTXCore
import OTXRecipe

extension Recipe {
  /// Settles which weights training starts from.
  ///
  /// `auto` becomes `none`, said aloud: there is no store of published weights yet. A file's path is
  /// made absolute, so that the filled recipe runs from any folder.
  ///
  /// - Parameter decisions: Gets what was decided.
  /// - Returns: The file, or `nil` for random weights.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` when there is no such file.
  mutating func settleWeights(_ decisions: inout [Decision]) throws -> URL? {
    switch weights {
    case "none": return nil
    case "auto":
      weights = "none"
      decisions.append(
        Decision(
          setting: "weights",
          value: "none",
          reason:
            "random weights: none come with this version; start from a file with --weights FILE"
        )
      )
      return nil
    default:
      // Through links: a run moves `latest`, by which users like to name the run before.
      let url = URL(filePath: weights).resolvingSymlinksInPath()
      guard FileManager.default.fileExists(atPath: url.path) else {
        throw ModelError.unreadableCheckpoint(
          file: url.path,
          reason: "there is no such file to take weights from; name another, or 'none'"
        )
      }
      weights = url.path
      return url
    }
  }
}
