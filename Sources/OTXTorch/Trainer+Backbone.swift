import OTXCore
import OTXModels
import OTXNN

extension Trainer {
  /// Puts every module into training mode; while the backbone is frozen, those of the head alone.
  func beginTraining() throws {
    model.module.setTraining(true)
    if options.method == .quantizationAware { freezeMoments() }
    guard options.frozenBackboneEpochs > 0 else { return }
    let isFrozen = epoch <= options.frozenBackboneEpochs
    let parameters = model.module.parameters()
    let hasBackbone = NetworkParts.hasBackbone(parameters.map(\.name))
    for (name, parameter) in parameters
    where !NetworkParts.isHead(name, hasBackbone: hasBackbone) {
      try parameter.setTrainable(!isFrozen)
    }
    guard isFrozen else { return }
    for (path, module) in model.module.modules()
    where !NetworkParts.isHead(path, hasBackbone: hasBackbone) {
      (module as? any ModeAware)?.isTraining = false
    }
  }

  /// - Throws: ``ConfigurationError/invalid(_:)`` for a backbone that is to be frozen where nothing
  ///   would be left to learn.
  func checkFrozenBackbone() throws {
    guard options.frozenBackboneEpochs > 0 else { return }
    let names = model.module.parameters().map(\.name)
    let hasBackbone = NetworkParts.hasBackbone(names)
    guard names.contains(where: { NetworkParts.isHead($0, hasBackbone: hasBackbone) }) else {
      throw ConfigurationError.invalid(
        "frozenBackboneEpochs is \(options.frozenBackboneEpochs), but no head is known among the weights of \(info.model); set it to 0"
      )
    }
  }

  /// Hands the recipe's choices to a loss that has some.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` for choices that the model does not have.
  static func configureLoss(of model: any TaskModel<Kind>, _ options: LossOptions) throws {
    if let model = model as? any LossConfigurable {
      model.lossOptions = options
    } else if options != LossOptions() {
      throw ConfigurationError.invalid(
        "the model's loss has none of the choices of `loss`; leave them out"
      )
    }
  }
}
