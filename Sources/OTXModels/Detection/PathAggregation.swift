import OTXCore
import OTXNN
import OTXTensor

/// A backbone under a path aggregation network (Liu et al., PANet, CVPR 2018): what coarse levels
/// found flows down to the fine ones, then what those found flows back up.
///
/// Input: pictures whose height and width are multiples of 32. Output: levels of strides 8, 16 and
/// 32. Names are those of the published YOLOX checkpoints, which have the backbone below the neck.
final class PathAggregation: Module {
  static let weightNames = [
    "lateral": "lateral_conv0", "topDown16": "C3_p4", "reduce": "reduce_conv1",
    "topDown8": "C3_p3", "down16": "bu_conv2", "bottomUp16": "C3_n3", "down32": "bu_conv1",
    "bottomUp32": "C3_n4",
  ]
  static let strides = [8, 16, 32]
  let backbone: any Backbone
  let lateral: ConvNorm
  let topDown16: CSPLayer
  let reduce: ConvNorm
  let topDown8: CSPLayer
  let down16: ConvNorm
  let bottomUp16: CSPLayer
  let down32: ConvNorm
  let bottomUp32: CSPLayer
  /// Channels of the three output levels.
  let channels: [Int]
  private let levelIndices: [Int]

  /// - `depth`, `width`: As in ``CSPDarknet/init(depth:width:)``.
  init(_ backbone: any Backbone, depth: Double, width: Double) throws {
    self.backbone = backbone
    levelIndices = try backbone.levelIndices(strides: PathAggregation.strides)
    let found = levelIndices.map { backbone.levels[$0].channels }
    let channels = [256, 512, 1024].map { Int(width * Double($0)) }
    func layer(_ inputChannels: Int, _ channels: Int) throws -> CSPLayer {
      try CSPLayer(
        inputChannels,
        channels,
        blockCount: CSPLayer.blockCount(depth),
        hasShortcut: false
      )
    }
    lateral = try ConvNorm(yolox: found[2], channels[1])
    topDown16 = try layer(channels[1] + found[1], channels[1])
    reduce = try ConvNorm(yolox: channels[1], channels[0])
    topDown8 = try layer(channels[0] + found[0], channels[0])
    down16 = try ConvNorm(yolox: channels[0], channels[0], kernelSize: 3, stride: 2)
    bottomUp16 = try layer(2 * channels[0], channels[1])
    down32 = try ConvNorm(yolox: channels[1], channels[1], kernelSize: 3, stride: 2)
    bottomUp32 = try layer(2 * channels[1], channels[2])
    self.channels = channels
  }

  func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    let all = try backbone(images)
    let (fine, middle, coarse) = (
      all[levelIndices[0]], all[levelIndices[1]], all[levelIndices[2]]
    )
    let lateral32 = try lateral(coarse)
    let lateral16 = try reduce(topDown16(joined(lateral32, above: middle)))
    let level8 = try topDown8(joined(lateral16, above: fine))
    let level16 = try bottomUp16(.cat([down16(level8), lateral16], dim: 1))
    let level32 = try bottomUp32(.cat([down32(level16), lateral32], dim: 1))
    return [level8, level16, level32]
  }

  private func joined(_ coarse: Tensor, above fine: Tensor) throws(TensorError) -> Tensor {
    try .cat([coarse.upsampleNearest(scale: 2), fine], dim: 1)
  }
}
