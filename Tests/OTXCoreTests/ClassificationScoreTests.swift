import Foundation
import OTXTesting
import Testing

@testable import OTXCore

@Suite struct ClassificationScoreTests {
  typealias Kind = MultiClassClassification

  static func update(
    _ score: inout ClassificationScore,
    labelCount: Int,
    truth: [Int],
    predicted: [Int]
  ) {
    for (truth, label) in zip(truth, predicted) {
      var probabilities = [Float](repeating: 0.5 / Float(labelCount), count: labelCount)
      probabilities[label] += 0.5
      let frame = ImageFrame(itemID: "a", originalSize: ImageSize(height: 1, width: 1))
      score.update(
        [Kind.Prediction(probabilities: probabilities)],
        [Kind.Entity(image: .empty, frame: frame, label: truth)]
      )
    }
  }

  @Test(
    arguments: [
      ("few", 3, 40, 0.5, 7000, nil), ("many", 12, 500, 0.7, 7010, nil),
      ("missing", 5, 60, 0.6, 7020, 2), ("sparse", 30, 25, 0.2, 7030, nil),
      ("two", 2, 5, 1, 7040, nil),
    ] as [(String, Int, Int, Double, Int, Int?)]
  )
  func equalsScikitLearn(
    _ name: String,
    _ labelCount: Int,
    _ count: Int,
    _ right: Double,
    _ k: Int,
    _ missing: Int?
  ) throws {
    let golden = try Golden("metrics", in: .module)
    let truth = Formula.integers([count], below: labelCount, k: k).map { $0 == missing ? 0 : $0 }
    let guess = Formula.integers([count], below: labelCount, k: k + 1)
    let keep = Formula.noise(count: count, k: k + 2).map { ($0 + 1) / 2 < right }
    let predicted = (0..<count).map { keep[$0] ? truth[$0] : guess[$0] }
    var score = ClassificationScore(labels: LabelInfo(names: (0..<labelCount).map(String.init)))
    Self.update(&score, labelCount: labelCount, truth: truth, predicted: predicted)
    let report = score.compute(confidenceThreshold: nil)

    try golden.expect(
      "\(name)/values",
      ClassificationScore.names.map { report.values[$0] ?? -1 },
      rtol: 2e-9
    )
    let perLabel = ["precision", "recall", "f1"].flatMap { key in
      report.perClass.map { $0.values[key] ?? 0 }
    }
    try golden.expect(
      "\(name)/perLabel",
      perLabel + report.perClass.map { Double($0.groundTruthCount) },
      rtol: 2e-9
    )
    try golden.expect(
      "\(name)/confusion",
      (report.confusion ?? []).flatMap { $0 }.map(Double.init)
    )
    #expect(report.itemCount == count)
    #expect(report.perClass.reduce(0) { $0 + $1.detectionCount } == count)
    #expect(report.primaryValue == report.values["accuracy"])
  }

  @Test func leavesOutPicturesWithoutALabel() {
    var score = ClassificationScore(labels: LabelInfo(names: ["a", "b"]))
    Self.update(&score, labelCount: 2, truth: [0, Kind.noLabel, 1], predicted: [0, 0, 0])
    let report = score.compute(confidenceThreshold: nil)
    #expect(report.itemCount == 2)
    #expect(report.values["accuracy"] == 0.5)
    #expect(report.confusion == [[1, 0], [1, 0]])
  }

  @Test func hasNoScoresOfNothing() {
    let report = ClassificationScore(labels: LabelInfo(names: ["a"])).compute(
      confidenceThreshold: nil
    )
    #expect(report.values.isEmpty)
    #expect(report.primaryValue == 0)
    #expect(report.perClass.map(\.values) == [[:]])
  }
}
