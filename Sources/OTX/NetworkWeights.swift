import OTXCore
import OTXModels
import OTXNN
import OTXRecipe

/// The names and shapes of a network's weights, by which files are matched.
public enum NetworkWeights {
  /// Those of a model or a backbone of the zoo.
  ///
  /// The network is built for it, which loads libtorch.
  ///
  /// - Parameters:
  ///   - name: `resnet18`, `atss_mobilenetv2`.
  ///   - labelCount: Labels of its head; a backbone without a classifier has none.
  /// - Returns: In the network's order; each weight without contents.
  /// - Throws: ``ConfigurationError/unknownName(_:kind:known:)``, `TensorError`.
  public static func shapes(
    of name: String,
    labelCount: Int
  ) throws -> [(name: String, shape: [Int])] {
    guard let descriptor = ModelZoo.descriptors.first(where: { $0.name == name }) else {
      guard ModelZoo.backbones.contains(where: { $0.name == name }) else {
        let known = ModelZoo.descriptors.map(\.name) + ModelZoo.backbones.map(\.name)
        throw ConfigurationError.unknownName(name, kind: "model or backbone", known: known)
      }
      return try ModelZoo.makeBackbone(name).stateDictionary().map { ($0.name, $0.value.shape) }
    }
    let labels = LabelInfo(names: (0..<labelCount).map { "\($0)" })
    let recipe = Recipe(name: name, task: descriptor.task, model: ModelOptions(name))
    let info = try recipe.modelInfo(labels: labels, models: [descriptor])
    func shapes<Kind: VisionTask>(_ kind: Kind.Type) throws -> [(name: String, shape: [Int])] {
      try ModelZoo.make(info, kind).module.stateDictionary().map { ($0.name, $0.value.shape) }
    }
    return try shapes(descriptor.task.kind)
  }
}
