import Foundation
public import OTXCore
import OTXModels

/// The training backend: libtorch.
public struct TorchBackend: Backend {
  public let name = "torch"
  public init() {}

  /// Networks of the zoo, and checkpoints by their name (`.pth`, `.pt`, `.safetensors`).
  public func supports(_ source: ModelSource) -> Bool {
    switch source {
    case .zoo(let info): ModelZoo.descriptors.contains { $0.name == info.model }
    case .checkpoint: true
    case .ir: false
    }
  }

  public func makeEngine<Kind: VisionTask>(
    _ kind: Kind.Type,
    from source: ModelSource,
    options: EngineOptions
  ) throws -> any SubEngine<Kind> {
    switch source {
    case .zoo(let info): return TorchEngine<Kind>(info: info, weights: nil, options: options)
    case .checkpoint(let url):
      let info = try Checkpoints.info(of: url)
      guard info.task == Kind.taskType else {
        throw ModelError.mismatch(
          "\(url.path) is a model for \(info.task.rawValue), not for \(Kind.taskType.rawValue)"
        )
      }
      return TorchEngine<Kind>(info: info, weights: url, options: options)
    case .ir(let url): throw EngineError.jobNotSupported("run \(url.lastPathComponent)", by: name)
    }
  }
}
