import Foundation
import OTX
import OTXWeights

/// The weight store; tests name another place by ``CurrentCache`` and publish other weights.
enum CurrentWeights {
  @TaskLocal static var published: [PublishedWeights]?

  /// The store of the user that runs this.
  static func store(isOffline: Bool = false) -> WeightStore {
    let environment = ProcessInfo.processInfo.environment
    return WeightStore(
      cache: CurrentCache.folder(environment),
      isOffline: isOffline || WeightStore.user.isOffline,
      environment: environment,
      published: published ?? PublishedWeights.all
    )
  }

  /// Networks whose weights can be fetched.
  static var publishedNames: [String] { distinct(store().published.map(\.name)) }

  /// The names of what is in the store.
  static var storedNames: [String] { store().items.map(\.id) }

  /// Models and backbones by name.
  static var networks: [String] {
    distinct(CurrentJobs.value.models.map(\.name) + CurrentJobs.value.backbones.map(\.name))
  }

  /// Without what was there before.
  private static func distinct(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }
}

extension TrainingArguments {
  /// Where weights to start from come from.
  var weightSource: WeightSource {
    WeightSource(
      store: CurrentWeights.store(isOffline: offline),
      allowsPartialWeights: force
    )
  }

  /// Refuses weights that nobody has.
  func check(weights: String) throws {
    do {
      try weightSource.check(weights)
    } catch {
      throw UsageError("weights: \(error)")
    }
  }
}

extension ProgressReporter {
  /// How far a download is.
  func tell(_ step: DownloadProgress) {
    if let note = step.note { log("\(step.name): \(note)") }
    guard let total = step.totalByteCount else { return }
    progress("MiB", step.byteCount >> 20, of: max(total >> 20, 1))
  }
}

extension TrainRequest {
  /// Has downloads told to `reporter`.
  mutating func tell(_ reporter: ProgressReporter) { weights.progress = { reporter.tell($0) } }
}

extension ResumeRequest {
  /// Has downloads told to `reporter`.
  mutating func tell(_ reporter: ProgressReporter) { weights.progress = { reporter.tell($0) } }
}
