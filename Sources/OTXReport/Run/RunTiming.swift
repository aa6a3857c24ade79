/// Where a run's time went.
struct RunTiming: Equatable {
  /// One epoch.
  struct Epoch: Equatable {
    /// From 1.
    var number: Int
    var stepSeconds = 0.0
    var dataSeconds = 0.0
    var validationSeconds = 0.0
    var imageCount = 0.0
  }

  private(set) var epochs: [Epoch] = []

  init(_ history: RunHistory) {
    var byNumber: [Int: Epoch] = [:]
    func add(_ tag: String, _ body: (inout Epoch, RunHistory.Value) -> Void) {
      for value in history[tag] {
        // A fraction of 2 exactly ends the second epoch.
        let number = max(1, Int(history.epochs(at: value.step).rounded(.up)))
        body(&byNumber[number, default: Epoch(number: number)], value)
      }
    }
    add(RunHistory.stepSeconds) { $0.stepSeconds += $1.value }
    add(RunHistory.dataSeconds) { $0.dataSeconds += $1.value }
    add(RunHistory.validationSeconds) { $0.validationSeconds += $1.value }
    let times = Dictionary(
      history[RunHistory.stepSeconds].map { ($0.step, $0.value) },
      uniquingKeysWith: { $1 }
    )
    add(RunHistory.imagesPerSecond) { $0.imageCount += $1.value * (times[$1.step] ?? 0) }
    epochs = byNumber.values.sorted { $0.number < $1.number }
  }

  private func sum(_ value: (Epoch) -> Double) -> Double { epochs.reduce(0) { $0 + value($1) } }

  var stepSeconds: Double { sum(\.stepSeconds) }
  var dataSeconds: Double { sum(\.dataSeconds) }
  var validationSeconds: Double { sum(\.validationSeconds) }
  /// Steps and validations.
  var totalSeconds: Double { stepSeconds + validationSeconds }
  var imageCount: Double { sum(\.imageCount) }
  /// Of the steps alone.
  var imagesPerSecond: Double { stepSeconds > 0 ? imageCount / stepSeconds : 0 }
}
