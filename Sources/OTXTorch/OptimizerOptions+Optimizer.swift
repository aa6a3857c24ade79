import OTXCore
import OTXNN

extension OptimizerOptions {
  /// The optimizer that these options ask for, over every parameter of `module`.
  func optimizer(for module: any ParameterTree) -> any Optimizer {
    let groups = ParameterGroup.groups(of: module.parameters())
    switch name {
    case .sgd:
      return SGD(groups, momentum: momentum, nesterov: nesterov, weightDecay: weightDecay)
    case .adamw:
      return AdamW(groups, beta1: beta1, beta2: beta2, weightDecay: weightDecay)
    }
  }
}
