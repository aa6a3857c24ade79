import OTXCore
import Testing

/// VOC's protocol: difficult objects need not be found, and finding them does no harm.
@Suite("Difficult objects in scores")
struct DifficultObjectTests {
  private func report(isDifficult: Bool, second: Bool = false) -> MetricReport {
    let labels = LabelInfo(names: ["a"])
    let plain = BoundingBox(x1: 10, y1: 10, x2: 50, y2: 50)
    let other = BoundingBox(x1: 100, y1: 100, x2: 160, y2: 150)
    let truth = Detection.Entity(
      image: .empty,
      frame: ImageFrame(itemID: "", originalSize: ImageSize(height: 200, width: 200)),
      objects: [
        Detection.LabeledBox(box: plain, label: 0),
        Detection.LabeledBox(box: other, label: 0, isDifficult: isDifficult),
      ]
    )
    var found = [Detection.ScoredBox(box: plain, label: 0, score: 0.6)]
    if second {
      // Twice on the same object, and surer than the other.
      found += [0.9, 0.8].map { Detection.ScoredBox(box: other, label: 0, score: $0) }
    }
    var score = DetectionScore(labels: labels)
    score.update([Detection.Prediction(objects: found)], [truth])
    return score.compute(confidenceThreshold: 0.5)
  }

  @Test("one that is not found is no miss")
  func missed() {
    #expect(report(isDifficult: false).values["recall"] == 0.5)
    let report = report(isDifficult: true)
    #expect(report.values["recall"] == 1)
    #expect((report.values["map_50"] ?? 0) > 0.999)
    #expect(report.perClass[0].groundTruthCount == 1)
  }

  @Test("one that is found, once or twice, is neither hit nor false alarm")
  func found() {
    // An ordinary object found twice costs precision.
    #expect((report(isDifficult: false, second: true).values["precision"] ?? 1) < 1)
    let report = report(isDifficult: true, second: true)
    #expect(report.values["precision"] == 1)
    #expect((report.values["map_50"] ?? 0) > 0.999)
  }

  @Test("the flag goes with the box from the item into the entity and through a crop")
  func kept() throws {
    let item = DatasetItem(
      id: "x",
      image: .memory(Image(size: ImageSize(height: 40, width: 40))),
      annotations: [
        .box(BoundingBox(x1: 5, y1: 5, x2: 20, y2: 20), label: "a", isDifficult: true)
      ]
    )
    var entity = try Detection.entity(
      from: item,
      image: .empty,
      labels: LabelInfo(names: ["a"])
    )
    #expect(entity.objects[0].isDifficult)
    entity.move(by: .crop(y: 2, x: 2, size: ImageSize(height: 30, width: 30)))
    #expect(entity.objects[0].isDifficult)
    // It is learned from.
    #expect(entity.objectBoxes.count == 1)
  }
}
