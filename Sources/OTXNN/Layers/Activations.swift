public import OTXTensor

/// `max(x, 0)`.
public final class ReLU: Layer, ModeAware {
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
public final class ReLU6: Layer, ModeAware {
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
public final class SiLU: Layer {
  public init() {}
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { try input.silu() }
}

/// `x * relu6(x + 3) / 6` (Howard et al., Searching for MobileNetV3, 2019).
public final class Hardswish: Layer {
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
