import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

/// What shells offer when a user presses Tab.
///
/// Names are asked of the program itself, so that recipes of one's own are offered, too.
extension CompletionKind {
  static var tasks: CompletionKind { .list(TaskType.allCases.map(\.rawValue)) }

  static var models: CompletionKind {
    .custom { _, _, prefix in
      CurrentJobs.value.models.names(of: nil).filter { $0.hasPrefix(prefix) }
    }
  }

  static var backbones: CompletionKind {
    .custom { _, _, prefix in
      CurrentJobs.value.backbones.map(\.name).filter { $0.hasPrefix(prefix) }
    }
  }

  /// Models and backbones.
  static var networks: CompletionKind {
    .custom { _, _, prefix in CurrentWeights.networks.filter { $0.hasPrefix(prefix) } }
  }

  static var networksAndFiles: CompletionKind {
    .custom { _, _, prefix in
      CurrentWeights.networks.filter { $0.hasPrefix(prefix) } + paths(prefix)
    }
  }

  /// Networks whose weights can be fetched.
  static var publishedWeights: CompletionKind {
    .custom { _, _, prefix in
      CurrentWeights.publishedNames.filter { $0.hasPrefix(prefix) }
    }
  }

  /// What training can start from.
  static var weights: CompletionKind {
    .custom { _, _, prefix in
      let words = ["auto", "none", "download"] + CurrentWeights.storedNames
      return words.filter { $0.hasPrefix(prefix) } + paths(prefix)
    }
  }

  static var recipes: CompletionKind {
    .custom { _, _, prefix in recipeNames(prefix) }
  }

  /// Recipes, and whatever else lies in the folder that is being typed.
  static var recipesAndFiles: CompletionKind {
    .custom { _, _, prefix in recipeNames(prefix) + paths(prefix) }
  }

  private static func recipeNames(_ prefix: String) -> [String] {
    let own = URL(filePath: "otx-workspace/recipes")
    return RecipeLibrary(userDirectory: own).entries.map(\.name).filter { $0.hasPrefix(prefix) }
  }

  private static func paths(_ prefix: String) -> [String] {
    let end = prefix.lastIndex(of: "/").map { prefix.index(after: $0) } ?? prefix.startIndex
    let folder = String(prefix[..<end])
    let names =
      (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
    return names.sorted().filter { !$0.hasPrefix(".") && $0.hasPrefix(prefix[end...]) }.map {
      URL(filePath: folder + $0).isDirectory ? folder + $0 + "/" : folder + $0
    }
  }
}
