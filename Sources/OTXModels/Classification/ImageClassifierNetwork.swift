public import OTXCore
public import OTXNN
public import OTXTensor

/// A backbone that can carry a classifier.
public protocol ImageClassifierNetwork: Backbone {
  /// `[N, K]` before any activation, of pictures `[N, 3, H, W]`.
  ///
  /// - Throws: ``ModelError/mismatch(_:)`` when it was built without labels.
  func logits(_ images: Tensor) throws -> Tensor
}

/// A model that is a network with a classifier and what a task makes of its outputs.
///
/// The checkpoint is the network's own tree, so that it loads into torchvision's model as it is.
public protocol ClassifierModel<Kind>: LogitsTrainable, LabelScoring, ExplainableModel,
  SendableMetatype
{
  var network: any ImageClassifierNetwork { get }
  init(network: any ImageClassifierNetwork, info: ModelInfo) throws

  /// The classifier's outputs for a model that `info` describes.
  static func outputCount(_ info: ModelInfo) -> Int

  /// What the exported graph computes, of the network's logits `[N, K]`.
  func outputs(ofLogits logits: Tensor) throws -> [NamedTensor]
}

extension ClassifierModel {
  public var module: any ParameterTree { network }

  public func loss(_ images: Tensor, _ batch: Kind.Batch) throws -> LossTerms {
    try loss(ofLogits: network.logits(images).to(.float32), batch)
  }

  public static func outputCount(_ info: ModelInfo) -> Int { info.labels.count }

  /// The last layer of the head.
  public var labelLayers: LabelLayers {
    let names = network.parameters().map(\.name)
    let hasBackbone = NetworkParts.hasBackbone(names)
    let last = names.last { NetworkParts.isHead($0, hasBackbone: hasBackbone) }
    guard let last, let dot = last.lastIndex(of: ".") else { return LabelLayers(names: []) }
    return LabelLayers(names: [String(last[..<dot])])
  }

  /// The zoo's lines: every backbone that has a classifier is a model by its own name.
  static func entries(of backbones: [BackboneEntry]) -> [any ModelEntry] {
    backbones.filter(\.descriptor.hasClassifier).map { entry in
      let backbone = entry.descriptor
      return ZooModel<Kind>(
        ModelDescriptor(
          name: backbone.name,
          title: backbone.title,
          task: Kind.taskType,
          backbones: [backbone.name],
          preprocessing: backbone.preprocessing,
          sizeMultiple: backbone.sizeMultiple,
          hasDynamicSize: backbone.hasDynamicSize,
          parameterCount: backbone.parameterCount,
          gigaMultiplyAdds: backbone.gigaMultiplyAdds
        )
      ) { info in
        let size = info.preprocessing.inputSize
        guard let network = try entry.makeClassifier(labelCount: outputCount(info), for: size)
        else { throw ModelError.noClassifier }
        return try Self(network: network, info: info)
      }
    }
  }
}

extension ModelError {
  static let noClassifier = ModelError.mismatch(
    "a backbone that was built without labels has no classifier"
  )
}
