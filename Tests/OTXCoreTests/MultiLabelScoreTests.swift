import Foundation
import OTXTesting
import Testing

@testable import OTXCore

@Suite struct MultiLabelScoreTests {
  typealias Kind = MultiLabelClassification

  private let frame = ImageFrame(itemID: "a", originalSize: ImageSize(height: 4, width: 4))

  private func entity(_ values: [Float], weights: [Float]? = nil) -> Kind.Entity {
    Kind.Entity(
      image: .empty,
      frame: frame,
      targets: LabelTargets(
        values: values,
        weights: weights ?? [Float](repeating: 1, count: values.count)
      )
    )
  }

  private func prediction(_ scores: [Float]) -> Kind.Prediction {
    Kind.Prediction(labels: scores.enumerated().map { ScoredLabel(label: $0, score: $1) })
  }

  private func score(
    _ rows: [(truth: [Float], scores: [Float])],
    labels: [String] = ["a", "b"]
  ) -> MultiLabelScore {
    var score = MultiLabelScore(labels: LabelInfo(names: labels))
    score.keepDetails()
    for row in rows { score.update([prediction(row.scores)], [entity(row.truth)]) }
    return score
  }

  @Test("each label that enough pictures show has the threshold of its own best F1")
  func thresholdsOfLabels() throws {
    // Label a is shown at 0.25 already, b only above 0.75; c is shown by too few to say.
    let rows = (0..<40).map { item -> (truth: [Float], scores: [Float]) in
      let isShown = item % 2 == 0
      let truth: [Float] = [isShown ? 1 : 0, isShown ? 1 : 0, item < 3 ? 1 : 0]
      return (truth, [isShown ? 0.3 : 0.2, isShown ? 0.8 : 0.7, item < 3 ? 0.9 : 0.1])
    }
    let score = score(rows, labels: ["a", "b", "c"])
    let best = score.compute(confidenceThreshold: nil)
    let thresholds = try #require(best.labelThresholds)
    let common = try #require(best.confidenceThreshold)
    #expect(thresholds[0] >= 0.2 && thresholds[0] < 0.3)
    #expect(thresholds[1] >= 0.7 && thresholds[1] < 0.8)
    #expect(thresholds[2] == common)
    #expect(best.perClass.prefix(2).allSatisfy { $0.values["f1"] == 1 })
    // At these thresholds again, the scores are the same.
    let again = score.compute(confidenceThreshold: common, labelThresholds: thresholds)
    #expect(again == best)
    // One threshold for all is what the user asked for.
    let plain = score.compute(confidenceThreshold: 0.5)
    #expect(plain.labelThresholds == nil && plain.perClass[0].values["recall"] == 0)
    // The model shows what lies above each label's own threshold.
    var info = ModelInfo(
      model: "m",
      backbone: "m",
      task: .multiLabelClassification,
      labels: LabelInfo(names: ["a", "b", "c"]),
      preprocessing: Preprocessing(inputSize: ImageSize(height: 8, width: 8)),
      confidenceThreshold: common
    )
    info.labelThresholds = thresholds
    let shown = Kind.confident(prediction([0.3, 0.7, 0.2]), info: info)
    #expect(shown.labels.map(\.label) == [0])
    let details = score.details(of: best)
    #expect("\(details.sections)".contains("threshold"))
  }

  @Test(
    arguments: [
      ("tags", 4, 60, 0.4, 10000, 7100), ("rareTags", 6, 300, 0.05, 1000, 7110),
      ("tiedTags", 3, 50, 0.5, 4, 7120),
    ] as [(String, Int, Int, Double, Int, Int)]
  )
  func equalsScikitLearn(
    _ name: String,
    _ labelCount: Int,
    _ count: Int,
    _ share: Double,
    _ levels: Int,
    _ k: Int
  ) throws {
    let golden = try Golden("metrics", in: .module)
    let truth = Formula.noise(count: count * labelCount, k: k).map { ($0 + 1) / 2 < share }
    let guess = Formula.noise(count: count * labelCount, k: k + 1).map { ($0 + 1) / 2 }
    let scores = zip(truth, guess).map { truth, guess in
      (Float(((0.6 * guess + (truth ? 0.4 : 0)) * Double(levels)).rounded(.down)) + 0.25)
        / Float(levels)
    }
    let rows = (0..<count).map { item in
      let row = item * labelCount..<(item + 1) * labelCount
      return (truth[row].map { $0 ? Float(1) : 0 }, Array(scores[row]))
    }
    let report = score(rows, labels: (0..<labelCount).map(String.init))
      .compute(confidenceThreshold: 0.5)
    try golden.expect(
      "\(name)/values",
      MultiLabelScore.names.map { report.values[$0] ?? -1 },
      rtol: 2e-9
    )
    let perLabel = ["precision", "recall", "f1", "average_precision"].flatMap { key in
      report.perClass.map { $0.values[key] ?? 0 }
    }
    try golden.expect("\(name)/perLabel", perLabel, rtol: 2e-9)
    #expect(report.itemCount == count && report.confidenceThreshold == 0.5)
  }

  @Test func aLabelThatIsNotKnownDoesNotCount() {
    var score = MultiLabelScore(labels: LabelInfo(names: ["a", "b"]))
    score.update([prediction([0.9, 0.9])], [entity([1, 0], weights: [1, 0])])
    score.update([prediction([0.9, 0.9])], [entity([], weights: [])])
    let report = score.compute(confidenceThreshold: 0.5)
    #expect(report.values["accuracy"] == 1 && report.values["subset_accuracy"] == 1)
    #expect(report.itemCount == 1)
    #expect(report.perClass[1].values.isEmpty)
  }

  @Test func choosesTheThresholdWithTheBestF1() {
    let rows: [(truth: [Float], scores: [Float])] = [
      ([1, 0], [0.31, 0.12]), ([0, 1], [0.21, 0.42]), ([1, 1], [0.27, 0.33]),
    ]
    let report = score(rows).compute(confidenceThreshold: nil)
    #expect(report.confidenceThreshold == 0.25)
    #expect(report.values["f1_micro"] == 1 && report.values["accuracy"] == 1)
    #expect(score(rows).compute(confidenceThreshold: 0.5).values["f1_micro"] == 0)
    // Nothing to choose by: the default.
    #expect(score([]).compute(confidenceThreshold: nil).confidenceThreshold == 0.5)
  }

  @Test func picturesWithoutALabelCount() {
    let report = score([([0, 0], [0.1, 0.2]), ([0, 0], [0.6, 0.2])])
      .compute(confidenceThreshold: 0.5)
    #expect(report.values["accuracy"] == 0.75 && report.values["subset_accuracy"] == 0.5)
    #expect(report.values["map"] == nil)
  }

  @Test func detailsSayWhatIsWrong() throws {
    let score = score([([1, 0], [0.9, 0.8]), ([1, 1], [0.9, 0.2])])
    let details = score.details(of: score.compute(confidenceThreshold: 0.5))
    #expect(details.sections.map(\.title) == ["By label", "Precision and recall"])
    #expect(details.worst.map(\.caption) == ["0 missed, 1 false", "1 missed, 0 false"])
    guard case .table(let table) = details.sections[0].content else {
      Issue.record("no table")
      return
    }
    #expect(table.rows[0].suffix(4) == ["2", "0", "0", "0"])
    #expect(table.rows[1].suffix(4) == ["0", "1", "1", "0"])
  }

  @Test func mixedPicturesShareTheirLabels() {
    var one = entity([1, 0, 1], weights: [1, 1, 0])
    one.join(entity([0, 1, 1]), share: 0.25)
    #expect(one.targets.values == [0.75, 0.25, 1])
    #expect(one.targets.weights == [1, 1, 0.25])
    one.join(entity([], weights: []), share: 0.5)
    #expect(one.targets.values == [0.75, 0.25, 1])
  }

  @Test func labelsComeFromPicturesAndObjects() throws {
    let labels = LabelInfo(names: ["cat", "dog", "bird"])
    let box = BoundingBox(x1: 0, y1: 0, x2: 2, y2: 2)
    var open = Annotation.label("bird")
    open.attributes["unknown"] = .flag(true)
    let image = Image(size: ImageSize(height: 4, width: 4))
    func targets(_ annotations: [Annotation]) throws -> LabelTargets {
      let item = DatasetItem(id: "a", image: .memory(image), annotations: annotations)
      return try Kind.entity(from: item, image: image, labels: labels).targets
    }
    #expect(
      try targets([.label("cat"), .box(box, label: "dog"), .box(box, label: "dog"), open])
        == LabelTargets(values: [1, 1, 0], weights: [1, 1, 0])
    )
    #expect(try targets([]) == LabelTargets(showing: [], of: 3))
    // An ignored label's region.
    #expect(try targets([.box(box, label: "fish", isCrowd: true)]).shown.isEmpty)
    #expect(throws: DataError.self) { try targets([.box(box, label: "fish")]) }
    #expect(throws: DataError.self) { try targets([.caption("a text")]) }
  }

  @Test func peopleSeeLabelsAboveTheThreshold() throws {
    var info = ModelInfo(
      model: "m",
      backbone: "b",
      task: .multiLabelClassification,
      labels: LabelInfo(names: ["a", "b"]),
      preprocessing: Preprocessing(inputSize: ImageSize(height: 4, width: 4))
    )
    #expect(info.effectiveConfidenceThreshold == 0.5)
    let all = prediction([0.4, 0.9])
    #expect(
      Kind.confident(all, info: info) == Kind.Prediction(labels: [.init(label: 1, score: 0.9)])
    )
    info.confidenceThreshold = 0.3
    let findings = Kind.findings(Kind.confident(all, info: info), labels: info.labels)
    #expect(Kind.summary(of: findings) == "b 90%, a 40%")
    #expect(Kind.summary(of: []) == "no label")
    #expect(Kind.overlay(all, labels: info.labels).count == 2)
  }
}
