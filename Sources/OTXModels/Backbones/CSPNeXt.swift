public import OTXCore
import OTXNN
public import OTXTensor

/// CSPNeXt, the backbone of RTMDet (Lyu et al., RTMDet: An Empirical Study of Designing Real-Time
/// Object Detectors, arXiv 2212.07784).
///
/// Names are those of the published RTMDet checkpoints, below `backbone.`. Checked against a plain
/// PyTorch twin (`Tools/goldens/backbones_reference.py`).
public final class CSPNeXt: Backbone {
  let stem: Sequential
  let stage1: Sequential
  let stage2: Sequential
  let stage3: Sequential
  let stage4: Sequential
  public let levels: [FeatureLevel]

  /// A network with random weights.
  ///
  /// - `depth`: Multiplies the blocks of each stage, 3 and 6 at depth 1.
  /// - `width`: Multiplies the channels, 64 after the stem at width 1.
  public init(depth: Double, width: Double) throws {
    let base = Int(64 * width)
    func stage(_ index: Int, _ blockCount: Int) throws -> Sequential {
      let (before, channels) = (base << index, base << (index + 1))
      let isLast = index == 3
      var layers: [any Layer] = [
        try ConvNorm(before, channels, kernelSize: 3, stride: 2, then: .silu)
      ]
      if isLast { layers.append(try PoolingPyramid(channels)) }
      layers.append(
        try CrossStageLayer(
          channels,
          blockCount: max(Int((Double(blockCount) * depth).rounded(.toNearestOrEven)), 1),
          hasShortcut: !isLast
        )
      )
      return Sequential(layers)
    }
    stem = Sequential(
      try ConvNorm(3, base / 2, kernelSize: 3, stride: 2, then: .silu),
      try ConvNorm(base / 2, base / 2, kernelSize: 3, then: .silu),
      try ConvNorm(base / 2, base, kernelSize: 3, then: .silu)
    )
    stage1 = try stage(0, 3)
    stage2 = try stage(1, 6)
    stage3 = try stage(2, 6)
    stage4 = try stage(3, 3)
    levels = CSPNeXt.levels(width: width)
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    let level4 = try stage1(stem(images))
    let level8 = try stage2(level4)
    let level16 = try stage3(level8)
    return [level4, level8, level16, try stage4(level16)]
  }

  /// A 3×3 convolution, then a depthwise one of 5×5 and one of 1×1.
  private final class Block: Layer {
    let conv1: ConvNorm
    let conv2: Separable
    private let hasShortcut: Bool

    init(_ channels: Int, hasShortcut: Bool) throws(TensorError) {
      self.hasShortcut = hasShortcut
      conv1 = try ConvNorm(channels, channels, kernelSize: 3, then: .silu)
      conv2 = try Separable(channels)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      let output = try conv2(conv1(input))
      return hasShortcut ? try output + input : output
    }
  }

  private final class Separable: Layer {
    static let weightNames = ["depthwise": "depthwise_conv", "pointwise": "pointwise_conv"]
    let depthwise: ConvNorm
    let pointwise: ConvNorm

    init(_ channels: Int) throws(TensorError) {
      depthwise = try ConvNorm(channels, channels, kernelSize: 5, groups: channels, then: .silu)
      pointwise = try ConvNorm(channels, channels, then: .silu)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try pointwise(depthwise(input))
    }
  }

  /// Blocks on one half of the channels beside an untouched other half, then a gate on both.
  private final class CrossStageLayer: Layer {
    static let weightNames = [
      "mainConvolution": "main_conv", "shortConvolution": "short_conv",
      "finalConvolution": "final_conv",
    ]
    let mainConvolution: ConvNorm
    let shortConvolution: ConvNorm
    let finalConvolution: ConvNorm
    let blocks: Sequential
    let attention: ChannelAttention

    init(_ channels: Int, blockCount: Int, hasShortcut: Bool) throws(TensorError) {
      let half = channels / 2
      mainConvolution = try ConvNorm(channels, half, then: .silu)
      shortConvolution = try ConvNorm(channels, half, then: .silu)
      finalConvolution = try ConvNorm(2 * half, channels, then: .silu)
      var blocks: [any Layer] = []
      for _ in 0..<blockCount { blocks.append(try Block(half, hasShortcut: hasShortcut)) }
      self.blocks = Sequential(blocks)
      attention = try ChannelAttention(2 * half)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      let short = try shortConvolution(input)
      let main = try blocks(mainConvolution(input))
      return try finalConvolution(attention(.cat([main, short], dim: 1)))
    }
  }

  /// Scales each channel by a gate computed from the channels' means.
  private final class ChannelAttention: Layer {
    let fc: Conv2d

    init(_ channels: Int) throws(TensorError) {
      fc = try Conv2d(channels, channels, kernelSize: 1)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try input * fc(input.adaptiveAvgPool2d(1)).hardsigmoid()
    }
  }

  /// Maxima over windows of 5, 9 and 13 cells beside the map itself.
  private final class PoolingPyramid: Layer {
    let conv1: ConvNorm
    let conv2: ConvNorm

    init(_ channels: Int) throws(TensorError) {
      conv1 = try ConvNorm(channels, channels / 2, then: .silu)
      conv2 = try ConvNorm(4 * (channels / 2), channels, then: .silu)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      // The maximum over 9 cells is that over 5 of those over 5, and so on: 75 comparisons, not 275.
      var maps = [try conv1(input)]
      for index in 0..<3 {
        maps.append(try maps[index].maxPool2d(kernel: 5, stride: 1, padding: 2))
      }
      return try conv2(.cat(maps, dim: 1))
    }
  }
}

extension CSPNeXt {
  static let entries = [
    entry("cspnext_tiny", "CSPNeXt-tiny", depth: 0.167, width: 0.375, 2_348_700, 0.3347),
    entry("cspnext_s", "CSPNeXt-s", depth: 0.33, width: 0.5, 4_378_320, 0.6578),
  ]

  private static func entry(
    _ name: String,
    _ title: String,
    depth: Double,
    width: Double,
    _ parameterCount: Int,
    _ gigaMultiplyAdds: Double
  ) -> BackboneEntry {
    BackboneEntry(
      BackboneDescriptor(
        name: name,
        title: title,
        levels: levels(width: width),
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { try CSPNeXt(depth: depth, width: width) }
  }

  private static func levels(width: Double) -> [FeatureLevel] {
    (1...4).map { FeatureLevel(channels: Int(width * 64) << $0, stride: 2 << $0) }
  }
}
