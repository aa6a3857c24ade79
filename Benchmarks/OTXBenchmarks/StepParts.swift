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
}

/// Where the time of training steps goes, and what memory they pass over.
struct StepProfile: Codable {
  struct Part: Codable {
    /// Of the time.
    var share = 0.0
    /// In 10⁹ a second while it is at work.
    var rate = 0.0
  }

  var parts: [String: Part]
  /// Read and written in a step, at least.
  var bytes: Double

  /// - Parameters:
  ///   - times: The operators of all steps.
  ///   - seconds: The time of all steps.
  ///   - steps: How many steps these were.
  init(of times: [OperatorTime], seconds: Double, steps: Int) {
    var sums: [StepPart: (seconds: Double, bytes: Double)] = [:]
    for time in times {
      let part = StepPart(operatorNamed: time.name)
      sums[part, default: (0, 0)].seconds += time.seconds
      sums[part, default: (0, 0)].bytes += Double(time.bytes)
    }
    let between = max(seconds - sums.values.reduce(0) { $0 + $1.seconds }, 0)
    sums[.between] = (between, 0)
    parts = Dictionary(
      uniqueKeysWithValues: sums.map { part, sum in
        let rate = sum.seconds > 0 ? sum.bytes / sum.seconds / 1e9 : 0
        return (part.rawValue, Part(share: sum.seconds / seconds, rate: rate))
      }
    )
    bytes = sums.values.reduce(0) { $0 + $1.bytes } / Double(max(steps, 1))
  }

  /// The parts with a hundredth of the time or more, the longest first.
  ///
  /// - Parameter withRates: Whether what memory each passes over stands beside it.
  /// - Returns: `convolution 61 %, …`
  func text(withRates: Bool = false) -> String {
    parts.filter { $0.value.share >= 0.01 }.sorted { $0.value.share > $1.value.share }
      .map { name, part in
        let rate = withRates && part.rate > 0 ? " (\(fixed(part.rate, 1)) GB/s)" : ""
        return "\(name) \(fixed(100 * part.share, 0)) %\(rate)"
      }
      .joined(separator: ", ")
  }
}
