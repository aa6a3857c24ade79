import Foundation
import OTXCore

/// What a run remembers of itself beside its recipe: where its data was, so that later commands need
/// not be told again, and what going on with it takes.
///
/// All but the places of the data are optional: folders of models have none of it, nor had the runs
/// of earlier versions.
struct RunRecord: Codable {
  static let fileName = "run.json"

  /// Where each subset was, or the root alone.
  var root: String?
  var format: String?
  var subsets: [String: SubsetLocation]?

  /// Where model files go, if not into the run's folder.
  var models: String?
  /// Bytes that training may take; 0: what the machine has.
  var memoryLimit: Int?
  /// How many of the training pictures it learns from, as a trial of a search may; `nil`: all.
  var trainingItemCount: Int?
  /// What was decided for the user.
  var decisions: [Decision]?
  /// The process that trains the run, or did so last.
  var process: Int32?
  /// The folders of a run's stages; `nil` where it is one training.
  var stages: [String]?
  /// Why training ended; `nil` where it did not, or was interrupted.
  var stopReason: String?

  init(_ location: DataLocation?) {
    switch location {
    case .root(let url, let format):
      root = url.standardizedFileURL.path
      self.format = format
    case .subsets(let locations, let format):
      subsets = Dictionary(uniqueKeysWithValues: locations.map { ($0.rawValue, $1) })
      self.format = format
    case nil: break
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

  /// Reads the record in a run's folder.
  init(in directory: URL) throws {
    let data = try Data(contentsOf: directory.appending(path: RunRecord.fileName))
    self = try JSONDecoder().decode(RunRecord.self, from: data)
  }

  /// The record of the run that left `model`, where it still stands beside it, or beside the folder
  /// that `model` was exported to.
  static func beside(_ model: URL) -> RunRecord? {
    var isDirectory: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: model.path, isDirectory: &isDirectory)
    let folder = isDirectory.boolValue ? model : model.deletingLastPathComponent()
    let places = [folder, folder.deletingLastPathComponent()]
    return places.lazy.compactMap { try? RunRecord(in: $0) }.first
  }
}
