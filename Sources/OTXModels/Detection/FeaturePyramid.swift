import OTXCore
import OTXNN
import OTXTensor

/// Feature pyramid network (Lin et al., CVPR 2017): every level sees what the coarser ones found.
///
/// Input: a backbone's levels, finest first, each twice as coarse as the one before. Output: as
/// many levels of `channels` channels and `extraLevelCount` coarser ones, made of the last output
/// by 3×3 convolutions of stride 2, with a ReLU before each but the first, as OTX 2.6's
/// ATSS-MobileNetV2 has them. Names are those of published detectors (`lateral_convs.0.conv`).
final class FeaturePyramid: Module {
  static let weightNames = ["lateral": "lateral_convs", "output": "fpn_convs"]
  let lateral: [NamedConvolution]
  let output: [NamedConvolution]

  init(_ inputChannels: [Int], channels: Int, extraLevelCount: Int) throws(TensorError) {
    var lateral: [NamedConvolution] = []
    var output: [NamedConvolution] = []
    for count in inputChannels {
      lateral.append(NamedConvolution(try Conv2d(count, channels, kernelSize: 1)))
      output.append(
        NamedConvolution(try Conv2d(channels, channels, kernelSize: 3, padding: 1))
      )
    }
    for _ in 0..<extraLevelCount {
      output.append(
        NamedConvolution(try Conv2d(channels, channels, kernelSize: 3, stride: 2, padding: 1))
      )
    }
    for layer in lateral + output {
      try Initialization.xavierUniform.apply(to: layer.conv.weight)
      if let bias = layer.conv.bias { try Initialization.constant(0).apply(to: bias) }
    }
    self.lateral = lateral
    self.output = output
  }

  func callAsFunction(_ features: [Tensor]) throws(TensorError) -> [Tensor] {
    var sums: [Tensor] = []
    for (layer, feature) in zip(lateral, features) { sums.append(try layer(feature)) }
    for index in sums.indices.dropLast().reversed() {
      let size = Size2D(height: sums[index].size(2), width: sums[index].size(3))
      sums[index] = try sums[index] + sums[index + 1].upsampleNearest(size: size)
    }
    var levels: [Tensor] = []
    for (layer, sum) in zip(output, sums) { levels.append(try layer(sum)) }
    for (index, layer) in output.enumerated().dropFirst(sums.count) {
      guard let last = levels.last else { break }
      levels.append(try layer(index == sums.count ? last : last.relu()))
    }
    return levels
  }
}

/// A convolution under the name `conv`, as published detectors have it.
final class NamedConvolution: Layer {
  let conv: Conv2d
  init(_ conv: Conv2d) { self.conv = conv }
  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { try conv(input) }
}
