import Foundation
import OTXCore
import OTXOpenVINO
import OTXTensor
import OTXTesting
import Testing

@testable import OTXONNX

/// Each operator, written as ONNX and run by OpenVINO's reader, gives what libtorch gives; at the
/// batch size that it was recorded at and at another.
@Suite(.serialized) struct Operators {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    /// Of one item of the batch.
    var shape: [Int]
    var body: @Sendable (Tensor) throws -> Tensor
    init(
      _ name: String,
      _ shape: [Int] = [4, 6, 8],
      _ body: @escaping @Sendable (Tensor) throws -> Tensor
    ) {
      (self.name, self.shape, self.body) = (name, shape, body)
    }
    var testDescription: String { name }
  }

  static func weight(_ shape: [Int], _ k: Int = 0) throws -> Tensor {
    try Tensor(Formula.input(shape, k: 50 + k), shape: shape)
  }

  /// The places of the largest numbers of each row: whole numbers that depend on the input.
  static func places(_ x: Tensor) throws -> Tensor { try x.flatten(startDim: 1).topk(5).indices }

  static let layers: [Case] = [
    Case("conv2d") {
      try $0.conv2d(
        weight([6, 2, 3, 3]),
        bias: weight([6]),
        stride: Size2D(height: 2, width: 1),
        padding: Size2D(height: 1, width: 2),
        groups: 2
      )
    },
    Case("dilated conv2d") { try $0.conv2d(weight([3, 4, 3, 3]), padding: 2, dilation: 2) },
    Case("linear of rows", [8]) { try $0.linear(weight([5, 8]), bias: weight([5])) },
    Case("linear") { try $0.linear(weight([5, 8]), bias: weight([5])) },
    Case("linear without bias") { try $0.linear(weight([5, 8])) },
    Case("batch_norm") {
      try $0.batchNorm(
        weight: weight([4]),
        bias: weight([4], 1),
        runningMean: weight([4], 2),
        runningVar: weight([4], 3).abs() + 0.5,
        training: false
      )
    },
    Case("layer_norm") { try $0.layerNorm([8], weight: weight([8]), bias: weight([8], 1)) },
    Case("group_norm") {
      try $0.groupNorm(groupCount: 2, weight: weight([4]), bias: weight([4], 1))
    },
    Case("attention") { try $0.scaledDotProductAttention(keys: $0 * 0.5, values: $0 + 1) },
    Case("adaptive_avg_pool2d") { try $0.adaptiveAvgPool2d(1) },
    Case("avg_pool2d") { try $0.avgPool2d(kernel: 3, stride: 2, padding: 1) },
    Case("avg_pool2d without pads") {
      try $0.avgPool2d(kernel: 3, stride: 2, padding: 1, countIncludePad: false)
    },
    Case("max_pool2d") { try $0.maxPool2d(kernel: 3, stride: 2, padding: 1) },
    Case("max_pool2d rounded up", [4, 7, 7]) {
      try $0.maxPool2d(kernel: 2, stride: 2, ceilMode: true)
    },
    Case("upsample_nearest2d by a factor") { try $0.upsampleNearest(scale: 2) },
    Case("upsample_nearest2d to a size") {
      try $0.upsampleNearest(size: Size2D(height: 9, width: 20))
    },
    Case("upsample_bilinear2d") { try $0.upsampleBilinear(size: Size2D(height: 9, width: 20)) },
    Case("upsample_bilinear2d by corners") {
      try $0.upsampleBilinear(scale: 2, alignCorners: true)
    },
  ]

  static let elements: [Case] = [
    Case("relu") { try $0.relu() }, Case("sigmoid") { try $0.sigmoid() },
    Case("tanh") { try $0.tanh() }, Case("silu") { try $0.silu() }, Case("mish") { try $0.mish() },
    Case("gelu") { try $0.gelu() }, Case("gelu by tanh") { try $0.gelu(approximateTanh: true) },
    Case("hardswish") { try ($0 * 4).hardswish() },
    Case("hardsigmoid") { try ($0 * 4).hardsigmoid() },
    Case("relu6") { try ($0 * 8).relu6() },
    Case("leaky_relu") { try $0.leakyRelu(negativeSlope: 0.1) },
    Case("elu") { try $0.elu() }, Case("prelu") { try $0.prelu(weight([4])) },
    Case("softplus") { try $0.softplus() },
    Case("exp, log, sqrt") { try (($0.exp() + 1).log() + 1).sqrt() },
    Case("clamp") { try $0.clamp(min: -0.2, max: 0.3) },
    Case("clamp from below") { try $0.clamp(min: 0.1) },
    Case("softmax") { try $0.softmax(dim: -1) },
    Case("log_softmax") { try $0.logSoftmax(dim: 1) },
    Case("square, abs, neg") { try -($0.square() - 0.2).abs() },
    Case("sums") { try ($0 + weight([8])) - $0 * 3 },
    Case("turned around") { try 2 - $0 },
    Case("quotient") { try $0 / weight([8]).abs().clamp(min: 0.1) },
    Case("divided by a number") { try $0 / 3 },
    Case("minimum, maximum") { try $0.minimum(weight([8])).maximum($0 * 0.5) },
    Case("matmul") { try $0.matmul($0.transpose(-1, -2)) },
    Case("floor of a quotient") { try places($0).floorDivide(7).to(.float32) },
    Case("remainder") { try places($0).remainder(7).to(.float32) },
    Case("comparison") { try $0.gt(0.1).to(.float32) },
    Case("comparison of tensors") { try $0.le(weight([8])).to(.float32) },
    Case("where") { try Tensor.where($0.gt(0), $0, $0 * 2) },
    Case("masked_fill") { try $0.maskedFill($0.lt(0), 5) },
    Case("cumsum") { try $0.cumsum(dim: 0) },
    Case("zeros and ones") { try $0.zerosLike() + $0.onesLike() },
  ]

  static let places: [Case] = [
    Case("flatten") { try $0.flatten(startDim: 1) },
    Case("flatten in the middle") { try $0.flatten(startDim: 1, endDim: 2) },
    Case("flatten from the first") { try $0.flatten(startDim: 0, endDim: 1) },
    Case("unflatten") { try $0.unflatten(dim: 1, [2, 2]) },
    Case("unflatten the last") { try $0.unflatten(dim: -1, [-1, 4]) },
    Case("reshape") { try $0.reshape([-1, 48]) },
    Case("reshape_as") { try $0.flatten(startDim: 1).reshapeAs($0) + $0 },
    Case("permute") { try $0.permute([0, 2, 3, 1]) },
    Case("transpose") { try $0.transpose(1, -1) },
    Case("squeeze") { try $0.narrow(dim: 1, start: 2, length: 1).squeeze(1) },
    Case("unsqueeze") { try $0.unsqueeze(-1) },
    Case("expand") { try $0.narrow(dim: 1, start: 0, length: 1).expand([-1, 5, -1, -1]) },
    Case("expand_as") { try weight([8]).expandAs($0) + $0 },
    Case("cat") { try .cat([$0, $0 * 2], dim: -1) },
    Case("stack") { try .stack([$0, $0 * 2], dim: -1) },
    Case("repeat") { try $0.repeat([1, 2, 1, 3]) },
    Case("repeat with more axes", [4]) { try $0.repeat([2, 1, 3]) },
    Case("flip") { try $0.flip([1, -1]) },
    Case("roll") { try $0.roll([2, -3], dims: [2, 3]) },
    Case("pad") { try $0.pad([1, 2, 0, 1], value: 0.5) },
    Case("pixel_shuffle") { try $0.pixelShuffle(2) },
    Case("select") { try $0.select(dim: 1, -2) },
    Case("narrow") { try $0.narrow(dim: 2, start: 1, length: 3) },
    Case("slice") { try $0.slice(dim: 3, from: 1, step: 2) },
    Case("index_select") { try $0.indexSelect(dim: 1, Tensor([2, 0, 2], shape: [3])) },
    Case("gather") { x in try x.flatten(startDim: 1).gather(dim: 1, places(x)) },
    Case("scatter") { x in
      try x.flatten(startDim: 1).scatter(dim: 1, places(x), places(x).to(.float32))
    },
    Case("topk") { try $0.topk(3, dim: 2, largest: false).values },
    Case("chunk") { try $0.chunk(2, dim: 1)[1] },
    Case("split") { try $0.split(size: 4, dim: 2)[1] },
    Case("split into sizes") { try $0.split(sizes: [1, 5], dim: 2)[1] },
    Case("unbind") { x in
      let parts = try x.unbind(dim: 1)
      return try parts[0] - parts[3]
    },
    Case("mean") { try $0.mean(dims: [2, 3]) },
    Case("mean that keeps") { try $0.mean(dim: -1, keepDim: true) },
    Case("sum") { try $0.sum(dims: [1, 3], keepDim: true) },
    Case("sum of all") { try $0 - $0.sum() },
    Case("amax") { try $0.amax(dims: [-1]) },
    Case("amin") { try $0.amin(dims: [1, 2], keepDim: true) },
    Case("max") { try $0.max(dim: 1).values },
    Case("argmax") { try $0.argmax(dim: 2).to(.float32) },
  ]

  @Test(arguments: layers + elements + places) func agrees(with example: Case) throws {
    func input(_ count: Int) throws -> Tensor {
      let shape = [count] + example.shape
      return try Tensor(Formula.input(shape, k: 1 + count), shape: shape)
    }
    let recorded = try input(2)
    let graph = try noGrad {
      try record(inputs: [("x", recorded)], parameters: []) { [("y", try example.body(recorded))] }
    }
    let model = try written(graph)
    for count in [2, 3] {
      let x = try input(count)
      let expected = try noGrad { try example.body(x) }
      let found = try #require(try model.run([x.arrayBuffer()])["y"])
      #expect(found.shape == expected.shape)
      expectClose(
        found.values.map(Double.init),
        try expected.contiguous().floats().map(Double.init),
        rtol: 1e-5,
        atol: 1e-5,
        "\(example.name) of \(count)"
      )
    }
  }

  /// Every operator that there is a translation for is tried above, or is the same as one that is.
  @Test func suppressionChoosesTheSameBoxes() throws {
    func boxes(_ count: Int) throws -> Tensor {
      let corner = try Tensor(Formula.input([count, 40, 2], k: 3), shape: [count, 40, 2]) * 20
      return try .cat([corner, corner + 12], dim: -1)
    }
    func kept(_ boxes: Tensor) throws -> Tensor {
      let flat = try boxes.flatten(startDim: 0, endDim: 1)
      let scores = try (flat.select(dim: 1, 0) * 0.37).sin()
      let chosen = try flat.nms(scores: scores, iouThreshold: 0.3)
      return try scores.zerosLike().scatter(dim: 0, chosen, scores.indexSelect(dim: 0, chosen))
    }
    let recorded = try boxes(2)
    let graph = try noGrad {
      try record(inputs: [("x", recorded)], parameters: []) { [("y", try kept(recorded))] }
    }
    let model = try written(graph)
    for count in [1, 2, 3] {
      let x = try boxes(count)
      let found = try #require(try model.run([x.arrayBuffer()])["y"]).values
      let expected = try kept(x).floats()
      #expect(expected.count { $0 != 0 } < expected.count)
      expectClose(
        found.map(Double.init),
        expected.map(Double.init),
        rtol: 1e-5,
        atol: 1e-6,
        "\(count)"
      )
    }
  }

  private func written(_ graph: OperatorGraph) throws -> OpenVINOModel {
    let folder = try TemporaryFolder()
    let files = try ONNXExporter().export(graph: graph, info: sampleInfo, to: folder.url)
    return try OpenVINOModel(reading: files[0])
  }
}

/// A description that nothing here looks at.
let sampleInfo = ModelInfo(
  model: "sample",
  backbone: "sample",
  task: .multiClassClassification,
  labels: LabelInfo(names: ["a cat", "dog"]),
  preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 32))
)
