public import OTXCore
import OTXOpenVINO
import OTXTorch

extension EngineRegistry {
  /// The backends this package ships.
  ///
  /// Another one is added with `adding(_:)`.
  public static let standard = EngineRegistry([TorchBackend(), OpenVINOBackend()])
}
