import Foundation
import OTXTesting
import Testing

@testable import OTXCore

@Suite struct DetectionScoreTests {
  let golden: Golden
  init() throws { golden = try Golden("metrics", in: .module) }

  private func score(_ scene: Scene) -> DetectionScore {
    var score = DetectionScore(labels: scene.labels)
    let (predictions, targets) = scene.draw()
    // In batches of uneven size: how it is fed must not matter.
    var start = 0
    for size in [1, 3, 2, 100] where start < targets.count {
      let range = start..<min(start + size, targets.count)
      score.update(Array(predictions[range]), Array(targets[range]))
      start = range.upperBound
    }
    return score
  }

  private static let cocoNames = [
    "map", "map_50", "map_75", "map_small", "map_medium", "map_large", "mar_1", "mar_10",
    "mar_100", "mar_small", "mar_medium", "mar_large",
  ]

  @Test(arguments: Scene.all)
  func equalsPycocotools(_ scene: Scene) throws {
    let (predictions, targets) = scene.draw()
    try golden.expect(
      "\(scene.name)/size",
      [
        Double(targets.reduce(0) { $0 + $1.objects.count }),
        Double(predictions.reduce(0) { $0 + $1.objects.count }),
      ]
    )
    let report = score(scene).compute(confidenceThreshold: nil)
    try golden.expect(
      "\(scene.name)/coco",
      Self.cocoNames.map { report.values[$0] ?? -1 },
      rtol: 2e-9,
      atol: 1e-9
    )
    try golden.expect(
      "\(scene.name)/ap",
      report.perClass.map { $0.values["ap"] ?? -1 },
      rtol: 2e-9,
      atol: 1e-9
    )
    try golden.expect(
      "\(scene.name)/recall",
      report.perClass.map { $0.values["recall"] ?? -1 },
      rtol: 2e-9,
      atol: 1e-9
    )
    #expect(report.itemCount == scene.imageCount)
    #expect(report.primary == "map_50")
  }

  @Test(arguments: Scene.all)
  func fMeasureEqualsMatchingAnewAtEachThreshold(_ scene: Scene) throws {
    let score = score(scene)
    var values: [Double] = []
    for threshold in FMeasure.thresholds {
      let report = score.compute(confidenceThreshold: threshold)
      #expect(report.confidenceThreshold == threshold)
      values += [
        report.values["f-measure"] ?? -1, report.values["precision"] ?? 0,
        report.values["recall"] ?? 0,
      ]
    }
    try golden.expect("\(scene.name)/f", values, rtol: 2e-9, atol: 1e-9)

    let best = score.compute(confidenceThreshold: nil)
    let highest = stride(from: 0, to: values.count, by: 3).map { values[$0] }.max() ?? 0
    if highest > 0 {
      expectClose(best.values["f-measure"] ?? -1, highest, rtol: 0, atol: 0)
      let threshold = try #require(best.confidenceThreshold)
      #expect(score.compute(confidenceThreshold: threshold) == best)
    } else {
      #expect(best.confidenceThreshold == nil, "nothing to choose by")
    }
  }

  private static func target(_ objects: [Detection.LabeledBox]) -> Detection.Entity {
    Detection.Entity(
      image: .empty,
      frame: ImageFrame(itemID: "a", originalSize: ImageSize(height: 9, width: 9)),
      objects: objects
    )
  }

  private static func box(_ x: Float, _ width: Float = 10) -> BoundingBox {
    BoundingBox(x1: x, y1: 0, x2: x + width, y2: 10)
  }

  @Test func countsEachLabel() {
    var score = DetectionScore(labels: LabelInfo(names: ["a", "b", "c"]))
    score.update(
      [
        Detection.Prediction(objects: [
          .init(box: Self.box(0), label: 0, score: 0.9),
          .init(box: Self.box(50), label: 0, score: 0.6),
          .init(box: Self.box(100), label: 2, score: 0.5),
        ])
      ],
      [
        Self.target([
          .init(box: Self.box(0), label: 0), .init(box: Self.box(200), label: 0),
          .init(box: Self.box(100), label: 1),
        ])
      ]
    )
    let report = score.compute(confidenceThreshold: 0.55)
    #expect(report.perClass.map(\.label) == ["a", "b", "c"])
    #expect(report.perClass.map(\.groundTruthCount) == [2, 1, 0])
    #expect(report.perClass.map(\.detectionCount) == [2, 0, 1])
    #expect(report.perClass[0].values["recall"] == 0.5)
    #expect(report.perClass[1].values["recall"] == 0)
    #expect(report.perClass[1].values["ap"] == 0)
    #expect(report.perClass[2].values["ap"] == nil, "no objects: undefined")
    // One hit, one false alarm, two misses; the detection at 0.5 lies below the threshold.
    #expect(report.values["f-measure"] == 0.4)
    #expect(report.values["precision"] == 0.5)
    expectClose(report.values["recall"] ?? -1, 1.0 / 3)
    #expect(report.perClass[0].values["f-measure"] == 0.5)
    #expect(report.perClass[2].values["f-measure"] == nil)
  }

  @Test func choosesTheMiddleOfTheBestThresholds() throws {
    var score = DetectionScore(labels: LabelInfo(names: ["a"]))
    score.update(
      [
        Detection.Prediction(objects: [
          .init(box: Self.box(0), label: 0, score: 0.8),
          .init(box: Self.box(50), label: 0, score: 0.41),
        ])
      ],
      [Self.target([.init(box: Self.box(0), label: 0)])]
    )
    let report = score.compute(confidenceThreshold: nil)
    // Best from 0.425 to 0.8: sixteen thresholds.
    #expect(report.values["f-measure"] == 1)
    expectClose(try #require(report.confidenceThreshold), 0.6)
  }

  @Test func whatIsShownIsWhatIsScored() {
    let detection = Detection.ScoredBox(box: Self.box(0), label: 0, score: 0.35)
    var score = DetectionScore(labels: LabelInfo(names: ["a"]))
    score.update(
      [Detection.Prediction(objects: [detection])],
      [Self.target([.init(box: Self.box(0), label: 0)])]
    )
    var info = CheckpointFileTests.info
    for threshold in [0.349_999, 0.35, 0.350_001] as [Float] {
      info.confidenceThreshold = threshold
      let shown = Detection.confident(Detection.Prediction(objects: [detection]), info: info)
      let value = score.compute(confidenceThreshold: threshold).values["f-measure"]
      #expect((value == 1) == (shown.objects.count == 1))
    }
  }

  @Test func numbersThatAreNoneAreFalseAlarms() {
    var score = DetectionScore(labels: LabelInfo(names: ["a"]))
    let objects: [Detection.ScoredBox] = [
      .init(box: Self.box(0), label: 0, score: .nan),
      .init(box: Self.box(.nan), label: 0, score: 1),
      .init(box: Self.box(0), label: 0, score: 0.5),
    ]
    score.update(
      [Detection.Prediction(objects: objects)],
      [Self.target([.init(box: Self.box(0), label: 0)])]
    )
    let report = score.compute(confidenceThreshold: 0.3)
    #expect(report.values["precision"] == 0.5)
    #expect(report.values["recall"] == 1)
    expectClose(report.values["map_50"] ?? -1, 0.5)
  }

  @Test func isFastOnManyDetections() {
    var score = DetectionScore(labels: LabelInfo(names: (0..<10).map(String.init)))
    for image in 0..<100 {
      let truth = (0..<10).map { Detection.LabeledBox(box: Self.box(Float($0 * 20)), label: $0) }
      let found = (0..<100).map {
        Detection.ScoredBox(
          box: Self.box(Float($0 % 10 * 20 + image % 3)),
          label: $0 % 10,
          score: Float(($0 * 37 + image) % 100) / 100
        )
      }
      score.update([Detection.Prediction(objects: found)], [Self.target(truth)])
    }
    let duration = ContinuousClock().measure { _ = score.compute(confidenceThreshold: nil) }
    #expect(duration < .seconds(10), "10,000 detections, unoptimised")
  }

  @Test func everyScoreIsListed() {
    let report = score(Scene.all[0]).compute(confidenceThreshold: nil)
    #expect(Set(report.values.keys).isSubset(of: DetectionScore.names))
    #expect(DetectionScore.names.contains(Detection.selectionMetric))
    #expect(DetectionScore.names.contains(Detection.performanceMetric))
  }

  @Test func findsMetricsByName() throws {
    #expect(try Detection.metricName("auto") == "map_50")
    #expect(try Detection.metricName("F_Measure") == "f-measure")
    #expect(try Detection.metricName("MAP-75") == "map_75")
    let error = try #require(throws: ConfigurationError.self) { try Detection.metricName("map5") }
    #expect(error.description.contains("did you mean"))
    #expect(try MultiClassClassification.metricName("auto") == "accuracy")
  }
}
