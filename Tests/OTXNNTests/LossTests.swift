import Foundation
import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// Values and gradients of each loss are PyTorch's.
@Suite struct LossTests {
  let golden: Golden
  init() throws { golden = try Golden("losses", in: .module) }

  private func check(
    _ name: String,
    _ predictions: Tensor,
    _ loss: (Tensor) throws -> Tensor
  ) throws {
    let leaf = try predictions.detach()
    try leaf.requiresGrad_(true)
    let value = try loss(leaf)
    try golden.expect(name, value)
    try (value * formulaInput(value.shape, k: 1001)).sum().backward()
    try golden.expect("\(name)/grad", try #require(try leaf.grad))
  }

  @Test func crossEntropyAgrees() throws {
    let logits = try formulaInput([6, 5], scale: 4)
    let classes = try formulaIntegers([6], below: 5)
    try check("cross entropy", logits) { try crossEntropy($0, classes) }
    try check("cross entropy smoothed", logits) {
      try crossEntropy($0, classes, labelSmoothing: 0.1)
    }
    let weights = try formulaInput([5], k: 1002) + 1.5
    try check("cross entropy weighted", logits) {
      try crossEntropy($0, classes, weight: weights, reduction: .sum)
    }
    var ignoring = Formula.integers([6], below: 5)
    ignoring[1] = 255
    let others = try Tensor(ignoring, shape: [6])
    try check("cross entropy ignoring", logits) {
      try crossEntropy($0, others, ignoreIndex: 255)
    }
  }

  @Test func binaryLossesAgree() throws {
    let logits = try formulaInput([6, 5], scale: 4)
    let values = Formula.integers([6, 5], below: 2, k: 2001).map { Float($0) }
    let targets = try Tensor(values, shape: [6, 5])
    let weights = try formulaInput([5], k: 1002) + 1.5
    try check("bce", logits) { try binaryCrossEntropyWithLogits($0, targets) }
    try check("bce weighted sum", logits) {
      try binaryCrossEntropyWithLogits($0, targets, weight: weights, reduction: .sum)
    }
    try check("focal", logits) { try sigmoidFocalLoss($0, targets) }
    try check("focal elements", logits) {
      try sigmoidFocalLoss($0, targets, alpha: 0.5, gamma: 1.5, reduction: .none)
    }
  }

  @Test func smoothL1Agrees() throws {
    let predictions = try formulaInput([6, 5], scale: 4)
    let targets = try formulaInput([6, 5], k: 1003)
    try check("smooth l1", predictions) { try smoothL1Loss($0, targets) }
    try check("smooth l1 beta", predictions) {
      try smoothL1Loss($0, targets, beta: 1.0 / 9, reduction: .sum)
    }
  }

  @Test func boxLossesAgree() throws {
    func boxes(_ key: String) throws -> Tensor {
      try Tensor(try golden.digest(key).samples.map { Float($0) }, shape: [6, 4])
    }
    let (a, b) = (try boxes("boxes a"), try boxes("boxes b"))
    try check("box iou", a) { try boxIoU($0, b.narrow(dim: 0, start: 0, length: 4)) }
    try check("paired iou", a) { try pairedBoxIoU($0, b) }
    try check("giou loss", a) { try generalizedBoxIoULoss($0, b, reduction: .none) }
    try check("giou loss sum", a) { try generalizedBoxIoULoss($0, b, reduction: .sum) }
    try check("diou loss", a) { try distanceBoxIoULoss($0, b, reduction: .none) }
    try check("diou loss mean", a) { try distanceBoxIoULoss($0, b) }
    try check("ciou loss", a) { try completeBoxIoULoss($0, b, reduction: .none) }
    try check("ciou loss mean", a) { try completeBoxIoULoss($0, b) }
    let iou = try pairedBoxIoU(a, b).floats()
    expectClose(try iouLoss(a, b, reduction: .none).floats(), iou.map { 1 - $0 }, atol: 1e-5)
  }

  @Test func focalLossesOfQualitiesAgree() throws {
    let logits = try formulaInput([6, 5], scale: 4)
    let quality = try formulaInput([6, 5], k: 1004).clamp(min: 0)
    try check("quality focal", logits) { try qualityFocalLoss($0, quality) }
    try check("quality focal elements", logits) {
      try qualityFocalLoss($0, quality, beta: 1.5, reduction: .none)
    }
    try check("varifocal", logits) { try varifocalLoss($0, quality) }
    try check("varifocal elements", logits) {
      try varifocalLoss($0, quality, alpha: 0.5, gamma: 1.5, reduction: .none)
    }
    let targets = try formulaIntegers([6, 5], below: 2, k: 2001).to(.float32)
    let known = try formulaInput([6, 5], k: 1006).gt(-0.5).to(.float32)
    try check("asymmetric angular", logits) { try asymmetricAngularLoss($0, targets) }
    try check("asymmetric angular elements", logits) {
      try asymmetricAngularLoss(
        $0,
        quality,
        weight: known,
        positiveFocus: 0.5,
        negativeFocus: 2,
        balance: 0.6,
        margin: 0.1,
        reduction: .none
      )
    }
    let distances = try Tensor(
      try golden.digest("distances").samples.map { Float($0) },
      shape: [6]
    )
    try check("distribution focal", logits) { try distributionFocalLoss($0, distances) }
    try check("distribution focal elements", logits) {
      try distributionFocalLoss($0, distances, reduction: .none)
    }
  }

  /// Boxes without extent, far apart or the same: what an untrained network may predict.
  @Test func boxLossesOfAnyBoxesAreNumbers() throws {
    let a = try Tensor(
      [1, 1, 1, 1, 0, 0, 4, 0, 2, 2, 5, 7, 9, 9, 9, 12] as [Float],
      shape: [4, 4]
    )
    let b = try Tensor([1, 1, 1, 1, 0, 0, 4, 4, 2, 2, 5, 7, 0, 0, 1, 1] as [Float], shape: [4, 4])
    for loss in [iouLoss, generalizedBoxIoULoss, distanceBoxIoULoss, completeBoxIoULoss] {
      let leaf = try a.detach()
      try leaf.requiresGrad_(true)
      let value = try loss(leaf, b, .none, 1e-7)
      try value.sum().backward()
      let numbers = try value.floats() + #require(try leaf.grad).floats()
      #expect(!(numbers.contains { !$0.isFinite }))
      expectClose(try value.floats()[2], 0, atol: 1e-6)
    }
  }
}
