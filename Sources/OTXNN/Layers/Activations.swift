public import OTXTensor

/// What a normalisation can apply in its own pass over memory.
public enum FusibleActivation: String, Sendable, CaseIterable {
  case identity, relu, relu6, hardswish, silu

  /// What the operator calls it.
  var number: Int {
    switch self {
    case .identity: 0
    case .relu: 1
    case .relu6: 2
    case .hardswish: 3
    case .silu: 4
    }
  }

  /// The activation by itself.
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    switch self {
    case .identity: input
    case .relu: try input.relu()
    case .relu6: try input.relu6()
    case .hardswish: try input.hardswish()
    case .silu: try input.silu()
    }
  }
}

/// A layer without weights that a normalisation in front of it can take over.
public protocol FusibleLayer: Layer {
  var fusibleActivation: FusibleActivation { get }
}

/// `max(x, 0)`.
public final class ReLU: FusibleLayer, ModeAware {
  public var fusibleActivation: FusibleActivation { .relu }
  public var isTraining = true
  /// Overwrites its input while training, which saves a pass over fresh memory.
  ///
  /// Only for inputs that nobody else reads and whose maker does not need them for its gradient,
  /// such as a normalisation's or convolution's output.
  public let inPlace: Bool
  public init(inPlace: Bool = false) { self.inPlace = inPlace }
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    if inPlace && isTraining { return try input.relu_() }
    return try input.relu()
  }
}

/// `min(max(x, 0), 6)`.
public final class ReLU6: FusibleLayer, ModeAware {
  public var fusibleActivation: FusibleActivation { .relu6 }
  public var isTraining = true
  /// As in ``ReLU/inPlace``.
  public let inPlace: Bool
  public init(inPlace: Bool = false) { self.inPlace = inPlace }
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    if inPlace && isTraining { return try input.relu6_() }
    return try input.relu6()
  }
}

/// `x * sigmoid(x)`.
public final class SiLU: FusibleLayer {
  public var fusibleActivation: FusibleActivation { .silu }
  public init() {}
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { try input.silu() }
}

/// `x * relu6(x + 3) / 6` (Howard et al., Searching for MobileNetV3, 2019).
public final class Hardswish: FusibleLayer {
  public var fusibleActivation: FusibleActivation { .hardswish }
  public init() {}
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.hardswish()
  }
}

/// `relu6(x + 3) / 6`.
public final class Hardsigmoid: Layer {
  public init() {}
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.hardsigmoid()
  }
}

/// `1 / (1 + exp(-x))`.
public final class Sigmoid: Layer {
  public init() {}
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { try input.sigmoid() }
}

/// `x` where positive, else `negativeSlope * x`.
public final class LeakyReLU: Layer {
  public let negativeSlope: Double
  public init(_ negativeSlope: Double = 0.01) { self.negativeSlope = negativeSlope }
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.leakyRelu(negativeSlope: negativeSlope)
  }
}

/// `x` where positive, else `weight * x` with a learned weight (He et al., 2015).
///
/// Names and defaults are `torch.nn.PReLU`'s.
public final class PReLU: Layer {
  /// `[1]`, or one for each channel.
  public let weight: Parameter
  public init(channels: Int = 1, initialSlope: Double = 0.25) throws(TensorError) {
    weight = try Parameter(.full([channels], initialSlope))
  }
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.prelu(weight.value)
  }
}

/// `x` where positive, else `alpha * (exp(x) - 1)` (Clevert et al., 2016).
public final class ELU: Layer {
  public let alpha: Double
  public init(_ alpha: Double = 1) { self.alpha = alpha }
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.elu(alpha: alpha)
  }
}

/// `x` times the normal distribution's share below `x` (Hendrycks and Gimpel, 2016).
public final class GELU: Layer {
  /// How the share is computed.
  public enum Formula: Sendable { case erf, tanh }
  public let formula: Formula
  public init(_ formula: Formula = .erf) { self.formula = formula }
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.gelu(approximateTanh: formula == .tanh)
  }
}

/// `x * tanh(softplus(x))` (Misra, 2019).
public final class Mish: Layer {
  public init() {}
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { try input.mish() }
}

/// The hyperbolic tangent.
public final class Tanh: Layer {
  public init() {}
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { try input.tanh() }
}

/// `log(1 + exp(x))`.
public final class Softplus: Layer {
  public init() {}
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.softplus()
  }
}

/// `exp(x)` divided by its sum along one axis.
public final class Softmax: Layer {
  public let dim: Int
  public init(dim: Int) { self.dim = dim }
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.softmax(dim: dim)
  }
}
