import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// What anchors are told to learn.
  @Suite struct Targets {
    /// Four anchors of 10×10 pixels side by side.
    private func corners() throws -> Tensor {
      let values: [Float] = (0..<4).flatMap { [Float(10 * $0), 0, Float(10 * $0 + 10), 10] }
      return try Tensor(values, shape: [4, 4])
    }

    private func box(_ x1: Float, _ x2: Float, _ label: Int, isCrowd: Bool = false)
      -> Detection.LabeledBox
    {
      .init(box: BoundingBox(x1: x1, y1: 0, x2: x2, y2: 10), label: label, isCrowd: isCrowd)
    }

    private func targets(_ pictures: [[Detection.LabeledBox]]) throws -> DetectionTargets {
      let corners = try corners()
      let objects = try pictures.map { try PictureObjects($0, on: .cpu) }
      let owners = try objects.map { try OverlapAssigner().assign($0.boxes, corners: corners) }
      return try DetectionTargets(
        owners: owners,
        objects: objects,
        corners: corners,
        labelCount: 3
      )
    }

    @Test func objectsOfEveryPictureKeepApart() throws {
      let targets = try targets([[box(0, 10, 2)], [], [box(31, 40, 1), box(9, 20, 0)]])
      #expect(try targets.labels.ints() == [2, 3, 3, 3, 3, 3, 3, 3, 3, 0, 3, 1])
      #expect(try targets.positiveIndices.ints() == [0, 9, 11])
      #expect(try targets.anchorIndices.ints() == [0, 1, 3])
      #expect(
        try targets.boxes.floats() == [0, 0, 10, 10, 9, 0, 20, 10, 31, 0, 40, 10]
      )
      // A picture without objects counts as one.
      #expect(try targets.averageFactor().item() == 4)
    }

    @Test func crowdsAreNeitherObjectsNorBackground() throws {
      // The crowd covers anchor 2 entirely and anchor 1 and 3 by less than half; anchor 0 is taken.
      let targets = try targets([
        [box(0, 10, 1), box(0, 10, 0, isCrowd: true), box(16, 33, 0, isCrowd: true)]
      ])
      #expect(try targets.labels.ints() == [1, 3, 3, 3])
      #expect(try targets.weights.floats() == [1, 1, 0, 1])
    }

    @Test func boxesWithoutAnAreaAreLeftOut() throws {
      let targets = try targets([[box(5, 5, 0), box(.nan, 10, 1)]])
      #expect(try targets.labels.ints() == [3, 3, 3, 3])
      #expect(targets.boxes.shape == [0, 4])
    }

    @Test func anObjectGetsTheAnchorThatItOverlapsMost() throws {
      // Too small for the threshold, yet anchor 3 is its best.
      let targets = try targets([[box(32, 34, 2)]])
      #expect(try targets.labels.ints() == [3, 3, 3, 2])
    }

    @Test func offsetsDecodeToWhatWasEncoded() throws {
      let centers = try Tensor([20, 30, 5, 8] as [Float], shape: [2, 2])
      let sizes = try Tensor([16, 8, 4, 4] as [Float], shape: [2, 2])
      let boxes: [Float] = [10, 20, 40, 33, 0, 0, 3, 90]
      let offsets = try BoxCoder.encode(
        Tensor(boxes, shape: [2, 4]),
        centers: centers,
        sizes: sizes
      )
      let decoded = try BoxCoder.decode(offsets, centers: centers, sizes: sizes)
      expectClose(try decoded.floats(), boxes, rtol: 1e-5, atol: 1e-4)
    }

    /// The anchors that a data set chose travel with the weights.
    @Test func adaptedAnchorsAreWeights() throws {
      let size = ImageSize(height: 64, width: 64)
      func make() throws -> SSD {
        try SSD(backbone: ResNet(labelCount: nil), labelCount: 1, inputSize: size)
      }
      let model = try make()
      let before = try model.network.head.anchorSizes.value.floats()
      try model.adaptAnchors(to: [ImageExtent(height: 4, width: 4)])
      #expect(try model.network.head.anchorSizes.value.floats() == before)
      try model.adaptAnchors(
        to: (1...9).map { ImageExtent(height: 5 * Double($0), width: 6 * Double($0)) }
      )
      let adapted = (1...9).flatMap { [5 * Float($0), 6 * Float($0)] }
      #expect(try model.network.head.anchorSizes.value.floats() == adapted)
      let other = try make()
      try other.module.loadStateDictionary(model.module.stateDictionary())
      let output = try noGrad { try other.network(.zeros([1, 3, 64, 64])) }
      let sizes = try output.grid.sizes.floats()
      #expect(Array(sizes.prefix(4)) == [6, 5, 12, 10])
      #expect(Array(sizes.suffix(2)) == [54, 45])
    }
  }
}
