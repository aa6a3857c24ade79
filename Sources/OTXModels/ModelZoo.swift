public import OTXCore
import OTXNN

/// The models and backbones that ship with the package: one line each.
///
/// Listed means tested: the contract tests walk both lists. The descriptors are plain values;
/// reading them loads no library.
public enum ModelZoo {
  /// In the order of `otx find`.
  public static let models: [any ModelEntry] =
    ImageClassifier.entries(of: backbones) + [ImageClassifier.linear]
    + MultiLabelClassifier.entries(of: backbones) + [MultiLabelClassifier.linear]
    + HierarchicalClassifier.entries(of: backbones) + [HierarchicalClassifier.linear]
    + RegressionModel.entries(of: backbones) + [RegressionModel.linear] + [
      ATSS.mobileNetV2,
      SSD.mobileNetV2,
      YOLOX.tiny,
      YOLOX.small,
    ]

  /// One line a family.
  public static let backbones: [BackboneEntry] =
    ResNet.entries
    + MobileNetV2.entries
    + MobileNetV3.entries
    + MobileNetV4.entries
    + EfficientNet.entries
    + RegNet.entries
    + ShuffleNetV2.entries
    + DenseNet.entries
    + CSPDarknet.entries
    + VisionTransformer.entries
    + ConvNeXt.entries
    + SwinTransformer.entries
    + CSPNeXt.entries
    + OSNet.entries

  /// Backbones with levels of every one of `strides`, `own` first.
  static func backbones(withStrides strides: [Int], own: String) -> [String] {
    let fitting = backbones.filter { $0.descriptor.hasLevels(strides: strides) }.map(\.name)
    return [own] + fitting.filter { $0 != own }
  }

  /// What is known of each model without building it.
  public static var descriptors: [ModelDescriptor] { models.map(\.descriptor) }

  /// Builds the model that `info` names, with random weights from libtorch's generator.
  ///
  /// `models` are the lines to choose from: those of the zoo, or these and a user's own.
  ///
  /// - Throws: ``ModelError/unknownModel(_:known:)`` when no model of this task has the name;
  ///   ``ConfigurationError/unknownName(_:kind:known:)`` for a backbone that does not fit it;
  ///   ``ModelError/mismatch(_:)`` without labels, at a size that the network cannot take, or for
  ///   another network's pruning;
  ///   `TensorError`.
  public static func make<Kind: VisionTask>(
    _ info: ModelInfo,
    _ kind: Kind.Type,
    among models: [any ModelEntry] = models
  ) throws -> any TaskModel<Kind> {
    let candidates = models.compactMap { $0 as? ZooModel<Kind> }
    guard let entry = candidates.first(where: { $0.descriptor.name == info.model }) else {
      throw ModelError.unknownModel(info.model, known: candidates.map(\.descriptor.name))
    }
    let descriptor = entry.descriptor
    guard descriptor.backbones.contains(info.backbone) else {
      throw ConfigurationError.unknownName(
        info.backbone,
        kind: "backbone of \(descriptor.name)",
        known: descriptor.backbones
      )
    }
    guard info.labels.count > 0 else {
      throw ModelError.mismatch("\(descriptor.name) needs at least one label")
    }
    let size = info.preprocessing.inputSize
    let multiple = descriptor.sizeMultiple
    guard size.height % multiple == 0, size.width % multiple == 0 else {
      throw ModelError.mismatch(
        "\(descriptor.name) takes heights and widths that are multiples of \(multiple), not \(size)"
      )
    }
    let model = try entry.make(info)
    if let pruning = info.pruning { try model.module.shrink(to: pruning.extents) }
    return model
  }

  /// Builds a backbone without a classifier, with random weights.
  ///
  /// - Parameters:
  ///   - name: As in ``backbones``.
  ///   - size: Of the pictures it will see; its descriptor's unless given.
  /// - Returns: A backbone with its descriptor's levels.
  /// - Throws: ``ModelError/mismatch(_:)`` for a size that the network cannot take, ``ConfigurationError/unknownName(_:kind:known:)``, `TensorError`.
  public static func makeBackbone(_ name: String, for size: ImageSize? = nil) throws -> any Backbone
  {
    guard let entry = backbones.first(where: { $0.name == name }) else {
      throw ConfigurationError.unknownName(
        name,
        kind: "backbone",
        known: backbones.map(\.name)
      )
    }
    return try entry.make(for: size)
  }
}

/// A line of the zoo, whatever its task.
public protocol ModelEntry: Sendable {
  var descriptor: ModelDescriptor { get }
}

/// A line of the zoo: what is known of a model, and how it is built.
public struct ZooModel<Kind: VisionTask>: ModelEntry {
  public let descriptor: ModelDescriptor
  let make: @Sendable (ModelInfo) throws -> any TaskModel<Kind>

  public init(
    _ descriptor: ModelDescriptor,
    make: @escaping @Sendable (ModelInfo) throws -> any TaskModel<Kind>
  ) {
    self.descriptor = descriptor
    self.make = make
  }
}
