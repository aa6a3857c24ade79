package import Foundation
import OTXCore
import OTXImage
package import OTXInference

/// A model, or several in a row, that a server answers with.
package struct ServedModel: @unchecked Sendable {
  // The pipeline is only shared from (``InferencePipeline/init(sharing:)``), hence the unchecked
  // conformance: what runs is each thread's own.
  /// What requests call it.
  package var name: String
  package let pipeline: InferencePipeline

  /// Opens models to be compared with each other.
  ///
  /// They are called by how their weights are stored (`fp32`, `int8`) where that tells them apart, else
  /// by their files.
  ///
  /// - Parameters:
  ///   - groups: The files of each; several that look one at what the other found.
  ///   - options: Device, arithmetic, threads, threshold.
  /// - Returns: The models with their names, in the same order.
  /// - Throws: ``ModelError``, ``OpenVINOError``, ``InferenceError``.
  package static func open(
    _ groups: [[URL]],
    options: DeployedModel.Options
  ) throws -> [ServedModel] {
    let pipelines = try groups.map { urls in
      try InferencePipeline(urls.map { try DeployedModel(reading: $0, options: options) })
    }
    let names = names(of: pipelines)
    return zip(names, pipelines).map { ServedModel(name: $0, pipeline: $1) }
  }

  private static func names(of pipelines: [InferencePipeline]) -> [String] {
    guard pipelines.count > 1 else { return pipelines.map { $0.models[0].info.model } }
    let candidates = [
      pipelines.map { $0.models[0].storage }, pipelines.map { name(of: $0.models[0].url) },
    ]
    if let distinct = candidates.first(where: { Set($0).count == $0.count }) { return distinct }
    return pipelines.indices.map { "model-\($0 + 1)" }
  }

  /// The last part of a path that tells something: not `openvino.xml`, not `model/`.
  private static func name(of url: URL) -> String {
    let parts =
      [url.deletingPathExtension()] + [
        url.deletingLastPathComponent(),
        url.deletingLastPathComponent().deletingLastPathComponent(),
      ]
    let names = parts.map(\.lastPathComponent)
    return names.first { !["openvino", "model", "/", "."].contains($0) } ?? names[0]
  }

  /// What `GET /model` says of it.
  var description: ModelDescription { ModelDescription(name: name, pipeline: pipeline) }
}

extension DeployedModel {
  /// How the weights are stored: `int8` for a quantised model, `fp16`, `fp32`.
  fileprivate var storage: String {
    guard let text = try? Data(contentsOf: url, options: .mappedIfSafe) else { return "unknown" }
    func holds(_ part: String) -> Bool { text.range(of: Data(part.utf8)) != nil }
    if holds("type=\"FakeQuantize\"") || holds("element_type=\"i8\"") { return "int8" }
    return holds("element_type=\"f16\"") ? "fp16" : "fp32"
  }

  fileprivate var weightByteCount: Int {
    let file = url.deletingPathExtension().appendingPathExtension("bin")
    return (try? file.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0
  }

  fileprivate var stage: ModelDescription.Stage {
    ModelDescription.Stage(
      model: info.model,
      task: info.task.rawValue,
      title: info.task.kind.title,
      input: .init(
        height: info.preprocessing.inputSize.height,
        width: info.preprocessing.inputSize.width
      ),
      labels: info.labels.names.enumerated().map { index, name in
        .init(name: name, color: colors[index].hexadecimal, threshold: info.threshold(of: index))
      },
      threshold: info.effectiveConfidenceThreshold,
      arithmetic: arithmetic,
      storage: storage,
      weightByteCount: weightByteCount,
      givesBoxes: givesBoxes
    )
  }
}

/// What a client may want to know of a model.
struct ModelDescription: Codable, Equatable {
  struct Size: Codable, Equatable {
    var height: Int
    var width: Int
  }
  struct Label: Codable, Equatable {
    var name: String
    var color: String
    var threshold: Float
  }
  /// One of the models in a row.
  struct Stage: Codable, Equatable {
    var model: String
    var task: String
    var title: String
    var input: Size
    var labels: [Label]
    var threshold: Float
    var arithmetic: String
    var storage: String
    var weightByteCount: Int
    var givesBoxes: Bool
  }
  var name: String
  var stages: [Stage]

  init(name: String, pipeline: InferencePipeline) {
    self.name = name
    stages = pipeline.models.map(\.stage)
  }
}

/// What `GET /model` answers.
struct ServerDescription: Codable, Equatable {
  struct Sample: Codable, Equatable {
    var name: String
    var path: String
  }
  struct Limits: Codable, Equatable {
    var uploadByteCount: Int
    var pixelCount: Int
    var requestsPerSecond: Double
  }
  var version: String
  var models: [ModelDescription]
  var samples: [Sample]
  var limits: Limits
}
