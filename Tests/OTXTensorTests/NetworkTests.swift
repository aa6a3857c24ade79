import OTXCore
import OTXTensor
import OTXTesting
import Testing

/// Layers' and losses' operators and their gradients against PyTorch's numbers, suppression against
/// torchvision's (`Tools/goldens/tensor.py`).
@Suite struct NetworkTests {
  @Test func layersAndLossesAgreeWithPyTorch() throws {
    try expectGoldens("network", try layers() + losses())
  }

  private typealias Cases = [(String, () throws -> Tensor)]

  private func layers() throws -> Cases {
    let x = try input([2, 6, 9, 11])
    let (scale, shift) = (try input([6], 1003), try input([6], 1004))
    let (mean, variance) = (try input([6], 1005), try input([6], 1006) + 1.5)
    let (runningMean, runningVar) = (try mean.clone(), try variance.clone())
    let trained = try x.batchNorm(
      weight: scale,
      bias: shift,
      runningMean: runningMean,
      runningVar: runningVar,
      training: true,
      eps: 1e-3
    )
    return [
      (
        "conv2d",
        {
          try x.conv2d(
            input([8, 3, 3, 3], 1001),
            bias: input([8], 1002),
            stride: Size2D(height: 2, width: 1),
            padding: 1,
            dilation: Size2D(height: 1, width: 2),
            groups: 2
          )
        }
      ),
      (
        "convTranspose2d",
        {
          try x.convTranspose2d(
            input([6, 4, 3, 3], 1007),
            stride: 2,
            padding: 1,
            outputPadding: 1
          )
        }
      ),
      ("linear", { try x.linear(input([5, 11], 1008), bias: input([5], 1009)) }),
      ("embedding", { try input([6, 5], 1010).embedding(integers([3, 4], below: 6)) }),
      (
        "batchNorm eval",
        {
          try x.batchNorm(
            weight: scale,
            bias: shift,
            runningMean: mean,
            runningVar: variance,
            training: false,
            eps: 1e-3
          )
        }
      ),
      ("batchNorm training", { trained }),
      ("batchNorm running", { try Tensor.stack([runningMean, runningVar]) }),
      ("groupNorm", { try x.groupNorm(groupCount: 3, weight: scale, bias: shift) }),
      (
        "layerNorm",
        { try x.layerNorm([11], weight: input([11], 1011), bias: input([11], 1012)) }
      ),
      ("maxPool2d", { try x.maxPool2d(kernel: 3, stride: 2, padding: 1, ceilMode: true) }),
      (
        "avgPool2d",
        {
          try x.avgPool2d(
            kernel: Size2D(height: 3, width: 2),
            stride: 2,
            padding: 1,
            countIncludePad: false
          )
        }
      ),
      ("adaptiveAvgPool2d", { try x.adaptiveAvgPool2d(Size2D(height: 4, width: 3)) }),
      ("adaptiveMaxPool2d", { try x.adaptiveMaxPool2d(Size2D(height: 4, width: 3)) }),
      ("upsampleNearest", { try x.upsampleNearest(scale: 2) }),
      ("upsampleBilinear", { try x.upsampleBilinear(size: Size2D(height: 13, width: 7)) }),
      ("pixelShuffle", { try input([1, 8, 3, 3], 1013).pixelShuffle(2) }),
      (
        "attention",
        {
          try input([2, 2, 5, 8], 1014).scaledDotProductAttention(
            keys: input([2, 2, 7, 8], 1015),
            values: input([2, 2, 7, 8], 1016)
          )
        }
      ),
    ]
  }

  private func losses() throws -> Cases {
    let logits = try input([7, 5], 1020) * 3
    let labels = try integers([7], below: 5)
    let targets = try (input([7, 5], 1021) + 1) / 2
    return [
      ("crossEntropy", { try logits.crossEntropy(labels, labelSmoothing: 0.1) }),
      (
        "crossEntropy weighted",
        {
          try logits.crossEntropy(
            labels,
            weight: input([5], 1022).abs(),
            reduction: .sum,
            ignoreIndex: 2
          )
        }
      ),
      (
        "binaryCrossEntropyWithLogits",
        { try logits.binaryCrossEntropyWithLogits(targets, posWeight: .full([5], 2)) }
      ),
      ("binaryCrossEntropy", { try targets.binaryCrossEntropy(targets, reduction: .none) }),
      ("smoothL1Loss", { try logits.smoothL1Loss(targets, beta: 0.5, reduction: .sum) }),
      ("l1 and mse", { try logits.l1Loss(targets) + logits.mseLoss(targets) }),
      (
        "klDivergence",
        { try logits.logSoftmax(dim: 1).klDivergence(targets, reduction: .sum) }
      ),
    ]
  }

  @Test func gradientsAgreeWithPyTorch() throws {
    let x = try input([2, 3, 12, 12]).to(.channelsLast)
    let conv = try input([8, 3, 3, 3], 1001).requiresGrad_()
    let scale = try (input([8], 1002) + 1).requiresGrad_()
    let shift = try input([8], 1003).requiresGrad_()
    let depthwise = try input([8, 1, 3, 3], 1004).requiresGrad_()
    let linear = try input([5, 8], 1005)
    // A tensor that is computed under noGrad is a leaf.
    let leaf = try noGrad { () throws(TensorError) in try (linear * 1) }.requiresGrad_()

    let y = try x.conv2d(conv, stride: 2, padding: 1)
      .batchNorm(
        weight: scale,
        bias: shift,
        runningMean: nil,
        runningVar: nil,
        training: true
      ).hardswish()
    let z = try y.conv2d(depthwise, padding: 1, groups: 8)
    #expect(z.memoryFormat == .channelsLast)
    let joined = try Tensor.cat([z * y.sigmoid()], dim: 1)
    let logits = try joined.adaptiveAvgPool2d(1).flatten(startDim: 1).linear(leaf)
    let loss = try logits.crossEntropy(Tensor([1, 3])) + 0.1 * z.maxPool2d(kernel: 2).abs().mean()
    try loss.backward()

    let leaves = [
      ("conv", conv), ("scale", scale), ("shift", shift), ("depthwise", depthwise),
      ("linear", leaf),
    ]
    try expectGoldens(
      "gradients",
      rtol: 1e-3,
      [("loss", { loss })]
        + leaves.map { name, leaf in (name, { try #require(try leaf.grad) }) }
    )
  }

  @Test func suppressionAgreesWithTorchvision() throws {
    func boxes(_ count: Int, _ spread: Double, _ size: Double, _ k: Int) throws -> Tensor {
      let corner = try (input([count, 2], k) + 1) / 2 * spread
      let extent = try (input([count, 2], k + 1) + 1) / 2 * size
      return try Tensor.cat([corner, corner + extent], dim: 1)
    }
    func scores(_ count: Int, _ k: Int) throws -> Tensor { try (input([count], k) + 1) / 2 }
    let golden = try Golden("suppression", in: .module)
    func expect(
      _ name: String,
      _ boxes: Tensor,
      _ scores: Tensor,
      _ threshold: Double
    ) throws {
      let kept = try boxes.nms(scores: scores, iouThreshold: threshold)
      try golden.expect(name, try kept.arrayBuffer(), rtol: 0, atol: 0)
    }

    let dense = try boxes(500, 100, 60, 3000)
    try expect("dense 0.5", dense, scores(500, 3010), 0.5)
    try expect("dense 0", dense, scores(500, 3010), 0)
    try expect("ties", dense, (scores(500, 3010) * 4).round(), 0.3)
    let groups = try integers([2000, 1], below: 12, 3021)
    let shifted = try boxes(2000, 200, 80, 3020) + (groups * 2000).to(.float32)
    try expect("batched", shifted, scores(2000, 3022), 0.6)
    let flat = try boxes(200, 50, 30, 3030)
    let empty = try Tensor((0..<200).map { $0 % 7 == 0 }, shape: [200, 1])
    let corners = try flat.narrow(dim: 1, start: 0, length: 2)
    let collapsed = try Tensor.cat(
      [corners, .where(empty, corners, flat.narrow(dim: 1, start: 2, length: 2))],
      dim: 1
    )
    try expect("empty boxes", collapsed, scores(200, 3032), 0.4)
  }

  @Test func suppressionOfUnusualBoxes() throws {
    let none = try Tensor.zeros([0, 4]).nms(scores: .zeros([0]), iouThreshold: 0.5)
    #expect(none.shape == [0] && none.dtype == .int64)
    // A box of NaN overlaps with nothing and hides nothing.
    let boxes = try Tensor(
      [0, 0, 10, 10, .nan, 0, 10, 10, 0, 0, 10, 9] as [Float],
      shape: [3, 4]
    )
    let kept = try boxes.nms(scores: Tensor([0.9, 0.8, 0.7] as [Float]), iouThreshold: 0.5)
    #expect(try kept.ints() == [0, 1])
    #expect(throws: TensorError.self) {
      try Tensor.zeros([3, 5]).nms(scores: .zeros([3]), iouThreshold: 0.5)
    }
    #expect(throws: TensorError.self) {
      try Tensor.zeros([3, 4]).nms(scores: .zeros([2]), iouThreshold: 0.5)
    }
  }
}
