extension Operator {
  static let foreachNorm = Operator("_foreach_norm", "Scalar")
  static let foreachMul = Operator("_foreach_mul_", "Tensor")
  static let foreachMulScalar = Operator("_foreach_mul_", "Scalar")
  static let foreachAddList = Operator("_foreach_add_", "List")
  static let foreachLerp = Operator("_foreach_lerp_", "Scalar")
  static let foreachZero = Operator("_foreach_zero_")
  static let foreachCopy = Operator("_foreach_copy_")
  static let foreachAdd = Operator("_foreach_add", "List")
  static let foreachMulList = Operator("_foreach_mul_", "List")
  static let foreachAddcmul = Operator("_foreach_addcmul_", "Scalar")
  static let foreachAddcdiv = Operator("_foreach_addcdiv_", "Scalar")
  static let foreachSqrt = Operator("_foreach_sqrt")
  static let fusedSGD = Operator("_fused_sgd_")
  static let fusedAdam = Operator("_fused_adam_")
  static let fusedAdamW = Operator("_fused_adamw_")
}

// swift-format-ignore: AlwaysUseLowerCamelCase
/// Operations on many tensors at once: one call for all parameters of a network.
public enum TensorLists {
  /// The `p`-norm of each tensor.
  public static func norms(_ tensors: [Tensor], p: Double = 2) throws(TensorError) -> [Tensor] {
    try callList(.foreachNorm, [.tensors(tensors), .double(p), .none])
  }
  /// Each tensor times a scalar tensor.
  public static func mul_(_ tensors: [Tensor], _ factor: Tensor) throws(TensorError) {
    try callVoid(.foreachMul, [.tensors(tensors), .tensor(factor)])
  }
  /// Each tensor times a number.
  public static func mul_(_ tensors: [Tensor], _ factor: Double) throws(TensorError) {
    try callVoid(.foreachMulScalar, [.tensors(tensors), .double(factor)])
  }
  /// `tensors[i] += scale * others[i]`.
  public static func add_(
    _ tensors: [Tensor],
    _ others: [Tensor],
    scale: Double = 1
  ) throws(TensorError) {
    try callVoid(.foreachAddList, [.tensors(tensors), .tensors(others), .double(scale)])
  }
  /// New tensors: `tensors[i] + scale * others[i]`.
  public static func add(
    _ tensors: [Tensor],
    _ others: [Tensor],
    scale: Double = 1
  ) throws(TensorError) -> [Tensor] {
    try callList(.foreachAdd, [.tensors(tensors), .tensors(others), .double(scale)])
  }
  /// `tensors[i] *= factors[i]`.
  public static func mul_(_ tensors: [Tensor], _ factors: [Tensor]) throws(TensorError) {
    try callVoid(.foreachMulList, [.tensors(tensors), .tensors(factors)])
  }
  /// `tensors[i] += value * first[i] * second[i]`.
  public static func addcmul_(
    _ tensors: [Tensor],
    _ first: [Tensor],
    _ second: [Tensor],
    value: Double
  ) throws(TensorError) {
    try callVoid(
      .foreachAddcmul,
      [.tensors(tensors), .tensors(first), .tensors(second), .double(value)]
    )
  }
  /// `tensors[i] += value * numerators[i] / denominators[i]`.
  public static func addcdiv_(
    _ tensors: [Tensor],
    _ numerators: [Tensor],
    _ denominators: [Tensor],
    value: Double
  ) throws(TensorError) {
    try callVoid(
      .foreachAddcdiv,
      [.tensors(tensors), .tensors(numerators), .tensors(denominators), .double(value)]
    )
  }
  /// New tensors: the square root of each.
  public static func sqrt(_ tensors: [Tensor]) throws(TensorError) -> [Tensor] {
    try callList(.foreachSqrt, [.tensors(tensors)])
  }
  /// `tensors[i] += weight * (ends[i] - tensors[i])`.
  public static func lerp_(
    _ tensors: [Tensor],
    _ ends: [Tensor],
    weight: Double
  ) throws(TensorError) {
    try callVoid(.foreachLerp, [.tensors(tensors), .tensors(ends), .double(weight)])
  }
  /// Every element of every tensor becomes 0.
  public static func zero_(_ tensors: [Tensor]) throws(TensorError) {
    try callVoid(.foreachZero, [.tensors(tensors)])
  }
  /// Each tensor takes over the elements of its source.
  public static func copy_(_ tensors: [Tensor], _ sources: [Tensor]) throws(TensorError) {
    try callVoid(.foreachCopy, [.tensors(tensors), .tensors(sources), .bool(false)])
  }

  /// One step of stochastic gradient descent, by libtorch's fused kernel.
  ///
  /// `momentumBuffers` is empty where `momentum` is 0; in the first step (`isFirstStep`) they are
  /// overwritten.
  public static func fusedSGD_(
    _ parameters: [Tensor],
    gradients: [Tensor],
    momentumBuffers: [Tensor],
    learningRate: Double,
    momentum: Double,
    dampening: Double = 0,
    weightDecay: Double,
    nesterov: Bool = false,
    isFirstStep: Bool
  ) throws(TensorError) {
    try callVoid(
      .fusedSGD,
      [
        .tensors(parameters), .tensors(gradients), .tensors(momentumBuffers),
        .double(weightDecay), .double(momentum), .double(learningRate), .double(dampening),
        .bool(nesterov), .bool(false), .bool(isFirstStep), .none, .none,
      ]
    )
  }

  /// One step of AdamW (Loshchilov & Hutter 2019), by libtorch's fused kernel.
  ///
  /// - `maxSecondMoments`: For AMSGrad (Reddi et al. 2018), else empty.
  /// - `steps`: `float32` scalars, one a parameter, already counted up.
  public static func fusedAdamW_(
    _ parameters: [Tensor],
    gradients: [Tensor],
    firstMoments: [Tensor],
    secondMoments: [Tensor],
    maxSecondMoments: [Tensor] = [],
    steps: [Tensor],
    learningRate: Double,
    beta1: Double,
    beta2: Double,
    weightDecay: Double,
    eps: Double
  ) throws(TensorError) {
    try callVoid(
      .fusedAdamW,
      [
        .tensors(parameters), .tensors(gradients), .tensors(firstMoments),
        .tensors(secondMoments), .tensors(maxSecondMoments), .tensors(steps),
        .double(learningRate), .double(beta1), .double(beta2), .double(weightDecay), .double(eps),
        .bool(!maxSecondMoments.isEmpty), .bool(false), .none, .none,
      ]
    )
  }

  /// One step of Adam (Kingma & Ba 2015), by libtorch's fused kernel.
  ///
  /// Weight decay is added to the gradient; arguments as ``fusedAdamW_(_:gradients:firstMoments:secondMoments:maxSecondMoments:steps:learningRate:beta1:beta2:weightDecay:eps:)``.
  public static func fusedAdam_(
    _ parameters: [Tensor],
    gradients: [Tensor],
    firstMoments: [Tensor],
    secondMoments: [Tensor],
    maxSecondMoments: [Tensor] = [],
    steps: [Tensor],
    learningRate: Double,
    beta1: Double,
    beta2: Double,
    weightDecay: Double,
    eps: Double
  ) throws(TensorError) {
    try callVoid(
      .fusedAdam,
      [
        .tensors(parameters), .tensors(gradients), .tensors(firstMoments),
        .tensors(secondMoments), .tensors(maxSecondMoments), .tensors(steps),
        .double(learningRate), .double(beta1), .double(beta2), .double(weightDecay), .double(eps),
        .bool(!maxSecondMoments.isEmpty), .bool(false), .none, .none,
      ]
    )
  }
}
