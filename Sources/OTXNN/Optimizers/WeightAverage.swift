public import OTXTensor

/// An exponential moving average of a module's weights.
///
/// Floating-point parameters are averaged, buffers are copied. Checked against
/// `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn`.
public final class WeightAverage {
  /// What a step keeps of the average.
  public let decay: Double
  private let module: any ParameterTree
  private let entries: [(name: String, entry: StateEntry)]
  private var averages: [Tensor]

  /// Starts from the module's present weights.
  public init(of module: any ParameterTree, decay: Double) throws(TensorError) {
    self.module = module
    self.decay = decay
    entries = module.stateEntries()
    var averages: [Tensor] = []
    for (_, entry) in entries { averages.append(try entry.value.detach().clone()) }
    self.averages = averages
  }

  /// Moves the average towards the weights; called after each optimizer step.
  ///
  /// - `step`: Steps taken so far, this one included; the decay then rises towards its value as
  ///   `(1 + step) / (10 + step)` (TensorFlow's `ExponentialMovingAverage`), so that the random
  ///   weights that training began with are soon forgotten. Without it the decay is constant.
  public func update(step: Int? = nil) throws(TensorError) {
    let decay = step.map { min(self.decay, Double(1 + $0) / Double(10 + $0)) } ?? self.decay
    var shadows: [Tensor] = []
    var weights: [Tensor] = []
    var copies: [(Tensor, Tensor)] = []
    for (index, (_, entry)) in entries.enumerated() {
      if case .parameter(let parameter) = entry {
        shadows.append(averages[index])
        weights.append(parameter.value)
      } else {
        copies.append((averages[index], entry.value))
      }
    }
    try noGrad { () throws(TensorError) in
      try TensorLists.lerp_(shadows, weights, weight: 1 - decay)
      for (shadow, value) in copies { try shadow.copy_(value) }
    }
  }

  /// Exchanges the weights and the average: once to evaluate the average, once to train on.
  public func swap() throws(TensorError) {
    for (index, (_, entry)) in entries.enumerated() {
      let current = entry.value
      switch entry {
      case .parameter(let parameter):
        let isTrainable = parameter.isTrainable
        let copy = try current.detach().clone()
        try noGrad { () throws(TensorError) in try current.copy_(averages[index]) }
        try parameter.setTrainable(isTrainable)
        averages[index] = copy
      case .buffer(let buffer):
        buffer.value = averages[index]
        averages[index] = current
      }
    }
  }

  /// The averaged weights under the module's names.
  public func stateDictionary() -> [(name: String, value: Tensor)] {
    zip(entries, averages).map { ($0.name, $1) }
  }
}
