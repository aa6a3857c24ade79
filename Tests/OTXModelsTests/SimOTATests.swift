import OTXCore
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// The assignment by itself, against a loop in Python.
  @Suite struct SimOTA {
    struct Case: Decodable {
      var boxes: [[Float]]
      var labels: [Int]
      var owners: [String: Int]
      var overlaps: [String: Double]
    }

    private let labelCount = 3

    private func grid() throws -> (centers: Tensor, strides: Tensor) {
      let levels = [8, 16, 32].map {
        AnchorLevel(stride: $0, rows: 96 / $0, columns: 128 / $0, count: 1, centerOffset: 0.5)
      }
      let strides = levels.flatMap {
        [Float](repeating: Float($0.stride), count: $0.anchorCount)
      }
      return (
        try AnchorGrid.centers(of: levels, on: .cpu),
        try Tensor(strides, shape: [strides.count])
      )
    }

    /// As in `models.py`: cell `a` predicts object `a % G`, off by up to a third of its sides.
    private func predictions(_ cases: [Case], cells: Int) throws -> SimOTAAssigner.Predictions {
      let noise = Formula.input([cases.count, cells, 4], k: 1001)
      var boxes: [Float] = []
      for (picture, content) in cases.enumerated() {
        for cell in 0..<cells {
          let near =
            content.boxes.isEmpty ? [1, 1, 1, 1] : content.boxes[cell % content.boxes.count]
          for axis in 0..<4 {
            let side = near[2 + axis % 2] - near[axis % 2]
            boxes.append(near[axis] + noise[(picture * cells + cell) * 4 + axis] * side * 0.33)
          }
        }
      }
      let shape = [cases.count, cells]
      return SimOTAAssigner.Predictions(
        boxes: try Tensor(boxes, shape: shape + [4]),
        scores: try Tensor(
          Formula.input(shape + [labelCount], k: 1002).map { $0 * 4 },
          shape: shape + [labelCount]
        ),
        objectness: try Tensor(Formula.input(shape, k: 1003).map { $0 * 4 }, shape: shape)
      )
    }

    /// The same whether pictures are looked at together or one by one.
    @Test(arguments: [1, 1 << 20]) func agreesWithALoop(pairLimit: Int) throws {
      let cases = try golden("simota", as: [Case].self)
      let (centers, strides) = try grid()
      let cellCount = centers.size(0)
      let objects = try cases.map { content in
        try PictureObjects(
          zip(content.boxes, content.labels).map { box, label in
            .init(
              box: BoundingBox(x1: box[0], y1: box[1], x2: box[2], y2: box[3]),
              label: label
            )
          },
          on: .cpu
        )
      }
      var assigner = SimOTAAssigner()
      assigner.pairLimit = pairLimit
      let found = try assigner.assign(
        objects,
        predictions(cases, cells: cellCount),
        centers: centers,
        strides: strides
      )
      #expect(found.owners.shape == [cases.count, cellCount])
      let (owners, overlaps) = (try found.owners.ints(), try found.overlaps.floats())
      for (picture, content) in cases.enumerated() {
        var own: [String: Int] = [:]
        for cell in 0..<cellCount {
          let index = picture * cellCount + cell
          guard owners[index] >= 0 else { continue }
          own["\(cell)"] = owners[index]
          let expected = content.overlaps["\(cell)"] ?? .nan
          expectClose(Double(overlaps[index]), expected, rtol: 1e-5, atol: 1e-6, "\(cell)")
        }
        #expect(own == content.owners, "picture \(picture)")
      }
    }

    /// An object outside the picture's cells, and predictions that are no numbers: nothing breaks.
    @Test func survivesNonsense() throws {
      let (centers, strides) = try grid()
      let cellCount = centers.size(0)
      let far = BoundingBox(x1: 900, y1: 900, x2: 901, y2: 901)
      let objects = try [PictureObjects([.init(box: far, label: 0)], on: .cpu)]
      let found = try SimOTAAssigner().assign(
        objects,
        SimOTAAssigner.Predictions(
          boxes: .full([1, cellCount, 4], .nan),
          scores: .zeros([1, cellCount, labelCount]),
          objectness: .zeros([1, cellCount])
        ),
        centers: centers,
        strides: strides
      )
      #expect(Set(try found.owners.ints()) == [-1])
    }
  }
}
