public import OTXCore
public import OTXNN
public import OTXTensor

/// Swin transformer (Liu et al., Swin Transformer: Hierarchical Vision Transformer using Shifted
/// Windows, ICCV 2021).
///
/// Names, initialisation and numbers are torchvision's `swin_t` and `swin_s`; checked against them.
/// The last level is normalised, as the classifier reads it.
public final class SwinTransformer: PooledClassifier {
  public static let weightNames = ["normalization": "norm"]
  /// The patches' embedding, then stages with a merging of 2×2 cells between each two.
  ///
  /// What flows is `[N, H, W, C]`.
  public let features: [any Layer]
  public let normalization: LayerNorm
  /// `nil` in a backbone.
  public let head: Linear?
  public let levels: [FeatureLevel]

  /// - Parameters:
  ///   - channels: Of the first stage; each following one has twice as many.
  ///   - blockCounts: Of each stage; every second block has shifted windows.
  ///   - headCounts: Of each stage's attention.
  ///   - stochasticDepth: The probability with which the last block's branches are dropped while
  ///     training; those before it less, in even steps from 0.
  ///   - labelCount: Classes to tell apart; `nil` builds a backbone without a classifier.
  /// - Throws: ``ModelError/mismatch(_:)`` unless each stage has blocks and heads, `TensorError`.
  public init(
    channels: Int = 96,
    blockCounts: [Int],
    headCounts: [Int] = [3, 6, 12, 24],
    stochasticDepth: Double,
    labelCount: Int?
  ) throws {
    guard !blockCounts.isEmpty, blockCounts.count == headCounts.count,
      (blockCounts + headCounts).allSatisfy({ $0 > 0 })
    else {
      throw ModelError.mismatch(
        "a Swin transformer's stages have blocks and heads each: \(blockCounts), \(headCounts)"
      )
    }
    var layers: [any Layer] = [
      Sequential(
        try Conv2d(3, channels, kernelSize: 4, stride: 4),
        Permute([0, 2, 3, 1]),
        try LayerNorm(channels)
      )
    ]
    let total = blockCounts.reduce(0, +)
    var (width, block) = (channels, 0)
    for (stage, (count, headCount)) in zip(blockCounts, headCounts).enumerated() {
      if stage > 0 {
        layers.append(try PatchMerging(width))
        width *= 2
      }
      var blocks: [any Layer] = []
      for index in 0..<count {
        blocks.append(
          try SwinBlock(
            width,
            headCount: headCount,
            isShifted: !index.isMultiple(of: 2),
            stochasticDepth: stochasticDepth * Double(block) / Double(max(total - 1, 1))
          )
        )
        block += 1
      }
      layers.append(Sequential(blocks))
    }
    features = layers
    normalization = try LayerNorm(width)
    head = try labelCount.map { [width] in try Linear(width, $0) }
    levels = SwinTransformer.levels(channels, stageCount: blockCounts.count)
    for (_, module) in modules() {
      // torchvision truncates at 100 deviations, which no draw reaches.
      guard let linear = module as? Linear else { continue }
      try Initialization.normal(standardDeviation: 0.02).apply(to: linear.weight)
      if let bias = linear.bias { try Initialization.constant(0).apply(to: bias) }
    }
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    var x = images
    var found: [Tensor] = []
    for (index, layer) in features.enumerated() {
      x = try layer(x)
      if index + 1 == features.count { x = try normalization(x) }
      if !index.isMultiple(of: 2) { found.append(try x.permute([0, 3, 1, 2])) }
    }
    return found
  }

  public func logits(ofMeans means: Tensor) throws -> Tensor {
    guard let head else { throw ModelError.noClassifier }
    return try head(means.flatten(startDim: 1))
  }
}

/// Four neighbouring cells made one with twice the channels: `[N, H, W, C]` to
/// `[N, H / 2, W / 2, 2 * C]`.
private final class PatchMerging: Layer {
  static let weightNames = ["normalization": "norm"]
  let reduction: Linear
  let normalization: LayerNorm

  init(_ channels: Int) throws(TensorError) {
    reduction = try Linear(4 * channels, 2 * channels, bias: false)
    normalization = try LayerNorm(4 * channels)
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    // Published weights expect the square's cells column by column.
    let squares = try input.unflatten(dim: 1, [-1, 2]).unflatten(dim: 3, [-1, 2])
      .permute([0, 1, 3, 4, 2, 5]).flatten(startDim: 3)
    return try reduction(normalization(squares))
  }
}

/// Attention within windows and two linear layers, each normalised before and added to what came in.
private final class SwinBlock: Layer {
  static let weightNames = ["attention": "attn"]
  let norm1: LayerNorm
  let attention: WindowAttention
  let depth: StochasticDepth
  let norm2: LayerNorm
  let mlp: Sequential

  init(
    _ channels: Int,
    headCount: Int,
    isShifted: Bool,
    stochasticDepth: Double
  ) throws(TensorError) {
    norm1 = try LayerNorm(channels)
    attention = try WindowAttention(channels, headCount: headCount, isShifted: isShifted)
    depth = StochasticDepth(stochasticDepth)
    norm2 = try LayerNorm(channels)
    // Dropout of probability 0, which torchvision numbers, is left out.
    mlp = Sequential(
      try Linear(channels, 4 * channels),
      GELU(),
      Identity(),
      try Linear(4 * channels, channels)
    )
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    let x = try input + depth(attention(norm1(input)))
    return try x + depth(mlp(norm2(x)))
  }
}

/// Attention within windows of 7×7 cells, with a learned bias for each relative position.
///
/// Maps `[N, H, W, C]` that windows do not fill are padded with zeros.
private final class WindowAttention: Layer {
  static let weightNames = [
    "biases": "relative_position_bias_table", "biasIndices": "relative_position_index",
    "output": "proj",
  ]
  private static let side = 7

  /// `[13 * 13, heads]`.
  let biases: Parameter
  /// `[49 * 49]`: the row of `biases` for each pair of cells.
  let biasIndices: Buffer
  let qkv: Linear
  let output: Linear
  private let headCount: Int
  private let channels: Int
  private let isShifted: Bool
  /// What keeps apart cells that only the shift made neighbours, for the map it was made for.
  private var mask: (map: Size2D, value: Tensor)?

  init(_ channels: Int, headCount: Int, isShifted: Bool) throws(TensorError) {
    let side = Self.side
    self.channels = channels
    self.headCount = headCount
    self.isShifted = isShifted
    qkv = try Linear(channels, 3 * channels)
    output = try Linear(channels, channels)
    biases = try Parameter(.zeros([(2 * side - 1) * (2 * side - 1), headCount]))
    try Initialization.normal(standardDeviation: 0.02).apply(to: biases)
    var indices: [Int] = []
    for query in 0..<side * side {
      for key in 0..<side * side {
        let down = query / side - key / side + side - 1
        let right = query % side - key % side + side - 1
        indices.append(down * (2 * side - 1) + right)
      }
    }
    biasIndices = Buffer(try Tensor(indices, shape: [indices.count]))
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    let side = Self.side
    let (height, width) = (input.size(1), input.size(2))
    let map = Size2D(
      height: (height + side - 1) / side * side,
      width: (width + side - 1) / side * side
    )
    var x = input
    let isPadded = map != Size2D(height: height, width: width)
    if isPadded { x = try x.pad([0, 0, 0, map.width - width, 0, map.height - height]) }
    // A single window has nothing to be shifted against.
    let shift = Size2D(
      height: isShifted && map.height > side ? side / 2 : 0,
      width: isShifted && map.width > side ? side / 2 : 0
    )
    let hasShift = shift.height + shift.width > 0
    if hasShift { x = try x.roll([-shift.height, -shift.width], dims: [1, 2]) }
    let windows = try x.unflatten(dim: 1, [-1, side]).unflatten(dim: 3, [-1, side])
      .permute([0, 1, 3, 2, 4, 5]).flatten(startDim: 0, endDim: 2).flatten(startDim: 1, endDim: 2)
    x = try attend(windows, map: map, shift: shift)
      .unflatten(dim: 0, [-1, map.height / side, map.width / side]).unflatten(dim: 3, [side, side])
      .permute([0, 1, 3, 2, 4, 5]).flatten(startDim: 3, endDim: 4).flatten(startDim: 1, endDim: 2)
    if hasShift { x = try x.roll([shift.height, shift.width], dims: [1, 2]) }
    if isPadded {
      x = try x.narrow(dim: 1, start: 0, length: height).narrow(dim: 2, start: 0, length: width)
    }
    return x
  }

  /// Attention of windows `[N * windows, 49, C]`, each to itself.
  private func attend(_ windows: Tensor, map: Size2D, shift: Size2D) throws(TensorError) -> Tensor {
    let features = channels / headCount
    let parts = try qkv(windows).unflatten(dim: -1, [3, headCount, features])
      .permute([2, 0, 3, 1, 4]).unbind()
    let count = Self.side * Self.side
    var bias = try biases.value.indexSelect(dim: 0, biasIndices.value)
      .unflatten(dim: 0, [count, count]).permute([2, 0, 1])
    var scores = try (parts[0] * (1 / Double(features).squareRoot()))
      .matmul(parts[1].transpose(-2, -1))
    if shift.height + shift.width > 0 {
      // Bias and mask are added at once: what they are added to is a hundred times as large.
      bias = try bias + mask(map, shift, device: windows.device)
      scores = try (scores.unflatten(dim: 0, [-1, bias.size(0)]) + bias)
        .flatten(startDim: 0, endDim: 1)
    } else {
      scores = try scores + bias
    }
    let result = try scores.softmax(dim: -1).matmul(parts[2])
    return try output(result.transpose(1, 2).flatten(startDim: 2))
  }

  /// `[windows, 1, 49, 49]`: -100 between cells of different regions, else 0.
  private func mask(
    _ map: Size2D,
    _ shift: Size2D,
    device: Device
  ) throws(TensorError) -> Tensor {
    if let mask, mask.map == map, mask.value.device == device { return mask.value }
    let side = Self.side
    func region(_ position: Int, _ extent: Int, _ shift: Int) -> Int {
      shift == 0 || position < extent - side ? 0 : position < extent - shift ? 1 : 2
    }
    var values: [Float] = []
    for top in stride(from: 0, to: map.height, by: side) {
      for left in stride(from: 0, to: map.width, by: side) {
        let regions = (0..<side * side).map { cell in
          3 * region(top + cell / side, map.height, shift.height)
            + region(left + cell % side, map.width, shift.width)
        }
        for query in regions {
          for key in regions { values.append(query == key ? 0 : -100) }
        }
      }
    }
    let count = side * side
    let value = try Tensor(values, shape: [values.count / (count * count), 1, count, count])
      .to(device)
    mask = (map, value)
    return value
  }
}

extension SwinTransformer {
  static let entries = [
    entry("swin_t", "Swin-Tiny", [2, 2, 6, 2], 0.2, 27_521_661, 4.3497),
    entry("swin_s", "Swin-Small", [2, 2, 18, 2], 0.3, 48_839_565, 8.5115),
  ]

  private static func entry(
    _ name: String,
    _ title: String,
    _ blockCounts: [Int],
    _ stochasticDepth: Double,
    _ parameterCount: Int,
    _ gigaMultiplyAdds: Double
  ) -> BackboneEntry {
    .classifier(
      BackboneDescriptor(
        name: name,
        title: title,
        levels: levels(96, stageCount: blockCounts.count),
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) {
      try SwinTransformer(
        blockCounts: blockCounts,
        stochasticDepth: stochasticDepth,
        labelCount: $0
      )
    }
  }

  private static func levels(_ channels: Int, stageCount: Int) -> [FeatureLevel] {
    (0..<stageCount).map { FeatureLevel(channels: channels << $0, stride: 4 << $0) }
  }
}
