public import OTXCore

/// Runs OpenVINO models (`.xml` with its `.bin`).
public struct OpenVINOBackend: Backend {
  public let name = "openvino"

  public init() {}

  public func supports(_ source: ModelSource) -> Bool {
    if case .ir = source { true } else { false }
  }

  public func makeEngine<Kind: VisionTask>(
    _ kind: Kind.Type,
    from source: ModelSource,
    options: EngineOptions
  ) throws -> any SubEngine<Kind> {
    guard case .ir(let url) = source else {
      throw EngineError.jobNotSupported("run \(source)", by: name)
    }
    return try OpenVINOEngine<Kind>(reading: url, options: options)
  }
}
