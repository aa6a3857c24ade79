import Foundation
import OTXCore
import OTXNN

/// Where in its course a training is, and what it has come to know.
///
/// Together with the weights and the optimizer's memory this is everything: what is random is drawn
/// anew from the seed and the position in each step.
struct TrainingState: Codable, Equatable {
  /// From 1.
  var epoch = 1
  /// Steps of the epoch that are done.
  var step = 0
  /// Steps of all epochs that are done.
  var iteration = 0
  /// Whether the validation that may be due after the step is done.
  var isValidated = true
  /// Validations that are done: rows of the table of metrics.
  var validationCount = 0
  /// Steps an epoch has.
  var stepsPerEpoch: Int
  /// The figures of the last step; `nil` before the first.
  var lastStep: LastStep?
  var schedule: LearningRateSchedule.State
  var stopping = EarlyStopping.State()
  var adaptive: AdaptiveSchedule
  var best: Selection.Candidate?
  /// How the steps lie on the schedule, where the training has another length than its epochs.
  var course: ScheduleCourse?
  /// Why training ended; `nil` while it may go on.
  var stopReason: String?

  /// What is still of interest of a step when it is over.
  struct LastStep: Codable, Equatable {
    var learningRate: Double
    var losses: [TrainingStep.NamedValue]
    var gradientNorm: Double
  }
}

/// What decides the bits of a sum beside the numbers.
struct Machine: Codable, Equatable {
  var threads: Int
  var processor: String
  /// The version of libtorch.
  var library: String

  /// What differs between `old` and this, in words.
  func differences(from old: Machine) -> [String] {
    var words: [String] = []
    if threads != old.threads { words.append("\(old.threads) threads then, \(threads) now") }
    if processor != old.processor { words.append("\(old.processor) then, \(processor) now") }
    if library != old.library { words.append("libtorch \(old.library) then, \(library) now") }
    return words
  }
}

/// How long training has taken; the only thing in a checkpoint that differs from run to run.
struct TrainingTime: Codable, Equatable {
  var seconds = 0.0
  var imageCount = 0
  var stepCount = 0
}

/// `last.pth`: everything that training needs to go on.
///
/// A tree of tensors and plain values that `torch.load(path, weights_only=True)` opens:
/// `state_dict`, `optimizer`, `averaged` where averages are kept, `epoch`, `step`, `iteration`, and
/// as JSON `state`, `machine` and `data`. What the model is, its recipe and the time taken are
/// records beside the tree, as in `weights.pth`.
struct TrainingCheckpoint {
  var weights: StateDictionary
  var optimizer: StateDictionary
  var averaged: StateDictionary?
  var state: TrainingState
  var machine: Machine
  var data: DataFingerprint?
  var time = TrainingTime()
  var info: ModelInfo
  var recipe: String

  /// The version of this layout; a file of a newer one is refused.
  static let formatVersion = 2
  private static let timeRecord = "otx/time.json"

  /// Writes the checkpoint, replacing what is at `url` in one step.
  ///
  /// - Throws: ``FileError/cannotWrite(_:reason:)``; the file that was there is untouched then.
  func write(to url: URL) throws {
    var entries: [PickleValue.Entry] = [
      .init(key: "format_version", value: .int(TrainingCheckpoint.formatVersion)),
      .init(key: "state_dict", value: PickleValue(weights)),
      .init(key: "optimizer", value: PickleValue(optimizer)),
    ]
    if let averaged { entries.append(.init(key: "averaged", value: PickleValue(averaged))) }
    entries += [
      .init(key: "epoch", value: .int(state.epoch)),
      .init(key: "step", value: .int(state.step)),
      .init(key: "iteration", value: .int(state.iteration)),
      .init(key: "state", value: .string(try JSON.text(state))),
      .init(key: "machine", value: .string(try JSON.text(machine))),
    ]
    if let data { entries.append(.init(key: "data", value: .string(try JSON.text(data)))) }
    try PickleFile.write(
      .dictionary(entries),
      info: info,
      recipe: recipe,
      records: [(TrainingCheckpoint.timeRecord, Data(try JSON.text(time).utf8))],
      to: url
    )
  }

  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` for a file that is damaged, of
  ///   another kind, or of a newer version.
  init(_ url: URL) throws {
    let tree = try PickleFile.read(url)
    func unreadable(_ reason: String) -> ModelError {
      .unreadableCheckpoint(file: url.path, reason: reason)
    }
    let version = tree["format_version"]?.intValue ?? 0
    guard version <= TrainingCheckpoint.formatVersion else {
      throw unreadable(
        "was written by a newer version of this program (format \(version); this one knows \(TrainingCheckpoint.formatVersion))"
      )
    }
    guard version >= 2 else {
      throw unreadable(
        "holds no position to go on from; start anew from its weights with --weights \(url.path)"
      )
    }
    func json<Value: Decodable>(_ key: String, _ type: Value.Type) throws -> Value? {
      guard let text = tree[key]?.stringValue else { return nil }
      do {
        return try JSON.value(type, from: text)
      } catch {
        throw unreadable("its '\(key)' cannot be read: \(error)")
      }
    }
    guard let weights = tree["state_dict"]?.stateDictionary,
      let optimizer = tree["optimizer"]?.stateDictionary,
      let state = try json("state", TrainingState.self),
      let machine = try json("machine", Machine.self)
    else { throw unreadable("is no checkpoint of a training") }
    self.weights = weights
    self.optimizer = optimizer
    averaged = tree["averaged"]?.stateDictionary
    self.state = state
    self.machine = machine
    data = try json("data", DataFingerprint.self)
    if let record = try PickleFile.record(TrainingCheckpoint.timeRecord, of: url),
      let time = try? JSON.value(TrainingTime.self, from: String(decoding: record, as: UTF8.self))
    {
      self.time = time
    }
    info = try Checkpoints.info(of: url)
    recipe = try CheckpointFile.readRecipe(url) ?? ""
  }

  init(
    weights: StateDictionary,
    optimizer: StateDictionary,
    averaged: StateDictionary?,
    state: TrainingState,
    machine: Machine,
    data: DataFingerprint?,
    time: TrainingTime,
    info: ModelInfo,
    recipe: String
  ) {
    self.weights = weights
    self.optimizer = optimizer
    self.averaged = averaged
    self.state = state
    self.machine = machine
    self.data = data
    self.time = time
    self.info = info
    self.recipe = recipe
  }
}

/// Plain values as JSON whose text depends on the value alone, numbers that are none included.
private enum JSON {
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf",
      negativeInfinity: "-inf",
      nan: "nan"
    )
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func value<Value: Decodable>(_ type: Value.Type, from text: String) throws -> Value {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf",
      negativeInfinity: "-inf",
      nan: "nan"
    )
    return try decoder.decode(type, from: Data(text.utf8))
  }
}
