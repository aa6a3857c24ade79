import Foundation
import OTXCore

/// What a run remembers of where its data was, so that later commands need not be told again.
struct RunRecord: Codable {
  static let fileName = "run.json"

  /// Where each subset was, or the root alone.
  var root: String?
  var format: String?
  var subsets: [String: SubsetLocation]?

  init(_ location: DataLocation) {
    switch location {
    case .root(let url, let format):
      root = url.standardizedFileURL.path
      self.format = format
    case .subsets(let locations, let format):
      subsets = Dictionary(uniqueKeysWithValues: locations.map { ($0.rawValue, $1) })
      self.format = format
    }
  }

  /// The data, unless it is no longer there.
  var location: DataLocation? {
    if let root, FileManager.default.fileExists(atPath: root) {
      return .root(URL(filePath: root), format: format)
    }
    guard let subsets else { return nil }
    var found: [Subset: SubsetLocation] = [:]
    for (name, location) in subsets {
      guard let subset = Subset(rawValue: name) else { return nil }
      let paths = [location.annotations, location.root].compactMap { $0?.path }
      guard paths.allSatisfy({ FileManager.default.fileExists(atPath: $0) }) else { return nil }
      found[subset] = location
    }
    return .subsets(found, format: format)
  }

  func write(to directory: URL) throws {
    try AtomicFile.write(
      try JSONEncoder.pretty.encode(self),
      to: directory.appending(path: RunRecord.fileName)
    )
  }

  /// The record of the run that left `model`, where it still stands beside it, or beside the folder
  /// that `model` was exported to.
  static func beside(_ model: URL) -> RunRecord? {
    var isDirectory: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: model.path, isDirectory: &isDirectory)
    let folder = isDirectory.boolValue ? model : model.deletingLastPathComponent()
    let places = [folder, folder.deletingLastPathComponent()].map { $0.appending(path: fileName) }
    guard let data = places.lazy.compactMap({ try? Data(contentsOf: $0) }).first else { return nil }
    return try? JSONDecoder().decode(RunRecord.self, from: data)
  }
}
