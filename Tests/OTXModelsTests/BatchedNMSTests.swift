import OTXCore
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  @Suite struct BatchedNMS {
    private let size = ImageSize(height: 100, width: 120)

    /// Greedy suppression picture by picture, label by label, in plain Swift.
    private func reference(
      _ boxes: [BoundingBox],
      _ scores: [[Float]],
      threshold: Float,
      limit: Int
    ) -> [Detection.ScoredBox] {
      var pairs: [Detection.ScoredBox] = []
      for (box, row) in zip(boxes, scores) {
        for (label, score) in row.enumerated() where box.area > 0 {
          pairs.append(.init(box: box, label: label, score: score))
        }
      }
      pairs.sort { $0.score > $1.score }
      var kept: [Detection.ScoredBox] = []
      for pair in pairs
      where !kept.contains(where: { $0.label == pair.label && $0.box.iou(pair.box) > threshold }) {
        kept.append(pair)
      }
      return Array(kept.prefix(limit))
    }

    private func randomBoxes(_ count: Int, stream: UInt64) -> [BoundingBox] {
      var generator = CounterGenerator(seed: 3, stream)
      return (0..<count).map { index in
        let x = Float.random(in: 0...100, using: &generator)
        let y = Float.random(in: 0...80, using: &generator)
        // Every seventh box has no width.
        let width = index % 7 == 6 ? 0 : Float.random(in: 5...60, using: &generator)
        let height = Float.random(in: 5...60, using: &generator)
        return BoundingBox(x1: x, y1: y, x2: x + width, y2: y + height).clipped(to: size)
      }
    }

    @Test(arguments: [1, 2, 3], [1, 4]) func agreesWithALoop(batch: Int, labelCount: Int) throws {
      let boxCount = 60
      let pictures = (0..<batch).map { randomBoxes(boxCount, stream: UInt64($0)) }
      let scores = Formula.input([batch, boxCount, labelCount]).map { ($0 + 1) / 2 }
      let corners = pictures.joined().flatMap { [$0.x1, $0.y1, $0.x2, $0.y2] }
      let found = try batchedNMS(
        boxes: Tensor(corners, shape: [batch, boxCount, 4]),
        scores: Tensor(scores, shape: [batch, boxCount, labelCount]),
        inputSize: size,
        limits: DetectionLimits(iouThreshold: 0.5, detectionCount: 40)
      )
      let detectionCount = min(40, boxCount * labelCount)
      #expect(found.boxes.shape == [batch, detectionCount, 5])
      let (rows, labels) = (try found.boxes.floats(), try found.labels.ints())
      for (index, picture) in pictures.enumerated() {
        let own = (0..<boxCount).map { row in
          Array(scores[((index * boxCount + row) * labelCount)...].prefix(labelCount))
        }
        let expected = reference(picture, own, threshold: 0.5, limit: detectionCount)
        for (row, object) in expected.enumerated() {
          let at = index * detectionCount + row
          let box = object.box
          expectClose(
            Array(rows[(5 * at)..<(5 * at + 5)]),
            [box.x1, box.y1, box.x2, box.y2, object.score],
            rtol: 1e-6,
            atol: 1e-4
          )
          #expect(labels[at] == object.label)
        }
        for row in expected.count..<detectionCount {
          #expect(rows[5 * (index * detectionCount + row) + 4] == 0)
        }
      }
    }
  }
}

@Suite struct AnchorClusters {
  @Test func findsTheGroups() {
    let small = (0..<10).map { ImageExtent(height: 10 + Double($0) / 10, width: 20) }
    let large = (0..<30).map { ImageExtent(height: 100, width: 60 + Double($0) / 10) }
    let clusters = clusteredExtents(large + small, count: 2)
    expectClose(clusters.map(\.height), [10.45, 100], rtol: 1e-9)
    expectClose(clusters.map(\.width), [20, 61.45], rtol: 1e-9)
    #expect(clusteredExtents((small + large).reversed(), count: 2) == clusters)
  }

  @Test func needsAsManyDifferentSizesAsClusters() {
    let same = Array(repeating: ImageExtent(height: 3, width: 4), count: 50)
    #expect(clusteredExtents(same, count: 2) == [])
    #expect(clusteredExtents(same + [ImageExtent(height: 0, width: 9)], count: 2) == [])
  }
}
