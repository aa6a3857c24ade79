import Foundation
public import OTXCore

extension Dataset {
  /// The subset that evaluation scores: test, else val.
  public var evaluationSubset: Subset {
    items[.test]?.isEmpty ?? true ? .val : .test
  }

  /// Counts what the auto-configurator wants to know.
  ///
  /// Sizes are those of at most 1,000 pictures of the train subset and their objects. Statistics are
  /// taken of logarithms, since sizes are spread over magnitudes: `robustMax` is
  /// `min(max, exp(mean + 3σ))`, `robustMin` likewise, so that a few odd pictures do not count.
  ///
  /// - Returns: The profile.
  public func profile() -> DatasetProfile {
    let all = items.values.joined()
    let tasks = TaskType.allCases.enumerated().map { index, task in
      let kind = task.kind
      let usable = all.count { kind.usableAnnotationCount(of: $0) > 0 }
      return (index: index, fit: DatasetProfile.TaskFit(task: task, itemCount: usable))
    }
    let fits = tasks.filter { $0.fit.itemCount > 0 }.sorted {
      ($1.fit.itemCount, $0.index) < ($0.fit.itemCount, $1.index)
    }.map(\.fit)
    let traits = LabelTraits(of: self)
    let train = items[.train] ?? []
    var labelCounts: [String: Int] = [:]
    for label in train.lazy.flatMap(\.annotations).compactMap(\.label) {
      labelCounts[label, default: 0] += 1
    }
    let sample = Dataset.sample(of: train, count: 1000)
    let sizes = sample.compactMap(\.size)
    let sides = sample.flatMap(\.annotations).compactMap { annotation -> Double? in
      // What has not even a pixel is a slip of the hand.
      guard let box = annotation.box, !annotation.isCrowd, box.area >= 1 else { return nil }
      return Double(box.area).squareRoot()
    }
    let heights = DatasetProfile.SideStatistics(of: sizes.map { Double($0.height) })
    let widths = DatasetProfile.SideStatistics(of: sizes.map { Double($0.width) })
    var profile = DatasetProfile(
      format: format,
      tasks: fits.filter { traits.suggest($0.task) },
      itemCounts: items.mapValues(\.count),
      annotationCount: all.reduce(0) { $0 + $1.annotations.count },
      labelCounts: labels.names.map { .init(label: $0, count: labelCounts[$0] ?? 0) },
      imageSizes: heights.flatMap { height in
        widths.map { DatasetProfile.SizeStatistics(height: height, width: $0) }
      },
      objectSides: DatasetProfile.SideStatistics(of: sides)
    )
    profile.traits = DataTraits(of: self)
    profile.otherTasks = fits.filter { !traits.suggest($0.task) }
    let shares = sample.flatMap { item -> [Double] in
      guard let size = item.size, size.pixelCount > 0 else { return [] }
      return item.objectBoxes.map { Double($0.area) / Double(size.pixelCount) }
    }.sorted()
    if !shares.isEmpty { profile.medianObjectShare = shares[shares.count / 2].squareRoot() }
    profile.maximumObjectCount = sample.map(\.objectBoxes.count).max()
    return profile
  }

  /// At most `count` items, chosen at random, always the same.
  private static func sample(of items: [DatasetItem], count: Int) -> [DatasetItem] {
    guard items.count > count else { return items }
    var generator = CounterGenerator(seed: 42, 0x70_72_6F_66_69_6C_65)
    return generator.shuffled(Array(items.indices)).prefix(count).sorted().map { items[$0] }
  }
}

/// What decides which of several tasks that could use a dataset's labels is meant.
private struct LabelTraits {
  /// Whether pictures as a whole have several labels; a few with two are mistakes.
  let hasSeveral: Bool
  /// Whether pictures as a whole have labels.
  let hasLabels: Bool
  /// Whether anything is annotated.
  let isAnnotated: Bool
  /// Whether labels are above each other.
  let hasTree: Bool

  init(of dataset: Dataset) {
    hasTree = dataset.labelDetails.formTree(of: dataset.declaredLabels)
    isAnnotated = dataset.items.values.joined().contains { !$0.annotations.isEmpty }
    hasLabels = dataset.items.values.joined().contains { item in
      item.annotations.contains { $0.kind == .label && $0.label != nil }
    }
    var (labelledCount, severalCount) = (0, 0)
    for item in dataset.items.values.joined() {
      var first: String?
      for annotation in item.annotations where annotation.kind == .label {
        guard let label = annotation.label else { continue }
        if let first, first != label {
          severalCount += 1
          break
        }
        first = label
      }
      if first != nil { labelledCount += 1 }
    }
    hasSeveral = severalCount > 0 && 20 * severalCount >= labelledCount
  }

  /// Whether a dataset like this is made for `task`.
  func suggest(_ task: TaskType) -> Bool {
    switch task {
    case .multiClassClassification: !hasTree
    case .multiLabelClassification: hasSeveral && !hasTree
    case .hierarchicalClassification: hasTree && hasLabels
    case .regression: !isAnnotated
    default: true
    }
  }
}

extension DatasetItem {
  /// Boxes of single objects.
  fileprivate var objectBoxes: [BoundingBox] {
    annotations.compactMap { $0.isCrowd ? nil : $0.box }
  }
}

extension DatasetProfile.SideStatistics {
  /// Statistics of positive numbers; `nil` for none.
  init?(of values: [Double]) {
    let values = values.filter { $0 > 0 }
    guard let low = values.min(), let high = values.max() else { return nil }
    let logarithms = values.map { log($0) }
    let mean = logarithms.reduce(0, +) / Double(logarithms.count)
    let variance =
      logarithms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(logarithms.count)
    let spread = 3 * variance.squareRoot()
    // Held inside what was seen: logarithms round.
    func held(_ value: Double) -> Double { min(max(value, low), high) }
    self.init(
      robustMin: held(exp(mean - spread)),
      mean: held(exp(mean)),
      robustMax: held(exp(mean + spread))
    )
  }
}
