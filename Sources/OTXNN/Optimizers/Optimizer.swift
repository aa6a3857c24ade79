public import OTXTensor

/// Parameters that are updated with the same settings.
public struct ParameterGroup {
  public var parameters: [(name: String, parameter: Parameter)]
  /// What the step's learning rate is multiplied by.
  public var learningRateFactor: Double
  /// What the optimizer's weight decay is multiplied by.
  public var weightDecayFactor: Double

  public init(
    _ parameters: [(name: String, parameter: Parameter)],
    learningRateFactor: Double = 1,
    weightDecayFactor: Double = 1
  ) {
    self.parameters = parameters
    self.learningRateFactor = learningRateFactor
    self.weightDecayFactor = weightDecayFactor
  }
}

/// A rule that changes parameters by their gradients.
public protocol Optimizer: AnyObject {
  var groups: [ParameterGroup] { get }
  /// Changes every parameter that has a gradient.
  func step(learningRate: Double) throws(TensorError)
  /// What the rule remembers between steps, as `momentum_buffer.<parameter>`; only what exists.
  func state() -> [(name: String, value: Tensor)]
  /// Takes over what ``state()`` gave; unknown names and other shapes are errors.
  func loadState(_ state: [(name: String, value: Tensor)]) throws
}

extension Optimizer {
  /// Forgets every gradient; the next backward pass writes new ones instead of adding.
  public func zeroGradients() throws(TensorError) {
    for group in groups {
      for (_, parameter) in group.parameters { try parameter.value.setGrad(nil) }
    }
  }

  /// Every parameter of every group.
  public var parameters: [(name: String, parameter: Parameter)] {
    var all: [(name: String, parameter: Parameter)] = []
    for group in groups { all += group.parameters }
    return all
  }
}

/// An optimizer's state that does not fit its parameters.
public struct OptimizerStateError: Error, CustomStringConvertible, Equatable {
  public let description: String
}

/// One remembered tensor a parameter, made when it is first needed.
final class Slots {
  /// As it stands in a checkpoint: `momentum_buffer`, `exp_avg`.
  let name: String
  private let make: (Tensor) throws(TensorError) -> Tensor
  private var values: [ObjectIdentifier: Tensor] = [:]

  init(_ name: String, make: @escaping (Tensor) throws(TensorError) -> Tensor) {
    self.name = name
    self.make = make
  }

  /// The tensors of `parameters`, in order.
  func tensors(for parameters: [Parameter]) throws(TensorError) -> [Tensor] {
    var found: [Tensor] = []
    found.reserveCapacity(parameters.count)
    for parameter in parameters {
      let key = ObjectIdentifier(parameter)
      if let value = values[key] {
        found.append(value)
      } else {
        let value = try make(parameter.value)
        values[key] = value
        found.append(value)
      }
    }
    return found
  }

  func state(
    of parameters: [(name: String, parameter: Parameter)]
  ) -> [(name: String, value: Tensor)] {
    parameters.compactMap { name, parameter in
      values[ObjectIdentifier(parameter)].map { ("\(self.name).\(name)", $0) }
    }
  }

  /// Copies what belongs here out of a state and returns the names it used.
  func load(
    _ state: [String: Tensor],
    for parameters: [(name: String, parameter: Parameter)]
  ) throws -> [String] {
    var used: [String] = []
    for (name, parameter) in parameters {
      let key = "\(self.name).\(name)"
      guard let value = state[key] else { continue }
      let slot = try make(parameter.value)
      guard slot.shape == value.shape else {
        throw OptimizerStateError(
          description: "optimizer state '\(key)' has shape \(value.shape), expected \(slot.shape)"
        )
      }
      try noGrad { () throws(TensorError) in try slot.copy_(value) }
      values[ObjectIdentifier(parameter)] = slot
      used.append(key)
    }
    return used
  }
}

/// Loads all slots of an optimizer; names that none of them knows are errors.
func loadSlots(
  _ slots: [Slots],
  _ state: [(name: String, value: Tensor)],
  for parameters: [(name: String, parameter: Parameter)]
) throws {
  let byName = Dictionary(state.map { ($0.name, $0.value) }) { first, _ in first }
  var used: Set<String> = []
  for slot in slots { used.formUnion(try slot.load(byName, for: parameters)) }
  if let unknown = byName.keys.filter({ !used.contains($0) }).min() {
    throw OptimizerStateError(
      description: "optimizer state '\(unknown)' belongs to no parameter of this model"
    )
  }
}

extension ParameterGroup {
  /// The parameters that have a gradient, and the gradients.
  func withGradients() throws(TensorError) -> (parameters: [Parameter], gradients: [Tensor]) {
    var found: [Parameter] = []
    var gradients: [Tensor] = []
    found.reserveCapacity(parameters.count)
    gradients.reserveCapacity(parameters.count)
    for (_, parameter) in parameters {
      guard let gradient = try parameter.value.grad else { continue }
      found.append(parameter)
      gradients.append(gradient)
    }
    return (found, gradients)
  }
}
