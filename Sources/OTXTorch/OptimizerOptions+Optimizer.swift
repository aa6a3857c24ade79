import OTXCore
import OTXNN

extension OptimizerOptions {
  /// The optimizer that these options ask for, over every parameter of `module`.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` for groups that do not fit the module.
  func optimizer(for module: any ParameterTree) throws -> any Optimizer {
    let groups = try ParameterGroup.groups(of: module.parameters(), self)
    switch name {
    case .sgd:
      return SGD(groups, momentum: momentum, nesterov: nesterov, weightDecay: weightDecay)
    case .adamw:
      return AdamW(
        groups,
        beta1: beta1,
        beta2: beta2,
        epsilon: epsilon,
        weightDecay: weightDecay,
        amsgrad: amsgrad
      )
    case .adam:
      return Adam(
        groups,
        beta1: beta1,
        beta2: beta2,
        epsilon: epsilon,
        weightDecay: weightDecay,
        amsgrad: amsgrad
      )
    case .rmsprop:
      return RMSprop(
        groups,
        alpha: alpha,
        epsilon: epsilon,
        momentum: momentum,
        weightDecay: weightDecay
      )
    case .lars:
      return LARS(
        groups,
        momentum: momentum,
        weightDecay: weightDecay,
        trustCoefficient: trustCoefficient
      )
    }
  }
}
