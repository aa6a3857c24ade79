public import Foundation
import OTXCore
import OTXRecipe

/// A run that stopped before its end, as far as its folder tells: what it takes to go on.
struct StoppedRun {
  let root: URL
  let record: RunRecord
  /// What its last checkpoint says of the model; `nil` where it was stopped before the first one.
  let info: ModelInfo?
  let recipe: Recipe
  /// Whether data that changed is to be trained on.
  var allowsChangedData = false
  /// Its copy of a network that was a TorchScript file.
  var network: URL { RunDirectory(root: root, models: root, cache: root).network }
  /// What was changed in the recipe, for people.
  var notes: [String] = []

  /// - Parameters:
  ///   - root: The run's folder.
  ///   - overrides: Values of its recipe to change; few can be.
  ///   - library: The recipes that its recipe may stand on.
  /// - Throws: ``ConfigurationError`` for a folder that is no run, for a run that is finished, and
  ///   for a value that contradicts what is trained already.
  init(_ root: URL, overrides: [RecipeOverride], library: RecipeLibrary) throws {
    // Through links: `latest` is moved by whoever starts another run.
    let root = root.resolvingSymlinksInPath()
    guard let record = try? RunRecord(in: root) else {
      throw ConfigurationError.invalid(
        "\(root.relativePath) is not the folder of a run that can go on: it holds no \(RunRecord.fileName)"
      )
    }
    if record.stages != nil {
      throw ConfigurationError.invalid(
        "\(root.relativePath) is a run of stages; a Workflow goes on with it, an Engine with one of its stages"
      )
    }
    self.root = root
    self.record = record
    let checkpoint = root.appending(path: "last.pth")
    let text: String
    if FileManager.default.fileExists(atPath: checkpoint.path) {
      info = try CheckpointFile.readInfo(checkpoint)
      text = try CheckpointFile.readRecipe(checkpoint) ?? ""
    } else {
      info = nil
      text = try StoppedRun.text(of: root.appending(path: "recipe.yaml"))
    }
    let old = try Recipe(
      yaml: text,
      source: "the recipe of \(root.relativePath)",
      name: root.lastPathComponent,
      among: library.entries
    )
    recipe = try old.applying(overrides)
    notes = try StoppedRun.changes(from: old, overrides)
    if let reason = record.stopReason { try checkExtension(of: old, finishedBecause: reason) }
  }

  private static func text(of url: URL) throws -> String {
    do {
      return try String(contentsOf: url, encoding: .utf8)
    } catch {
      throw FileError.cannotRead(url.path, reason: error.reason)
    }
  }

  /// Keys that may change in the middle of a run.
  private static func mayChange(_ key: String) -> Bool {
    ["maxEpochs", "data.workerCount", "threads"].contains(key)
      || key.hasPrefix("earlyStopping.") || key.hasPrefix("checkpoint.")
  }

  /// Lets through what may change, and names it.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` for what would make another run of it.
  private static func changes(from old: Recipe, _ overrides: [RecipeOverride]) throws -> [String] {
    var notes: [String] = []
    for entry in overrides where try old.applying([entry]) != old {
      for key in try entry.keys() {
        guard mayChange(key) else {
          throw ConfigurationError.invalid(
            "\(entry.source): \(key) cannot change in the middle of a run; leave it out, or start a new run"
          )
        }
        notes.append("\(key) has another value from here on (\(entry.source))")
      }
    }
    return notes
  }

  private func checkExtension(of old: Recipe, finishedBecause reason: String) throws {
    let command = "otx train --resume \(root.relativePath)"
    let isLonger = recipe.training.maxEpochs > old.training.maxEpochs
    let isPatient = recipe.training.earlyStopping != old.training.earlyStopping
    guard !isLonger, !isPatient else { return }
    let more =
      reason.hasPrefix("all ")
      ? "--max-epochs \(2 * old.training.maxEpochs)" : "--set earlyStopping.enabled=false"
    throw ConfigurationError.invalid(
      "\(root.relativePath) is finished (\(reason)). To train it further: \(command) \(more)"
    )
  }
}

extension Workspace {
  /// The newest run that has not come to its end, or `nil`.
  public var newestUnfinishedRun: URL? {
    // The link first: names are times, and clocks are set back now and then.
    if let latest = latestRun, Workspace.isUnfinished(latest) { return latest }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    let runs = names.compactMap { name -> (order: RunOrder, url: URL)? in
      guard let order = RunOrder(name) else { return nil }
      let url = root.appending(path: name, directoryHint: .isDirectory)
      return Workspace.isUnfinished(url) ? (order, url) : nil
    }
    return runs.max { $0.order < $1.order }?.url
  }

  private static func isUnfinished(_ run: URL) -> Bool {
    guard let record = try? RunRecord(in: run) else { return false }
    return record.process != nil && record.stopReason == nil
  }

  /// What the name of a run's folder says of its age.
  private struct RunOrder: Comparable {
    var stamp: Substring
    var number: Int

    init?(_ name: String) {
      guard let match = name.wholeMatch(of: /(\d{8}_\d{6})(?:-(\d+))?/) else { return nil }
      stamp = match.1
      number = match.2.flatMap { Int($0) } ?? 1
    }

    static func < (left: RunOrder, right: RunOrder) -> Bool {
      (left.stamp, left.number) < (right.stamp, right.number)
    }
  }
}
