import OTXTensor

/// What the operators of a training step are for, so that a table can say where its time goes.
enum StepPart: String, CaseIterable, Codable {
  case convolution
  case depthwise = "depthwise convolution"
  /// With activations: they are one pass, and are computed again in front of a convolution's gradient.
  case normalization = "normalisation and activation"
  case gate = "squeeze-and-excitation"
  case attention
  case product = "matrix products"
  case conversion
  case optimizer
  case other
  /// What no operator took: autograd, the model's own code.
  case between = "between operators"

  /// Words of operators' names, in small letters; the first part with one of them has the operator.
  private var words: [String] {
    switch self {
    // The whole of our convolution's own time is that of our kernel: libtorch's are operators that it calls.
    case .depthwise: ["otx::conv2d", "depthwise"]
    case .normalization:
      // The time of the gradient itself is the operator's that it calls; what is left computes its input again.
      [
        "norm", "convolutionbackward0", "relu", "hardswish", "silu", "gelu", "sigmoid", "hardtanh",
        "clamp", "threshold",
      ]
    case .convolution: ["conv"]
    case .gate: ["scale_channels", "channel_means", "::scale>", "::means>", "adaptive_avg_pool2d"]
    case .attention: ["attention", "bmm", "softmax"]
    case .product: ["linear", "mm", "matmul"]
    case .conversion: ["_to_copy", "copy_", "tocopy"]
    case .optimizer: ["sgd", "adam"]
    case .other, .between: []
    }
  }

  private static let order: [StepPart] = [
    .depthwise, .optimizer, .gate, .attention, .normalization, .convolution, .product, .conversion,
  ]

  /// The part that an operator belongs to.
  init(operatorNamed name: String) {
    let name = name.lowercased()
    self = Self.order.first { part in part.words.contains { name.contains($0) } } ?? .other
  }

  /// Each part's share of `seconds`, of all in one.
  static func shares(of times: [OperatorTime], seconds: Double) -> [String: Double] {
    var shares: [String: Double] = [:]
    for time in times {
      shares[StepPart(operatorNamed: time.name).rawValue, default: 0] += time.seconds / seconds
    }
    shares[StepPart.between.rawValue] = max(1 - shares.values.reduce(0, +), 0)
    return shares
  }

  /// The parts with a hundredth or more, the largest first: `convolution 61 %, …`.
  static func text(_ shares: [String: Double]) -> String {
    shares.filter { $0.value >= 0.01 }.sorted { $0.value > $1.value }
      .map { "\($0.key) \(fixed(100 * $0.value, 0)) %" }.joined(separator: ", ")
  }
}
