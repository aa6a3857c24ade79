import Foundation

/// The figures of a run over its steps, read back from its event files.
struct RunHistory: Equatable {
  static let epoch = "epoch"
  static let imagesPerSecond = "performance/images_per_second"
  static let stepSeconds = "performance/step_seconds"
  static let dataSeconds = "performance/data_seconds"
  static let memory = "performance/memory_mib"
  static let validationSeconds = "performance/validation_seconds"

  struct Value: Equatable {
    var step: Int
    var wallTime: Double
    var value: Double
  }

  /// Each figure's values by its tag, in the order of steps.
  private(set) var scalars: [String: [Value]] = [:]
  /// The tags in the order in which they first came.
  private(set) var tags: [String] = []

  init() {}

  /// What is left of the events once those that a later session replaced are gone.
  init(_ events: [RunEvent]) {
    for event in events {
      switch event.content {
      case .sessionStart:
        for tag in tags { scalars[tag]?.removeAll { $0.step >= event.step } }
      case .scalars(let values):
        for scalar in values where scalar.value.isFinite {
          if scalars[scalar.tag] == nil { tags.append(scalar.tag) }
          let value = Value(
            step: event.step,
            wallTime: event.wallTime,
            value: Double(scalar.value)
          )
          // A validation that was killed before its checkpoint comes again.
          if scalars[scalar.tag]?.last?.step == event.step { scalars[scalar.tag]?.removeLast() }
          scalars[scalar.tag, default: []].append(value)
        }
      case .fileVersion, .other: break
      }
    }
  }

  /// The history of the run in `directory`; empty where it has no events.
  init(directory: URL) {
    let events = EventFile.files(in: directory).flatMap { file in
      (try? Data(contentsOf: file)).map { EventFile.events(in: Array($0)) } ?? []
    }
    self.init(events)
  }

  subscript(tag: String) -> [Value] { scalars[tag] ?? [] }

  /// The epochs, with their fraction, that were done at a step.
  func epochs(at step: Int) -> Double {
    let values = self[RunHistory.epoch]
    var (low, high) = (0, values.count)
    while low < high {
      let middle = (low + high) / 2
      if values[middle].step < step { low = middle + 1 } else { high = middle }
    }
    return low < values.count ? values[low].value : values.last?.value ?? 0
  }
}
