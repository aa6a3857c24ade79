import OTXCore
import OTXTensor
import OTXTesting
import Testing

@testable import OTXOpenVINO

/// What libtorch computes and the recorder writes down, OpenVINO computes too, at any batch size.
@Suite("Recorded operations give the same in OpenVINO")
struct RecordedGraphTests {
  /// One operation on `x` `[N, 4, 6, 8]`.
  struct Operation: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var body: @Sendable (Tensor) throws -> Tensor
    init(_ name: String, _ body: @escaping @Sendable (Tensor) throws -> Tensor) {
      testDescription = name
      self.body = body
    }
  }

  private static func weight(_ shape: [Int], _ k: Int) throws -> Tensor {
    try Tensor(Formula.input(shape, k: k), shape: shape)
  }

  static let operations: [Operation] = [
    // Layers
    Operation("conv2d") { x in
      try x.conv2d(
        weight([6, 4, 3, 3], 1),
        bias: weight([6], 2),
        stride: 2,
        padding: 1,
        dilation: 1,
        groups: 1
      )
    },
    Operation("depthwise conv2d") { x in
      try x.conv2d(weight([4, 1, 3, 3], 1), bias: nil, padding: 1, groups: 4)
    },
    Operation("convTranspose2d") { x in
      try x.convTranspose2d(weight([4, 5, 2, 2], 1), bias: nil, stride: 2)
    },
    Operation("linear") { x in try x.linear(weight([3, 8], 1), bias: weight([3], 2)) },
    Operation("batchNorm") { x in
      let variance = try Tensor([0.5, 1, 1.5, 2] as [Float], shape: [4])
      return try x.batchNorm(
        weight: weight([4], 3),
        bias: weight([4], 4),
        runningMean: weight([4], 1),
        runningVar: variance,
        training: false
      )
    },
    Operation("groupNorm") { x in
      try x.groupNorm(groupCount: 2, weight: weight([4], 3), bias: weight([4], 4))
    },
    Operation("layerNorm") { x in
      try x.layerNorm([8], weight: weight([8], 3), bias: weight([8], 4))
    },
    // Activations
    Operation("relu") { try $0.relu() },
    Operation("relu6") { try ($0 * 10).relu6() },
    Operation("leakyRelu") { try $0.leakyRelu() },
    Operation("prelu") { try $0.prelu(weight([4], 1)) },
    Operation("elu") { try $0.elu() },
    Operation("mish") { try $0.mish() },
    Operation("tanh") { try $0.tanh() },
    Operation("softplus") { try $0.softplus() },
    Operation("scaledDotProductAttention") { x in
      try x.scaledDotProductAttention(keys: x * 2, values: x + 1)
    },
    Operation("silu") { try $0.silu() },
    Operation("hardswish") { try ($0 * 5).hardswish() },
    Operation("hardsigmoid") { try ($0 * 5).hardsigmoid() },
    Operation("sigmoid") { try $0.sigmoid() },
    Operation("gelu") { try $0.gelu() },
    Operation("softmax") { try $0.softmax(dim: -1) },
    Operation("logSoftmax") { try $0.logSoftmax(dim: 1) },
    // Pooling, resizing
    Operation("maxPool2d") { try $0.maxPool2d(kernel: 3, stride: 2, padding: 1) },
    Operation("avgPool2d") { try $0.avgPool2d(kernel: 2) },
    Operation("adaptiveAvgPool2d") { try $0.adaptiveAvgPool2d(1) },
    Operation("upsampleNearest by a factor") { try $0.upsampleNearest(scale: 2) },
    Operation("upsampleNearest to a size") {
      try $0.upsampleNearest(size: Size2D(height: 12, width: 16))
    },
    Operation("upsampleBilinear") {
      try $0.upsampleBilinear(size: Size2D(height: 9, width: 11))
    },
    Operation("pixelShuffle") { try $0.pixelShuffle(2) },
    // Arithmetic
    Operation("arithmetic") { x in try (x * 2 + 1 - x / 3) * x },
    Operation("exp") { try $0.exp() },
    Operation("log") { try ($0.abs() + 1).log() },
    Operation("sqrt") { try ($0.abs() + 1).sqrt() },
    Operation("where") { x in try Tensor.where(x.gt(0), x, x * 0.1) },
    Operation("pow") { try ($0.abs() + 1).pow(1.5) },
    Operation("clamp") { try $0.clamp(min: -0.2, max: 0.7) },
    Operation("floor and round") { x in try (x * 7).floor() + (x * 5).round() },
    Operation("matmul") { x in try x.matmul(x.transpose(2, 3)) },
    Operation("maskedFill") { x in try x.maskedFill(x.lt(0), 3) },
    Operation("maximum") { x in try x.maximum(x * -1) },
    // Shape
    Operation("flatten") { try $0.flatten(startDim: 1) },
    Operation("permute and reshape") { try $0.permute([0, 2, 3, 1]).reshape([-1, 48, 4]) },
    Operation("unflatten") { try $0.unflatten(dim: 1, [2, 2]) },
    Operation("narrow and select") { try $0.narrow(dim: 3, start: 2, length: 4).select(dim: 2, 1) },
    Operation("slice") { try $0.slice(dim: 3, from: 1, to: 7, step: 2) },
    Operation("chunk") { x in
      let parts = try x.chunk(2, dim: 1)
      return try parts[0] * parts[1]
    },
    Operation("split") { x in
      let parts = try x.split(sizes: [1, 3], dim: 1)
      return try parts[0] + parts[1]
    },
    Operation("unbind") { x in
      let parts = try x.unbind(dim: 1)
      return try parts[0] * parts[3]
    },
    Operation("cat and stack") { x in
      try Tensor.cat(
        [Tensor.stack([x, x * 2], dim: 2).flatten(startDim: 1, endDim: 2), x],
        dim: 1
      )
    },
    Operation("expand") { try $0.sum(dim: 1, keepDim: true).expand([-1, 4, -1, -1]) },
    Operation("expandAs") { x in try x.mean(dim: 3, keepDim: true).expandAs(x) },
    Operation("repeat") { try $0.repeat([1, 2, 1, 1]) },
    Operation("pad") { try $0.pad([1, 2, 0, 1], value: 0.5) },
    Operation("transpose") { try $0.transpose(1, 2) },
    Operation("squeeze") { try $0.narrow(dim: 1, start: 0, length: 1).squeeze(1) },
    Operation("flip") { try $0.flip([3]) },
    // Reductions
    Operation("sum") { try $0.sum(dims: [2, 3]) },
    Operation("mean") { try $0.mean(dims: [2, 3], keepDim: true) },
    Operation("max") { try $0.max(dim: 1).values },
    Operation("amax") { try $0.amax(dims: [1, 2]) },
    Operation("argmax") { try $0.argmax(dim: 3).to(.float32) },
    Operation("cumsum") { try $0.cumsum(dim: 0) },
    Operation("logsumexp") { try $0.logsumexp(dim: 1) },
    Operation("min") { try $0.min(dim: 2).values },
    Operation("norm") { try $0.norm(2, dims: [1]) },
    // Indexing
    Operation("topk") { try $0.flatten(startDim: 1).topk(5, dim: 1).values },
    Operation("topk's indices") {
      try $0.flatten(startDim: 1).topk(5, dim: 1).indices.to(.float32)
    },
    Operation("gather") { x in
      let flat = try x.flatten(startDim: 1)
      return try flat.gather(dim: 1, flat.topk(5, dim: 1).indices)
    },
    Operation("indexSelect") { x in
      try x.indexSelect(dim: 1, Tensor([2, 0], shape: [2]))
    },
    Operation("scatter") { x in
      let flat = try x.flatten(startDim: 1)
      let best = try flat.topk(5, dim: 1)
      return try flat.zerosLike().scatter(dim: 1, best.indices, best.values)
    },
    Operation("scatterAdd") { x in
      let flat = try x.flatten(startDim: 1)
      let best = try flat.topk(5, dim: 1)
      return try flat.scatterAdd(dim: 1, best.indices, best.values)
    },
    Operation("sort") { try $0.sort(dim: 3, descending: true).values },
    Operation("nms") { x in
      // Boxes of all pictures at once; the order in which they are kept is that of their scores.
      let rows = try x.narrow(dim: 1, start: 0, length: 1).flatten(startDim: 0, endDim: 2)
      let corners = try rows.narrow(dim: 1, start: 0, length: 2) * 20
      let boxes = try Tensor.cat([corners, corners + 8], dim: 1)
      let scores = try rows.select(dim: 1, 4)
      return try scores.indexSelect(dim: 0, boxes.nms(scores: scores, iouThreshold: 0.3))
    },
    Operation("comparisons") { x in try x.gt(0.2).to(.float32) + x.le(-0.3).to(.float32) },
    Operation("floorDivide and remainder") { x in
      let indices = try x.flatten(startDim: 1).topk(7, dim: 1).indices
      return try indices.floorDivide(3).to(.float32) * 10 + indices.remainder(3).to(.float32)
    },
    Operation("a constant of its own") { x in
      try x + Tensor(Formula.input([8], k: 9), shape: [8])
    },
  ]

  @Test(arguments: operations)
  func agree(_ operation: Operation) throws {
    let graph = try noGrad {
      let x = try Tensor(Formula.input([2, 4, 6, 8]), shape: [2, 4, 6, 8])
      return try record(inputs: [("x", x)], parameters: []) { [("y", try operation.body(x))] }
    }
    let model = try OpenVINOModel(compiling: graph)
    for count in [1, 3] {
      let shape = [count, 4, 6, 8]
      let values = Formula.input(shape, k: 1000 + count)
      let expected = try noGrad { try operation.body(Tensor(values, shape: shape)) }
      let outputs = try model.run([ArrayBuffer(values, shape: shape)])
      #expect(outputs["y"]?.shape == expected.shape)
      expectClose(outputs["y"]?.values ?? [], try expected.floats(), rtol: 1e-4, atol: 1e-5)
    }
  }
}
