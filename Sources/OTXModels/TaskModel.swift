public import OTXCore
public import OTXNN
public import OTXTensor

/// A trainable model of one task: a network, its loss, and what its exported graph computes.
///
/// `images` is always the normalised `[N, 3, H, W]` float tensor of the network's input size.
/// Everything here runs on the thread that computes.
public protocol TaskModel<Kind>: AnyObject {
  associatedtype Kind: VisionTask

  /// The tree of weights; its names are those of the checkpoint.
  var module: any ParameterTree { get }

  /// The losses of one training batch, in 32 bits and with their gradient's history.
  ///
  /// - Parameters:
  ///   - images: The batch's pictures.
  ///   - batch: What is known about them, in pixels of the network's input.
  /// - Returns: At least one scalar.
  /// - Throws: `TensorError`.
  func loss(_ images: Tensor, _ batch: Kind.Batch) throws -> LossTerms

  /// What the exported graph computes, in evaluation mode: the inputs of
  /// `VisionTask.predictions(from:frames:info:)`.
  ///
  /// Recordable: no operation in place, no value read back, no batch size baked in.
  func outputs(_ images: Tensor) throws -> [NamedTensor]

  /// The outputs before anything is chosen among them (non-maximum suppression), to compare
  /// backends with; where nothing is chosen, the same as ``outputs(_:)``.
  func rawOutputs(_ images: Tensor) throws -> [NamedTensor]
}

extension TaskModel {
  public func rawOutputs(_ images: Tensor) throws -> [NamedTensor] { try outputs(images) }
}

/// A model that learns otherwise in the last epochs, when steps that recipes leave out of them
/// (mosaic, mix-up) no longer change the pictures.
public protocol FinalPhaseAware: AnyObject {
  /// Set before each epoch.
  var isFinalPhase: Bool { get set }
}

/// A model whose loss a recipe can change.
public protocol LossConfigurable: AnyObject {
  /// Set once, before the first step.
  var lossOptions: LossOptions { get set }
}

/// A model with layers that score labels.
///
/// When it starts from the weights of a model that knew other labels, the rows of those that both know
/// are taken over.
public protocol LabelScoring: AnyObject {
  var labelLayers: LabelLayers { get }
}

/// Layers whose outputs are scores of labels: `[anchors, labels]`, row by row.
public struct LabelLayers: Sendable, Equatable {
  /// Their names in the checkpoint: `fc`, `bbox_head.atss_cls`.
  public var names: [String]
  /// Whether a score of the background follows those of the labels.
  public var hasBackground: Bool
  public init(names: [String], hasBackground: Bool = false) {
    (self.names, self.hasBackground) = (names, hasBackground)
  }
}

/// A classifier whose loss is a function of its logits alone.
public protocol LogitsTrainable<Kind>: TaskModel {
  /// The losses of a batch.
  ///
  /// `logits` are `[N, K]`, in 32 bits.
  func loss(ofLogits logits: Tensor, _ batch: Kind.Batch) throws -> LossTerms
}

/// A tensor and what it is called in exported models.
public struct NamedTensor {
  public var name: String
  public var value: Tensor
  public init(_ name: String, _ value: Tensor) { (self.name, self.value) = (name, value) }
}

/// The parts of a loss, scalars; training minimises their sum.
public struct LossTerms {
  /// By the names that logs show: `loss_cls`, `loss_bbox`.
  public var terms: [NamedTensor]
  public init(_ terms: [NamedTensor]) { self.terms = terms }

  /// The sum of all terms.
  ///
  /// - Throws: ``ModelError/mismatch(_:)`` without terms.
  public func total() throws -> Tensor {
    guard var sum = terms.first?.value else {
      throw ModelError.mismatch("a model's loss has no terms; its loss(_:_:) must return one")
    }
    for term in terms.dropFirst() { sum = try sum + term.value }
    return sum
  }
}

/// A model made of a network that knows nothing of tasks, and the translations to and from it.
///
/// The way to bring a network of one's own: build it (`network`), turn pictures into its input
/// (`networkInput`) and its output into a loss and into the task's named outputs. The rest (data,
/// training loop, checkpoints, export) is the same as for every model of the zoo.
public protocol AdaptedModel<Kind>: TaskModel {
  associatedtype Network: Module
  var network: Network { get }

  /// The network's input, made of normalised pictures `[N, 3, H, W]`.
  func networkInput(_ images: Tensor) throws -> Network.Input

  /// The losses of one training batch; its entities are in pixels of the network's input.
  func loss(of output: Network.Output, _ batch: Kind.Batch) throws -> LossTerms

  /// The named outputs that the task reads its predictions from.
  func outputs(of output: Network.Output) throws -> [NamedTensor]

  /// As ``TaskModel/rawOutputs(_:)``; ``outputs(of:)`` unless given.
  func rawOutputs(of output: Network.Output) throws -> [NamedTensor]
}

extension AdaptedModel {
  public var module: any ParameterTree { network }

  public func loss(_ images: Tensor, _ batch: Kind.Batch) throws -> LossTerms {
    try loss(of: network(networkInput(images)), batch)
  }

  public func outputs(_ images: Tensor) throws -> [NamedTensor] {
    try outputs(of: network(networkInput(images)))
  }

  public func rawOutputs(_ images: Tensor) throws -> [NamedTensor] {
    try rawOutputs(of: network(networkInput(images)))
  }

  public func rawOutputs(of output: Network.Output) throws -> [NamedTensor] {
    try outputs(of: output)
  }
}

extension AdaptedModel where Network.Input == Tensor {
  public func networkInput(_ images: Tensor) throws -> Tensor { images }
}
