import Foundation
public import OTXCore
public import OTXModels

/// The training backend: libtorch.
///
/// It builds the models it is given, those of the zoo unless told otherwise. A model of your own is
/// one entry more: any network of OTXNN's layers, made a task's model by ``AdaptedModel``.
///
/// ```swift
/// final class MyClassifier: AdaptedModel {
///   typealias Kind = MultiClassClassification
///   let network: MyNetwork
///   init(labelCount: Int) throws { network = try MyNetwork(outputs: labelCount) }
///
///   func loss(of output: Tensor, _ batch: MultiClassClassification.Batch) throws -> LossTerms {
///     let labels = try Tensor(batch.entities.map(\.label))
///     return LossTerms([NamedTensor("loss_cls", try crossEntropy(output, labels))])
///   }
///   func outputs(of output: Tensor) throws -> [NamedTensor] {
///     [NamedTensor(MultiClassClassification.Output.logits, output)]
///   }
/// }
///
/// let entry = ZooModel<MultiClassClassification>(descriptor) { info in
///   try MyClassifier(labelCount: info.labels.count)
/// }
/// let registry = EngineRegistry.standard.adding(TorchBackend(models: ModelZoo.models + [entry]))
/// let engine = try Engine(
///   data: .root(folder, format: nil),
///   recipe: RecipeRequest(model: "my_classifier"),
///   registry: registry
/// )
/// ```
///
/// Training, checkpoints, evaluation and export are then those of every other model; a checkpoint
/// of it is opened with the same registry.
public struct TorchBackend: Backend {
  public let name = "torch"
  private let entries: [any ModelEntry]

  /// A backend that builds `models`; of two of one name and task the first.
  public init(models: [any ModelEntry] = ModelZoo.models) { entries = models }

  public var models: [ModelDescriptor] { entries.map(\.descriptor) }

  /// Networks by their name, TorchScript files, and checkpoints by their file's (`.pth`, `.pt`, `.ckpt`).
  public func supports(_ source: ModelSource) -> Bool {
    switch source {
    case .zoo(let info, _): models.model(named: info.model, task: info.task) != nil
    case .torchScript: true
    case .checkpoint(let url): ["pth", "pt", "ckpt"].contains(url.pathExtension.lowercased())
    case .ir: false
    }
  }

  public func makeEngine<Kind: VisionTask>(
    _ kind: Kind.Type,
    from source: ModelSource,
    options: EngineOptions
  ) throws -> any SubEngine<Kind> {
    let info: ModelInfo
    let weights: InitialWeights
    var entries = entries
    switch source {
    case .zoo(let wanted, let file):
      info = TorchBackend.pruned(wanted, like: file)
      weights =
        file.map { .matching($0, allowsFew: options.allowsPartialWeights) } ?? .random
    case .torchScript(let url, let wanted, let file):
      info = wanted
      weights =
        file.map { .matching($0, allowsFew: options.allowsPartialWeights) } ?? .own(of: url)
      entries += ModelZoo.torchScript(of: url.path) { try readNetwork(url) }
    case .checkpoint(let url):
      info = try Checkpoints.info(of: url)
      weights = .all(of: url)
      guard info.task == Kind.taskType else {
        throw ModelError.mismatch(
          "\(url.path) is a model for \(info.task.rawValue), not for \(Kind.taskType.rawValue)"
        )
      }
      if let script = try CheckpointFile.readScript(url) {
        entries += ModelZoo.torchScript(of: url.path, isTrusted: true) { script }
      }
      guard
        entries.contains(where: {
          $0.descriptor.name == info.model && $0.descriptor.task == info.task
        })
      else {
        throw ModelError.mismatch(
          "\(url.path) is a checkpoint of '\(info.model)', a model that is not known here (there are: \(models.names(of: info.task).joined(separator: ", "))); open it with a backend that was given the model"
        )
      }
    case .ir: throw EngineError.jobNotSupported("run \(source)", by: name)
    }
    return try TorchEngine<Kind>(info: info, weights: weights, options: options, models: entries)
  }
}

extension TorchBackend {
  /// A model that starts from a pruned one's weights is pruned like it; another network, or what the
  /// file does not say, stays as it is.
  private static func pruned(_ info: ModelInfo, like file: URL?) -> ModelInfo {
    guard info.pruning == nil, let file, let known = try? CheckpointFile.readInfo(file),
      known.model == info.model, known.backbone == info.backbone, known.task == info.task
    else { return info }
    var info = info
    info.pruning = known.pruning
    return info
  }
}

private func readNetwork(_ url: URL) throws -> Data {
  do {
    return try Data(contentsOf: url, options: .mappedIfSafe)
  } catch {
    throw FileError.cannotRead(url.path, reason: error.reason)
  }
}
