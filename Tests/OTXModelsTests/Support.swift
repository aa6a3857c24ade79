import Foundation
import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

/// All tests that compute, one after the other: libtorch's generator is one for the process.
@Suite(.serialized) struct Models {}

/// A file of `Goldens/` that `Tools/goldens/models.py` wrote.
func golden<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
  let url = Bundle.module.bundleURL.appending(path: "Goldens/\(name).json")
  return try JSONDecoder().decode(type, from: Data(contentsOf: url))
}

/// Names, shapes and costs of a network in Python.
struct Structure: Decodable {
  struct Entry: Decodable, Equatable {
    var name: String
    var shape: [Int]
  }
  var tensors: [Entry]
  var parameterCount: Int
  var multiplyAdds: Int

  init(of name: String) throws { self = try golden("structure-\(name)", as: Structure.self) }
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    tensors = try container.decode([Entry].self, forKey: .tensors)
    parameterCount = try container.decode(Int.self, forKey: .parameterCount)
    multiplyAdds = try container.decode(Int.self, forKey: .multiplyAdds)
  }
  private enum CodingKeys: String, CodingKey { case tensors, parameterCount, multiplyAdds }
}

/// Some gradients of a step in Python.
typealias GoldenGradient = BackboneGolden.Gradient

extension ParameterTree {
  /// Fills the weights as `common.py` does; `keeping` names entries that stay, as tables of indices do.
  func fillByFormula(keeping kept: Set<String> = []) throws {
    var filled: [(name: String, value: Tensor)] = []
    for (index, entry) in stateDictionary().enumerated() where !kept.contains(entry.name) {
      let shape = entry.value.shape
      let value =
        entry.value.dtype == .float32
        ? try Tensor(Formula.weight(entry.name, shape, k: index), shape: shape)
        : entry.value
      filled.append((entry.name, value))
    }
    try loadStateDictionary(filled, strict: kept.isEmpty)
  }

  /// Compares gradients by their norms and first elements.
  ///
  /// `kinks` says how far one element may be off, in parts of the gradient's mean square: where
  /// activations have corners, rounding moves a few of many summands across them.
  func expectGradients(
    _ expected: [String: GoldenGradient],
    rtol: Double = 1e-3,
    kinks: Double? = nil
  ) throws {
    let parameters = Dictionary(
      self.parameters().map { ($0.name, $0.parameter) },
      uniquingKeysWith: { first, _ in first }
    )
    for (name, golden) in expected.sorted(by: { $0.key < $1.key }) {
      let gradient = try #require(try parameters[name]?.value.grad, "\(name) has no gradient")
      let values = try gradient.contiguous().floats().map(Double.init)
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      expectClose(norm, golden.norm, rtol: rtol, atol: 1e-6, "norm of \(name)'s gradient")
      expectClose(
        Array(values.prefix(golden.first.count)),
        golden.first,
        rtol: rtol,
        atol: (kinks ?? rtol) * golden.norm / Double(values.count).squareRoot() + 1e-7,
        "\(name)'s gradient"
      )
    }
  }

  func expectState(_ expected: [String: [Double]], rtol: Double = 1e-4) throws {
    let state = Dictionary(
      stateDictionary().map { ($0.name, $0.value) },
      uniquingKeysWith: { first, _ in first }
    )
    for (name, values) in expected.sorted(by: { $0.key < $1.key }) {
      let own = try #require(state[name], "no \(name)").floats().map(Double.init)
      expectClose(Array(own.prefix(values.count)), values, rtol: rtol, atol: 1e-5, name)
    }
  }
}

extension NamedTensor {
  var doubles: [Double] {
    get throws { try value.to(.float32).contiguous().floats().map(Double.init) }
  }
}

extension [NamedTensor] {
  subscript(_ name: String) -> NamedTensor {
    get throws { try #require(first { $0.name == name }, "no output '\(name)'") }
  }
}

/// A picture that is not looked at: the tests hand the pixels over as a tensor.
func blankImage(_ size: ImageSize) -> Image { Image(size: size) }

func detectionBatch(
  _ objects: [[Detection.LabeledBox]],
  size: ImageSize
) throws -> Detection.Batch {
  try Detection.Batch(
    collating: objects.enumerated().map { index, objects in
      Detection.Entity(
        image: blankImage(size),
        frame: ImageFrame(itemID: "\(index)", originalSize: size),
        objects: objects
      )
    }
  )
}

func classificationBatch(
  _ labels: [Int],
  size: ImageSize
) throws -> MultiClassClassification.Batch {
  try MultiClassClassification.Batch(
    collating: labels.enumerated().map { index, label in
      MultiClassClassification.Entity(
        image: blankImage(size),
        frame: ImageFrame(itemID: "\(index)", originalSize: size),
        label: label
      )
    }
  )
}

func modelInfo(
  _ descriptor: ModelDescriptor,
  labelCount: Int,
  size: ImageSize,
  backbone: String? = nil
) -> ModelInfo {
  var preprocessing = descriptor.preprocessing
  preprocessing.inputSize = size
  return ModelInfo(
    model: descriptor.name,
    backbone: backbone ?? descriptor.backbones[0],
    task: descriptor.task,
    labels: LabelInfo(names: (0..<labelCount).map { "label\($0)" }),
    preprocessing: preprocessing
  )
}

/// Keeps an ONNX model, a batch and what libtorch makes of it for `Tools/interop/onnx_models.py`,
/// where `OTX_KEEP_ONNX` names a folder.
func keepONNX(
  _ name: String,
  _ files: [URL],
  images: Tensor,
  outputs: [NamedTensor]
) throws {
  guard let root = ProcessInfo.processInfo.environment["OTX_KEEP_ONNX"] else { return }
  let folder = URL(filePath: root).appending(path: name.replacingOccurrences(of: " ", with: "_"))
  try? FileManager.default.removeItem(at: folder)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  for file in files {
    try FileManager.default.copyItem(at: file, to: folder.appending(path: file.lastPathComponent))
  }
  func entry(_ file: String, _ tensor: Tensor) throws -> [String: Any] {
    let array = try tensor.to(.float32).contiguous().arrayBuffer()
    try Data(array.bytes).write(to: folder.appending(path: file))
    return ["file": file, "shape": array.shape]
  }
  var entries: [String: Any] = [:]
  for output in outputs {
    entries[output.name] = try entry("\(output.name).f32", output.value)
  }
  let reference: [String: Any] = ["input": try entry("input.f32", images), "outputs": entries]
  try JSONSerialization.data(withJSONObject: reference)
    .write(to: folder.appending(path: "reference.json"))
}
