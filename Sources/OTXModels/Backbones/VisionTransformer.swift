public import OTXCore
public import OTXNN
public import OTXTensor

/// Vision transformer (Dosovitskiy et al., An Image is Worth 16×16 Words, ICLR 2021), as also DeiT
/// (Touvron et al., ICML 2021) and DINOv2 (Oquab et al., arXiv 2304.07193), the latter with registers
/// (Darcet et al., Vision Transformers Need Registers, ICLR 2024).
///
/// Names, initialisation and numbers are timm's `vit_tiny_patch16_224` and its kin; checked against
/// them. It is built for one input size: each patch has a learned position. Weights of another size
/// are brought to it by ``resample(_:named:)``.
public final class VisionTransformer: Backbone, ImageClassifierNetwork {
  public static let weightNames = [
    "classToken": "cls_token", "registers": "reg_token", "positions": "pos_embed",
    "embedding": "patch_embed", "normalization": "norm",
  ]
  /// `[1, 1, D]`, what the classifier reads.
  public let classToken: Parameter
  /// `[1, R, D]`, tokens that only serve as memory.
  public let registers: Parameter?
  /// `[1, L, D]`, or `[1, 1 + L, D]` with a position for the class token; rows of patches one after
  /// the other.
  public let positions: Parameter
  public let embedding: PatchEmbedding
  public let blocks: [TransformerBlock]
  public let normalization: LayerNorm
  /// `nil` in a backbone.
  public let head: Linear?

  public let configuration: Configuration
  /// The pictures' height and width.
  public let inputSize: ImageSize
  public let levels: [FeatureLevel]

  /// A variant.
  public struct Configuration: Sendable, Hashable {
    /// Pixels of a patch's side.
    public var patchSize = 16
    /// `D`.
    public var features = 192
    public var depth = 12
    public var headCount = 3
    /// `R`; with registers the class token has no position.
    public var registerCount = 0
    /// What every residual branch is scaled by at first; `nil` leaves the scale out.
    public var branchScale: Double?

    public init(
      patchSize: Int = 16,
      features: Int = 192,
      depth: Int = 12,
      headCount: Int = 3,
      registerCount: Int = 0,
      branchScale: Double? = nil
    ) {
      self.patchSize = patchSize
      self.features = features
      self.depth = depth
      self.headCount = headCount
      self.registerCount = registerCount
      self.branchScale = branchScale
    }

    /// Entries of the position table that belong to no patch.
    var prefixPositionCount: Int { registerCount == 0 ? 1 : 0 }
  }

  /// A network with random weights.
  ///
  /// - Parameters:
  ///   - configuration: The variant.
  ///   - inputSize: Multiples of the patch's side.
  ///   - labelCount: Classes to tell apart; `nil` builds a backbone without a classifier.
  /// - Throws: ``ModelError/mismatch(_:)`` for a size that patches do not fill, `TensorError`.
  public init(_ configuration: Configuration, inputSize: ImageSize, labelCount: Int?) throws {
    let patch = configuration.patchSize
    guard inputSize.height > 0, inputSize.width > 0, inputSize.height % patch == 0,
      inputSize.width % patch == 0
    else {
      throw ModelError.mismatch(
        "a vision transformer of \(patch)-pixel patches takes heights and widths that are multiples "
          + "of \(patch), not \(inputSize)"
      )
    }
    self.configuration = configuration
    self.inputSize = inputSize
    let features = configuration.features
    levels = [FeatureLevel(channels: features, stride: patch)]
    let patchCount = inputSize.height / patch * (inputSize.width / patch)
    classToken = try Parameter(.zeros([1, 1, features]))
    registers =
      configuration.registerCount == 0
      ? nil : try Parameter(.zeros([1, configuration.registerCount, features]))
    positions = try Parameter(
      .zeros([1, patchCount + configuration.prefixPositionCount, features])
    )
    embedding = try PatchEmbedding(features, patchSize: patch)
    blocks = try (0..<configuration.depth).map { _ in try TransformerBlock(configuration) }
    normalization = try LayerNorm(features, epsilon: 1e-6)
    head = try labelCount.map { try Linear(features, $0) }
    // timm truncates these normal distributions at 100 deviations, which no draw reaches.
    let small = Initialization.normal(standardDeviation: 0.02)
    try small.apply(to: positions)
    for token in [classToken, registers].compactMap(\.self) {
      try Initialization.normal(standardDeviation: 1e-6).apply(to: token)
    }
    for (_, module) in modules() {
      guard let linear = module as? Linear else { continue }
      try small.apply(to: linear.weight)
      if let bias = linear.bias { try Initialization.constant(0).apply(to: bias) }
    }
  }

  /// All tokens after some blocks, unless given all: the class token, registers, patches.
  func tokens(_ images: Tensor, blockCount: Int? = nil) throws(TensorError) -> Tensor {
    guard images.size(2) == inputSize.height, images.size(3) == inputSize.width else {
      throw .failed(
        operation: "VisionTransformer",
        shapes: [images.shape],
        message: "it was built for pictures of \(inputSize)"
      )
    }
    let patches = try embedding(images)
    var x: Tensor
    if let registers {
      let prefix = try Tensor.cat([classToken.value, registers.value], dim: 1)
      x = try .cat([repeated(prefix, like: patches), patches + positions.value], dim: 1)
    } else {
      x = try .cat([repeated(classToken.value, like: patches), patches], dim: 1) + positions.value
    }
    for block in blocks.prefix(blockCount ?? blocks.count) { x = try block(x) }
    return x
  }

  /// `tokens` for each picture, without a word about how many there are.
  private func repeated(_ tokens: Tensor, like patches: Tensor) throws(TensorError) -> Tensor {
    try tokens.expandAs(
      patches.narrow(dim: 1, start: 0, length: 1).expand([-1, tokens.size(1), -1])
    )
  }

  /// The patches' features, normalised.
  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    let patches = try tokens(images).slice(dim: 1, from: 1 + configuration.registerCount)
    let grid = try normalization(patches).transpose(1, 2)
      .unflatten(
        dim: 2,
        [
          inputSize.height / configuration.patchSize, inputSize.width / configuration.patchSize,
        ]
      )
    return [grid]
  }

  public func logits(_ images: Tensor) throws -> Tensor {
    guard let head else { throw ModelError.noClassifier }
    return try head(normalization(tokens(images).select(dim: 1, 0)))
  }
}

/// Patches of a picture as vectors: `[N, 3, H, W]` to `[N, L, D]`, row by row.
public final class PatchEmbedding: Layer {
  public static let weightNames = ["projection": "proj"]
  public let projection: Conv2d

  init(_ features: Int, patchSize: Int) throws(TensorError) {
    projection = try Conv2d(3, features, kernelSize: patchSize, stride: patchSize)
  }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> Tensor {
    try projection(images).flatten(startDim: 2).transpose(1, 2)
  }
}

/// Attention and two linear layers, each normalised before and added to what came in.
public final class TransformerBlock: Layer {
  public static let weightNames = ["attention": "attn", "scale1": "ls1", "scale2": "ls2"]
  let norm1: LayerNorm
  let attention: SelfAttention
  let scale1: BranchScale?
  let norm2: LayerNorm
  let mlp: Perceptron
  let scale2: BranchScale?

  init(_ configuration: VisionTransformer.Configuration) throws(TensorError) {
    let features = configuration.features
    norm1 = try LayerNorm(features, epsilon: 1e-6)
    attention = try SelfAttention(features, headCount: configuration.headCount)
    norm2 = try LayerNorm(features, epsilon: 1e-6)
    mlp = try Perceptron(features, hiddenFeatures: 4 * features)
    if let scale = configuration.branchScale {
      scale1 = try BranchScale(features, scale)
      scale2 = try BranchScale(features, scale)
    } else {
      (scale1, scale2) = (nil, nil)
    }
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    var x = input
    var branch = try attention(norm1(x))
    x = try x + (scale1?(branch) ?? branch)
    branch = try mlp(norm2(x))
    return try x + (scale2?(branch) ?? branch)
  }

  /// Attention of a sequence `[N, L, D]` to itself, with timm's names.
  final class SelfAttention: Layer {
    static let weightNames = ["output": "proj"]
    let qkv: Linear
    let output: Linear
    let headCount: Int

    init(_ features: Int, headCount: Int) throws(TensorError) {
      self.headCount = headCount
      qkv = try Linear(features, 3 * features)
      output = try Linear(features, features)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      let parts = try qkv(input).unflatten(dim: -1, [3, headCount, -1])
        .permute([2, 0, 3, 1, 4]).unbind()
      let result =
        try parts[0].requiresGrad
        ? parts[0].trainingAttention(keys: parts[1], values: parts[2])
        : parts[0].scaledDotProductAttention(keys: parts[1], values: parts[2])
      return try output(result.transpose(1, 2).flatten(startDim: 2))
    }
  }

  /// Two linear layers and GELU between them.
  final class Perceptron: Layer {
    let fc1: Linear
    let fc2: Linear

    init(_ features: Int, hiddenFeatures: Int) throws(TensorError) {
      fc1 = try Linear(features, hiddenFeatures)
      fc2 = try Linear(hiddenFeatures, features)
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
      try fc2(fc1(input).gelu())
    }
  }

  /// One learned factor a feature (Touvron et al., Going Deeper with Image Transformers, ICCV 2021).
  final class BranchScale: Layer {
    let gamma: Parameter

    init(_ features: Int, _ value: Double) throws(TensorError) {
      gamma = try Parameter(.full([features], value))
    }

    func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { try input * gamma.value }
  }
}

extension VisionTransformer: WeightResampling {
  /// The position table of pictures of another size, resampled to this network's grid.
  public func resample(_ value: Tensor, named name: String) throws(TensorError) -> Tensor? {
    guard name == "pos_embed" else { return nil }
    return try Self.resample(
      positions: value,
      prefixCount: configuration.prefixPositionCount,
      height: inputSize.height / configuration.patchSize,
      width: inputSize.width / configuration.patchSize
    )
  }

  /// A table of learned positions for another grid, bicubic with antialiasing.
  ///
  /// Numbers are those of timm's `resample_abs_pos_embed`; checked against it.
  ///
  /// - Parameters:
  ///   - table: `[1, P + S * S, D]`, of a square grid.
  ///   - prefixCount: `P`, entries that belong to no patch and stay.
  ///   - height: Of the grid, in patches.
  ///   - width: Likewise.
  /// - Returns: `[1, P + height * width, D]`; `nil` where the table is of no square grid.
  /// - Throws: `TensorError`.
  public static func resample(
    positions table: Tensor,
    prefixCount: Int,
    height: Int,
    width: Int
  ) throws(TensorError) -> Tensor? {
    guard table.rank == 3, table.size(0) == 1, table.size(1) > prefixCount else { return nil }
    let count = table.size(1) - prefixCount
    let side = Int(Double(count).squareRoot().rounded())
    guard side * side == count else { return nil }
    let grid = try table.slice(dim: 1, from: prefixCount).to(.float32)
      .unflatten(dim: 1, [side, side]).permute([0, 3, 1, 2])
      .upsampleBicubic(size: Size2D(height: height, width: width))
      .permute([0, 2, 3, 1]).flatten(startDim: 1, endDim: 2).to(table.dtype)
    return try .cat([table.narrow(dim: 1, start: 0, length: prefixCount), grid], dim: 1)
  }
}

extension VisionTransformer {
  static let entries = [
    entry("vit_tiny", "ViT-Tiny", tiny, 5_524_995, 1.0747, isScaledToOne: true),
    entry("vit_small", "ViT-Small", small, 21_666_819, 4.2408, isScaledToOne: true),
    entry("vit_base", "ViT-Base", base, 85_800_963, 16.848, isScaledToOne: true),
    entry("deit_tiny", "DeiT-Tiny", tiny, 5_524_995, 1.0747),
    entry("deit_small", "DeiT-Small", small, 21_666_819, 4.2408),
    entry("deit_base", "DeiT-Base", base, 85_800_963, 16.848),
    entry("dinov2_small", "DINOv2 ViT-Small", small.asDINOv2(), 21_629_955, 5.5149),
    entry(
      "dinov2_small_reg",
      "DINOv2 ViT-Small with registers",
      small.asDINOv2(registerCount: 4),
      21_631_107,
      5.5998
    ),
    entry("dinov2_base", "DINOv2 ViT-Base", base.asDINOv2(), 85_727_235, 21.944),
    entry(
      "dinov2_base_reg",
      "DINOv2 ViT-Base with registers",
      base.asDINOv2(registerCount: 4),
      85_729_539,
      22.284
    ),
  ]

  private static let tiny = Configuration()
  private static let small = Configuration(features: 384, headCount: 6)
  private static let base = Configuration(features: 768, headCount: 12)

  /// - `isScaledToOne`: Published weights want pixels in -1…1, not the deviations of ImageNet.
  private static func entry(
    _ name: String,
    _ title: String,
    _ configuration: Configuration,
    _ parameterCount: Int,
    _ gigaMultiplyAdds: Double,
    isScaledToOne: Bool = false
  ) -> BackboneEntry {
    let half = [Float](repeating: 127.5, count: 3)
    let patch = configuration.patchSize
    return .sizedClassifier(
      BackboneDescriptor(
        name: name,
        title: title,
        levels: [FeatureLevel(channels: configuration.features, stride: patch)],
        preprocessing: Preprocessing(
          inputSize: ImageSize(height: 224, width: 224),
          mean: isScaledToOne ? half : Preprocessing.imageNetMean,
          std: isScaledToOne ? half : Preprocessing.imageNetStd
        ),
        sizeMultiple: patch,
        hasDynamicSize: false,
        parameterCount: parameterCount,
        gigaMultiplyAdds: gigaMultiplyAdds
      )
    ) { try VisionTransformer(configuration, inputSize: $1, labelCount: $0) }
  }
}

extension VisionTransformer.Configuration {
  fileprivate func asDINOv2(registerCount: Int = 0) -> Self {
    var variant = self
    variant.patchSize = 14
    variant.branchScale = 1e-5
    variant.registerCount = registerCount
    return variant
  }
}
