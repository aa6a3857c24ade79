package import Foundation

/// A sub-engine that channels can be taken out of.
package protocol PrunableEngine<Kind>: SubEngine {
  /// The graph before non-maximum suppression, and the shapes in it.
  func recordShapes() async throws -> ShapedGraph
  /// The model as it is now.
  func checkpoint() async throws -> CheckpointFile
  /// An engine like this one for another checkpoint.
  ///
  /// - Throws: ``ModelError``.
  func sibling(of checkpoint: URL) async throws -> any SubEngine<Kind>
}

/// What became of a network that was pruned.
public struct PruningResult: Codable, Sendable, Equatable {
  /// Multiplications of convolutions and matrix products for one picture.
  public var multiplyAddsBefore: Int
  public var multiplyAddsAfter: Int
  public var parametersBefore: Int
  public var parametersAfter: Int
  /// Layers that lost filters, in the network's order.
  public var layers: [Layer]

  /// A layer and its filters.
  public struct Layer: Codable, Sendable, Equatable {
    public var name: String
    public var filtersBefore: Int
    public var filtersAfter: Int

    public init(name: String, filtersBefore: Int, filtersAfter: Int) {
      (self.name, self.filtersBefore, self.filtersAfter) = (name, filtersBefore, filtersAfter)
    }
  }

  /// The part of the multiplications that is gone.
  public var share: Double {
    multiplyAddsBefore > 0 ? 1 - Double(multiplyAddsAfter) / Double(multiplyAddsBefore) : 0
  }

  public init(
    multiplyAddsBefore: Int,
    multiplyAddsAfter: Int,
    parametersBefore: Int,
    parametersAfter: Int,
    layers: [Layer]
  ) {
    self.multiplyAddsBefore = multiplyAddsBefore
    self.multiplyAddsAfter = multiplyAddsAfter
    self.parametersBefore = parametersBefore
    self.parametersAfter = parametersAfter
    self.layers = layers
  }

  package init(_ plan: PruningPlan, of network: ChannelDependencies, state: StateDictionary) {
    multiplyAddsBefore = Int(plan.multiplicationsBefore.rounded())
    multiplyAddsAfter = Int(plan.multiplicationsAfter.rounded())
    // What is learned; running statistics are no parameters.
    let buffers = ["running_mean", "running_var", "num_batches_tracked"]
    var (before, after) = (0, 0)
    for entry in state where !buffers.contains(where: { entry.name.hasSuffix($0) }) {
      var shape = entry.value.shape
      before += shape.reduce(1, *)
      for (axis, indices) in plan.removed[entry.name] ?? [:] where shape.indices.contains(axis) {
        shape[axis] -= indices.count
      }
      after += shape.reduce(1, *)
    }
    (parametersBefore, parametersAfter) = (before, after)
    layers = network.parameters.compactMap { parameter in
      guard let axis = parameter.filterAxis,
        let gone = plan.removed[parameter.name]?[axis]?.count, gone > 0
      else { return nil }
      let count = parameter.shape[axis]
      let name =
        parameter.name.hasSuffix(".weight") ? parameter.name.dropLast(7) : parameter.name[...]
      return Layer(name: String(name), filtersBefore: count, filtersAfter: count - gone)
    }
  }
}
