import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// Detectors compute what their plain PyTorch twins compute.
  @Suite struct DetectorGoldens {
    struct Content: Decodable {
      var anchors: [Double]
      var step: Int
      var boxes: [Double]
      var scores: [Double]
      var detections: [[Double]]
      var detectionCounts: [Int]
      var losses: [String: Double]
      var emptyLosses: [String: Double]
      var assigned: [[String: Int]]
      var gradients: [String: GoldenGradient]
      var statistics: [String: [Double]]
    }

    private let size = ImageSize(height: 128, width: 128)
    /// As in `models.py`; the last box is a crowd.
    private let objects: [[Detection.LabeledBox]] = [
      [
        .init(box: BoundingBox(x1: 9, y1: 14.5, x2: 52, y2: 61), label: 0),
        .init(box: BoundingBox(x1: 40.5, y1: 33, x2: 121, y2: 118.5), label: 2),
        .init(box: BoundingBox(x1: 71, y1: 5, x2: 93.5, y2: 22), label: 1),
      ],
      [
        .init(box: BoundingBox(x1: 3.5, y1: 62, x2: 66, y2: 125), label: 1),
        .init(box: BoundingBox(x1: 70, y1: 8, x2: 124, y2: 60), label: 0, isCrowd: true),
      ],
    ]

    private func images() throws -> Tensor {
      try Tensor(Formula.input([2, 3, 128, 128]), shape: [2, 3, 128, 128]).to(.channelsLast)
    }

    private func expectLosses(
      _ terms: LossTerms,
      _ expected: [String: Double],
      _ comment: String
    ) throws {
      #expect(Set(terms.terms.map(\.name)) == Set(expected.keys))
      for term in terms.terms {
        expectClose(
          try term.value.item(),
          expected[term.name] ?? .nan,
          rtol: 1e-4,
          atol: 1e-6,
          "\(comment) \(term.name)"
        )
      }
    }

    private func check(_ model: any TaskModel<Detection>, _ expected: Content) throws {
      let images = try images()
      model.module.setTraining(false)
      let (raw, outputs, empty) = try noGrad {
        (
          try model.rawOutputs(images), try model.outputs(images),
          try model.loss(images, detectionBatch([[], []], size: size))
        )
      }
      func rows(_ name: String) throws -> [Double] {
        let all = try raw[name]
        let count = all.value.size(1)
        let columns = all.value.size(2)
        let values = try all.doubles
        var picked: [Double] = []
        for image in 0..<2 {
          for row in stride(from: 0, to: count, by: expected.step) {
            picked += values[((image * count + row) * columns)...].prefix(columns)
          }
        }
        return picked
      }
      expectClose(try rows("boxes"), expected.boxes, rtol: 1e-4, atol: 1e-3, "boxes")
      expectClose(try rows("scores"), expected.scores, rtol: 1e-4, atol: 1e-6, "scores")
      try expectDetections(outputs, expected)
      try expectLosses(empty, expected.emptyLosses, "without objects:")

      let batch = try detectionBatch(objects, size: size)
      try model.loss(images, batch).total().backward()
      try model.module.expectGradients(expected.gradients, rtol: 2e-3)
      model.module.setTraining(true)
      let terms = try noGrad { try model.loss(images, batch) }
      try expectLosses(terms, expected.losses, "with objects:")
      try model.module.expectState(expected.statistics)
    }

    private func expectDetections(_ outputs: [NamedTensor], _ expected: Content) throws {
      let boxes = try outputs["bboxes"]
      let labels = try outputs["labels"]
      let count = boxes.value.size(1)
      #expect(labels.value.shape == [2, count])
      let (rows, names) = (try boxes.doubles, try labels.doubles)
      for image in 0..<2 {
        let range = (image * count)..<((image + 1) * count)
        #expect(range.count { rows[5 * $0 + 4] > 0 } == expected.detectionCounts[image])
        let found = range.prefix(20).flatMap { Array(rows[(5 * $0)..<(5 * $0 + 5)]) + [names[$0]] }
        expectClose(found, expected.detections[image], rtol: 1e-4, atol: 1e-3, "detections")
      }
    }

    private func owners(_ targets: DetectionTargets, labelCount: Int) throws -> [[String: Int]] {
      let labels = try targets.labels.ints()
      let count = targets.labels.size(1)
      return (0..<2).map { image in
        var found: [String: Int] = [:]
        for anchor in 0..<count where labels[image * count + anchor] < labelCount {
          let label = labels[image * count + anchor]
          found["\(anchor)"] = objects[image].firstIndex { $0.label == label && !$0.isCrowd }
        }
        return found
      }
    }

    @Test func atssAgreesWithItsTwin() throws {
      let expected = try golden("atss_mobilenetv2", as: Content.self)
      let model = try ATSS(backbone: MobileNetV2(labelCount: nil), labelCount: 3)
      try model.module.fillByFormula()
      let output = try noGrad { try model.network(images()) }
      let corners = try output.grid.corners().floats().map(Double.init)
      let anchors = stride(from: 0, to: corners.count, by: 4 * expected.step).flatMap {
        corners[$0..<($0 + 4)]
      }
      expectClose(anchors, expected.anchors, rtol: 1e-6, atol: 1e-5, "anchors")
      let targets = try model.targets(output, detectionBatch(objects, size: size))
      #expect(try owners(targets, labelCount: 3) == expected.assigned)
      try model.module.fillByFormula()
      try check(model, expected)
    }

    @Test func ssdAgreesWithItsTwin() throws {
      let expected = try golden("ssd_mobilenetv2", as: Content.self)
      let model = try SSD(
        backbone: MobileNetV2(labelCount: nil),
        labelCount: 3,
        inputSize: size
      )
      try model.module.fillByFormula(keeping: ["bbox_head.anchor_sizes"])
      let output = try noGrad { try model.network(images()) }
      let corners = try output.grid.corners().floats().map(Double.init)
      let anchors = stride(from: 0, to: corners.count, by: 4 * expected.step).flatMap {
        corners[$0..<($0 + 4)]
      }
      expectClose(anchors, expected.anchors, rtol: 1e-6, atol: 1e-4, "anchors")
      let targets = try model.targets(output, detectionBatch(objects, size: size))
      #expect(try owners(targets, labelCount: 3) == expected.assigned)
      try model.module.fillByFormula(keeping: ["bbox_head.anchor_sizes"])
      try check(model, expected)
    }

    @Test func yoloxAgreesWithItsTwin() throws {
      let expected = try golden("yolox_tiny", as: Content.self)
      let model = try YOLOX(backbone: CSPDarknet(depth: 0.33, width: 0.375), labelCount: 3)
      model.isFinalPhase = true
      try model.module.fillByFormula()
      let batch = try detectionBatch(objects, size: size)
      try noGrad {
        let output = try model.network(model.networkInput(images()))
        let cells = try Tensor.cat(
          [output.grid.centers, output.grid.centers + output.grid.sizes],
          dim: 1
        ).floats().map(Double.init)
        let picked = stride(from: 0, to: cells.count, by: 4 * expected.step).flatMap {
          cells[$0..<($0 + 4)]
        }
        expectClose(picked, expected.anchors, rtol: 0, atol: 0, "cells")
        let (targets, _) = try model.targets(output, output.boxes(), batch)
        #expect(try owners(targets, labelCount: 3) == expected.assigned)
      }
      try model.module.fillByFormula()
      try check(model, expected)
    }
  }
}
