public import OTXCore

/// A backend that says the same of every picture, for tests of what stands around backends.
///
/// It builds one model a task, runs no files, trains nothing and exports nothing.
public struct BoringBackend: Backend {
  public let name: String
  public init(name: String = "boring") { self.name = name }

  /// The name of its model of a task: `boring_detection`.
  public static func model(for task: TaskType) -> String { "boring_\(task.rawValue.lowercased())" }

  public var models: [ModelDescriptor] {
    TaskType.allCases.map { task in
      ModelDescriptor(
        name: BoringBackend.model(for: task),
        title: "Boring",
        task: task,
        backbones: ["boring"],
        preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 32)),
        hasDynamicSize: true,
        parameterCount: 0,
        gigaMultiplyAdds: 0
      )
    }
  }

  public func supports(_ source: ModelSource) -> Bool {
    guard case .zoo(let info, _) = source else { return false }
    return models.contains { $0.name == info.model }
  }

  public func makeEngine<Kind: VisionTask>(
    _ kind: Kind.Type,
    from source: ModelSource,
    options: EngineOptions
  ) throws -> any SubEngine<Kind> {
    guard case .zoo(let info, _) = source else {
      throw EngineError.jobNotSupported("run \(source)", by: name)
    }
    return BoringEngine<Kind>(info: info)
  }
}

/// The first label, on the whole picture, with a probability above 0.7.
public final class BoringEngine<Kind: VisionTask>: SubEngine {
  public let info: ModelInfo
  public init(info: ModelInfo) { self.info = info }

  public func predict(_ batch: Kind.Batch) async throws -> [Kind.Prediction] {
    let size = batch.images.size
    return try Kind.predictions(
      from: BoringOutputs.all(count: batch.count, labelCount: info.labels.count, size: size),
      frames: batch.frames,
      info: info
    )
  }
}

/// Outputs that every task finds its own among.
public enum BoringOutputs {
  /// The first label, surely, and a box around the whole picture for it.
  public static func all(
    count: Int,
    labelCount: Int,
    size: ImageSize
  ) -> [String: ModelOutput] {
    let logits = (0..<count).flatMap { _ in (0..<labelCount).map { $0 == 0 ? Float(5) : 0 } }
    let box: [Float] = [0, 0, Float(size.width), Float(size.height), 0.9]
    return [
      MultiClassClassification.Output.logits: ModelOutput(
        shape: [count, labelCount],
        values: logits
      ),
      Regression.Output.values: ModelOutput(
        shape: [count, labelCount],
        values: (0..<count).flatMap { _ in (0..<labelCount).map { $0 == 0 ? Float(1) : 0 } }
      ),
      Detection.Output.boxes: ModelOutput(
        shape: [count, 1, 5],
        values: (0..<count).flatMap { _ in box }
      ),
      Detection.Output.labels: ModelOutput(
        shape: [count, 1],
        values: [Float](repeating: 0, count: count)
      ),
    ]
  }
}
