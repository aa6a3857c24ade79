public import Foundation
import OTXCore
import OTXRecipe

/// What a search remembers of itself beside its trials, so that whoever goes on with it need not be
/// told again.
struct SearchRecord: Codable {
  static let fileName = "search.json"
  static let storeName = "search.sqlite"
  static let recipeName = "recipe.yaml"
  static let version = 1

  var version = SearchRecord.version
  /// Where its data is, what was decided before, the memory there is.
  var data: RunRecord
  /// Training pictures, and how many of them trials learn from.
  var imageCount: Int
  var trialImageCount: Int
  /// Pieces of work at a time.
  var jobs = 1
  var allowsPartialWeights = false
  /// What the search took until now.
  var secondsSpent = 0.0
  /// The precision that was measured by the first trial; all have the same.
  var precision: Precision?
  /// Where the model files of the final training go, if not into its folder.
  var models: String?
  /// The final training, by the name of its folder, from its beginning.
  var finalRun: String?

  /// Whether the search came to its end, and not the budget to nothing.
  var isSearched = false

  func write(to folder: URL) throws {
    try AtomicFile.write(
      try JSONEncoder.pretty.encode(self),
      to: folder.appending(path: SearchRecord.fileName)
    )
  }

  /// - Throws: ``ConfigurationError/invalid(_:)`` for a folder that holds no search, or one that this
  ///   version cannot go on with.
  init(in folder: URL) throws {
    let file = folder.appending(path: SearchRecord.fileName)
    guard let data = try? Data(contentsOf: file) else {
      throw ConfigurationError.invalid(
        "\(folder.relativePath) is not the folder of a search: it holds no \(SearchRecord.fileName)"
      )
    }
    struct Version: Decodable { var version: Int }
    if let found = try? JSONDecoder().decode(Version.self, from: data).version,
      found > SearchRecord.version
    {
      throw ConfigurationError.invalid(
        "\(file.path) was written by a newer version of this program; use that one"
      )
    }
    do {
      self = try JSONDecoder().decode(SearchRecord.self, from: data)
    } catch {
      throw ConfigurationError.invalid("\(file.path) is damaged; start a new search")
    }
  }

  init(data: RunRecord, imageCount: Int, trialImageCount: Int) {
    self.data = data
    self.imageCount = imageCount
    self.trialImageCount = trialImageCount
  }
}

extension Workspace {
  /// The folder of searches, each with a folder of its own.
  public var searches: Workspace {
    Workspace(root: root.appending(path: "search", directoryHint: .isDirectory))
  }

  /// The newest search that has not come to its end, its final training included; `nil` where there
  /// is none.
  public var newestUnfinishedSearch: URL? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: searches.root.path)) ?? []
    return names.sorted().reversed().lazy
      .map { searches.root.appending(path: $0, directoryHint: .isDirectory) }
      .first { folder in
        guard folder.lastPathComponent != "latest", let record = try? SearchRecord(in: folder)
        else { return false }
        guard let run = record.finalRun else { return true }
        return (try? RunRecord(in: root.appending(path: run)))?.stopReason == nil
      }
  }

  /// Whether a folder is that of a search.
  public static func isSearch(_ folder: URL) -> Bool {
    let file = folder.appending(path: SearchRecord.fileName)
    return FileManager.default.fileExists(atPath: file.path)
  }
}
