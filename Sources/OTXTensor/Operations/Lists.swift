extension Operator {
  static let foreachNorm = Operator("_foreach_norm", "Scalar")
  static let foreachMul = Operator("_foreach_mul_", "Tensor")
  static let foreachMulScalar = Operator("_foreach_mul_", "Scalar")
  static let foreachAddList = Operator("_foreach_add_", "List")
  static let foreachLerp = Operator("_foreach_lerp_", "Scalar")
  static let foreachZero = Operator("_foreach_zero_")
  static let foreachCopy = Operator("_foreach_copy_")
  static let fusedSGD = Operator("_fused_sgd_")
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
  /// `steps` are `float32` scalars, one a parameter, already counted up.
  public static func fusedAdamW_(
    _ parameters: [Tensor],
    gradients: [Tensor],
    firstMoments: [Tensor],
    secondMoments: [Tensor],
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
        .tensors(secondMoments), .tensors([]), .tensors(steps), .double(learningRate),
        .double(beta1), .double(beta2), .double(weightDecay), .double(eps), .bool(false),
        .bool(false), .none, .none,
      ]
    )
  }
}
