public import OTXCore
import OTXNN
public import OTXTensor

/// CSPDarknet, the backbone of YOLOX (Ge et al., YOLOX: Exceeding YOLO Series in 2021, arXiv
/// 2107.08430, with the cross-stage partial blocks of Wang et al., CSPNet, CVPRW 2020).
///
/// Names are those of the published YOLOX checkpoints, below `backbone.backbone.`. Checked against
/// a plain PyTorch twin (`Tools/goldens/yolox_reference.py`).
public final class CSPDarknet: Backbone {
  let stem: Focus
  let dark2: Sequential
  let dark3: Sequential
  let dark4: Sequential
  let dark5: Sequential
  public let levels: [FeatureLevel]

  /// A network with random weights.
  ///
  /// - `depth`: Multiplies the blocks of each stage, 3 and 9 at depth 1.
  /// - `width`: Multiplies the channels, 64 after the stem at width 1.
  public init(depth: Double, width: Double) throws {
    let base = Int(width * 64)
    let count = CSPLayer.blockCount(depth)
    func stage(_ channels: Int, _ blockCount: Int) throws -> Sequential {
      Sequential(
        try ConvNorm(yolox: channels, 2 * channels, kernelSize: 3, stride: 2),
        try CSPLayer(2 * channels, 2 * channels, blockCount: blockCount)
      )
    }
    stem = try Focus(3, base, kernelSize: 3)
    dark2 = try stage(base, count)
    dark3 = try stage(2 * base, 3 * count)
    dark4 = try stage(4 * base, 3 * count)
    dark5 = Sequential(
      try ConvNorm(yolox: 8 * base, 16 * base, kernelSize: 3, stride: 2),
      try SpatialPyramidPooling(16 * base, 16 * base),
      try CSPLayer(16 * base, 16 * base, blockCount: count, hasShortcut: false)
    )
    levels = CSPDarknet.levels(width: width)
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    let level4 = try dark2(stem(images))
    let level8 = try dark3(level4)
    let level16 = try dark4(level8)
    return [level4, level8, level16, try dark5(level16)]
  }
}

extension ConvNorm {
  /// With SiLU, and the normalisation of YOLOX.
  convenience init(
    yolox inputChannels: Int,
    _ channels: Int,
    kernelSize: Int = 1,
    stride: Int = 1
  ) throws(TensorError) {
    try self.init(
      inputChannels,
      channels,
      kernelSize: kernelSize,
      stride: stride,
      epsilon: 1e-3,
      momentum: 0.03,
      then: .silu
    )
  }
}

/// Moves each 2×2 square of pixels into the channels, then convolves: `[N, C, H, W]` to
/// `[N, O, H / 2, W / 2]`.
final class Focus: Layer {
  let conv: ConvNorm

  init(_ inputChannels: Int, _ channels: Int, kernelSize: Int) throws(TensorError) {
    conv = try ConvNorm(yolox: 4 * inputChannels, channels, kernelSize: kernelSize)
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    // Published weights expect the square's pixels column by column.
    var parts: [Tensor] = []
    for column in 0..<2 {
      for row in 0..<2 {
        parts.append(
          try input.slice(dim: 2, from: row, step: 2).slice(dim: 3, from: column, step: 2)
        )
      }
    }
    return try conv(.cat(parts, dim: 1))
  }
}

/// Residual blocks on one half of the channels beside an untouched other half.
final class CSPLayer: Layer {
  static let weightNames = ["blocks": "m"]
  let conv1: ConvNorm
  let conv2: ConvNorm
  let conv3: ConvNorm
  let blocks: Sequential

  init(
    _ inputChannels: Int,
    _ channels: Int,
    blockCount: Int,
    hasShortcut: Bool = true
  ) throws(TensorError) {
    let half = channels / 2
    conv1 = try ConvNorm(yolox: inputChannels, half)
    conv2 = try ConvNorm(yolox: inputChannels, half)
    conv3 = try ConvNorm(yolox: 2 * half, channels)
    var blocks: [any Layer] = []
    for _ in 0..<blockCount { blocks.append(try Block(half, hasShortcut: hasShortcut)) }
    self.blocks = Sequential(blocks)
  }

  /// Blocks of a layer that has three at depth 1.
  static func blockCount(_ depth: Double) -> Int { max(Int((3 * depth).rounded()), 1) }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try conv3(.cat([blocks(conv1(input)), conv2(input)], dim: 1))
  }

  /// A 1×1 and a 3×3 convolution.
  private final class Block: Layer {
    let conv1: ConvNorm
    let conv2: ConvNorm
    private let hasShortcut: Bool

    init(_ channels: Int, hasShortcut: Bool) throws(TensorError) {
      self.hasShortcut = hasShortcut
      conv1 = try ConvNorm(yolox: channels, channels)
      conv2 = try ConvNorm(yolox: channels, channels, kernelSize: 3)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      let output = try conv2(conv1(input))
      return hasShortcut ? try output + input : output
    }
  }
}

/// Maxima over windows of 5, 9 and 13 pixels beside the map itself (He et al., Spatial Pyramid
/// Pooling, ECCV 2014).
private final class SpatialPyramidPooling: Layer {
  let conv1: ConvNorm
  let conv2: ConvNorm

  init(_ inputChannels: Int, _ channels: Int) throws(TensorError) {
    conv1 = try ConvNorm(yolox: inputChannels, inputChannels / 2)
    conv2 = try ConvNorm(yolox: 4 * (inputChannels / 2), channels)
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    // The maximum over 9 pixels is that over 5 of those over 5, and so on: 75 comparisons, not 275.
    var maps = [try conv1(input)]
    for index in 0..<3 {
      maps.append(try maps[index].maxPool2d(kernel: 5, stride: 1, padding: 2))
    }
    return try conv2(.cat(maps, dim: 1))
  }
}

extension CSPDarknet {
  static let entries = [
    entry(
      "cspdarknet_tiny",
      title: "CSPDarknet-tiny",
      width: 0.375,
      side: 416,
      parameterCount: 2_372_304,
      gigaMultiplyAdds: 1.321
    ),
    entry(
      "cspdarknet_s",
      title: "CSPDarknet-s",
      width: 0.5,
      side: 640,
      parameterCount: 4_212_672,
      gigaMultiplyAdds: 5.439
    ),
  ]

  private static func entry(
    _ name: String,
    title: String,
    width: Double,
    side: Int,
    parameterCount: Int,
    gigaMultiplyAdds: Double
  ) -> BackboneEntry {
    BackboneEntry(
      BackboneDescriptor(
        name: name,
        title: title,
        levels: CSPDarknet.levels(width: width),
        preprocessing: Preprocessing(
          inputSize: ImageSize(height: side, width: side),
          resize: .letterbox,
          padValue: 114,
          mean: [0, 0, 0],
          std: [1, 1, 1]
        ),
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { try CSPDarknet(depth: 0.33, width: width) }
  }

  private static func levels(width: Double) -> [FeatureLevel] {
    (1...4).map { FeatureLevel(channels: Int(width * 64) << $0, stride: 2 << $0) }
  }
}
