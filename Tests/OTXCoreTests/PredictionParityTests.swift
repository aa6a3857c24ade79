import OTXCore
import OTXTesting
import Testing

@Suite("Parity of predictions")
struct PredictionParityTests {
  private func box(_ label: String, _ x1: Float, _ x2: Float, _ score: Float = 0.5) -> Finding {
    Finding(label: label, score: score, box: BoundingBox(x1: x1, y1: 0, x2: x2, y2: 10))
  }

  @Test func boxesArePairedWithTheNearestOfTheirLabel() {
    var parity = PredictionParity()
    let expected = [box("a", 0, 10, 0.9), box("a", 2, 12), box("b", 50, 60)]
    parity.add([box("a", 2, 12, 0.6), box("a", 0, 10, 0.9), box("b", 50, 60)], expected)
    #expect(parity.differingCount == 0 && parity.matchedBoxCount == 3)
    #expect(parity.minIoU == 1 && parity.unmatchedBoxCount == 0)
    expectClose(parity.maxScoreDifference, 0.1)

    parity.add([box("a", 0, 9), box("b", 0, 10)], [box("a", 0, 10)])
    #expect(parity.pictureCount == 2 && parity.differingCount == 1)
    #expect(parity.matchedBoxCount == 4 && parity.unmatchedBoxCount == 1)
    expectClose(parity.minIoU ?? 0, 0.9)
    expectClose(parity.meanIoU ?? 0, 3.9 / 4)
  }

  @Test func labelsMustBeTheSame() {
    var parity = PredictionParity()
    let (a, b) = (Finding(label: "a", score: 0.6), Finding(label: "b", score: 0.4))
    parity.add([a, b], [b, a])
    #expect(parity.differingCount == 0)
    parity.add([a, b], [b, a], takesFirst: true)
    parity.add([a], [a, b])
    parity.add([], [])
    #expect(parity.pictureCount == 4 && parity.differingCount == 2)
    #expect(parity.matchedBoxCount == nil)
  }

  @Test func valuesAreCompared() {
    var parity = PredictionParity()
    parity.add(
      [Finding(label: "level", score: 1, value: 3)],
      [Finding(label: "level", score: 1, value: 5)]
    )
    #expect(parity.maxValueDifference == 2 && parity.differingCount == 0)
  }

  @Test func meansAreOfAllNumbers() throws {
    let wanted = ModelOutput(shape: [2], values: [3, 4])
    var difference = try OutputDifference(
      of: ModelOutput(shape: [2], values: [3, 2]),
      from: wanted,
      named: "y"
    )
    expectClose(difference.meanAbsolute, 1)
    expectClose(difference.maxRelative, 0.5)
    expectClose(difference.relativeError, 0.4)
    difference.add(try OutputDifference(of: wanted, from: wanted, named: "y"))
    expectClose(difference.meanAbsolute, 0.5)
    #expect(difference.valueCount == 4 && difference.maxAbsolute == 2)
  }
}
