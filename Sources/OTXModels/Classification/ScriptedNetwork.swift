public import Foundation
public import OTXCore
public import OTXNN
public import OTXTensor

/// A classifier that is a TorchScript file: whatever a user scripted or traced in Python.
///
/// It takes the place of a network of the zoo, so that losses, outputs and tasks are the same. Its
/// weights have the names that they have in the file.
public final class ScriptedNetwork: ImageClassifierNetwork {
  let script: ScriptModule
  public let levels: [FeatureLevel] = []
  public static let weightNames = ["script": ""]

  /// Opens the contents of a file of `torch.jit.save`.
  ///
  /// - Parameters:
  ///   - bytes: The file's contents.
  ///   - file: Its path, for messages.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` for contents that are no module, or
  ///   one that takes something else than a tensor; `TensorError`.
  public init(_ bytes: Data, of file: String) throws {
    do {
      script = try ScriptModule(bytes)
    } catch .failed(_, _, let message) {
      throw ModelError.unreadableCheckpoint(file: file, reason: message)
    }
  }

  /// `[N, K]` before softmax.
  public func logits(_ images: Tensor) throws -> Tensor { try script(images) }

  public func callAsFunction(_ images: Tensor) throws(TensorError) -> [Tensor] {
    throw .failed(
      operation: "features",
      shapes: [images.shape],
      message: "a TorchScript network gives its answer alone, no feature levels"
    )
  }

  /// Throws unless it can be trained for `info`: weights that are numbers, some of them trainable, as
  /// many outputs as the task needs, at the input size.
  ///
  /// - Parameters:
  ///   - info: The labels and the input size.
  ///   - outputCount: The values that the task needs of each picture.
  ///   - file: The network's path, for messages.
  /// - Throws: ``ModelError``, `TensorError.outOfMemory`.
  public func verify(for info: ModelInfo, outputCount: Int, of file: String) throws {
    let parameters = script.parameters()
    guard !parameters.isEmpty else {
      throw ModelError.unreadableCheckpoint(
        file: file,
        reason:
          "the network has no parameters; a file of torch.jit.freeze cannot be trained, save the network before"
      )
    }
    guard parameters.contains(where: { $0.parameter.isTrainable }) else {
      throw ModelError.unreadableCheckpoint(
        file: file,
        reason:
          "none of its parameters can be trained: requires_grad is false for all; save it with net.requires_grad_(True)"
      )
    }
    for (name, value) in script.stateDictionary() where value.dtype == .float32 {
      guard try noGrad({ () throws(TensorError) in try value.isFinite().all().item() }) != 0 else {
        throw ModelError.unreadableCheckpoint(
          file: file,
          reason: "its weight '\(name)' holds NaN or infinity"
        )
      }
    }
    try verifyOutputs(info, outputCount, of: file)
  }

  private func verifyOutputs(_ info: ModelInfo, _ outputCount: Int, of file: String) throws {
    let size = info.preprocessing.inputSize
    script.setTraining(false)
    let output: Tensor
    do {
      output = try noGrad { () throws(TensorError) in
        try script(Tensor.zeros([2, 3, size.height, size.width]))
      }
    } catch .failed(_, _, let message) {
      throw ModelError.mismatch(
        "\(file): the network does not run on pictures of \(size): \(message). If it was traced at another size, give that: --input-size HEIGHTxWIDTH"
      )
    }
    let shape = output.shape
    guard shape.count == 2, shape[0] == 2, output.dtype.isFloatingPoint else {
      throw ModelError.mismatch(
        "\(file): for 2 pictures of \(size) the network answers with a tensor of \(output.dtype.rawValue) \(shape); a classifier answers with numbers [2, K], one for each of K \(info.task == .regression ? "targets" : "labels")"
      )
    }
    guard shape[1] == outputCount else {
      throw ModelError.mismatch(otherOutputCount(shape[1], outputCount, info, file))
    }
  }

  private func otherOutputCount(
    _ count: Int,
    _ wanted: Int,
    _ info: ModelInfo,
    _ file: String
  ) -> String {
    let names = info.labels.names.prefix(8).joined(separator: ", ")
    let shown = info.labels.count > 8 ? "\(names), …" : names
    let what = info.task == .regression ? "targets" : "labels"
    let last = script.parameters().last {
      $0.parameter.value.rank == 2 && $0.parameter.value.shape[0] == count
        && $0.name.hasSuffix(".weight")
    }
    let layer = last.map { String($0.name.dropLast(".weight".count)) } ?? "fc"
    let inputs = last.map { "\($0.parameter.value.shape[1])" } ?? "net.\(layer).in_features"
    let path = layer.split(separator: ".").map { Int($0) == nil ? ".\($0)" : "[\($0)]" }.joined()
    return
      "\(file): the network answers with \(count) values for a picture, and the data has \(wanted) \(what) (\(shown)). Give it \(wanted) outputs in Python and save it again: net\(path) = torch.nn.Linear(\(inputs), \(wanted)); torch.jit.script(net).save(\"net.pt\")"
  }
}

/// A model's weights whose network is a file of the user's, which its checkpoints carry.
public protocol ScriptCarrying: ParameterTree {
  /// The network as `torch.jit.save` writes it, weights as their shapes alone.
  func scriptData() throws -> Data
}

extension ScriptedNetwork: ScriptCarrying {
  public func scriptData() throws -> Data { try script.data(withWeights: false) }
}

extension ModelZoo {
  /// The models that a TorchScript file can be, one for each task.
  ///
  /// - Parameters:
  ///   - file: Where the network came from, for messages.
  ///   - isTrusted: Whether it was verified when it was trained, and its weights come later.
  ///   - read: Gives the file's contents.
  /// - Returns: Lines to build from, as those of ``models``.
  public static func torchScript(
    of file: String,
    isTrusted: Bool = false,
    _ read: @escaping @Sendable () throws -> Data
  ) -> [any ModelEntry] {
    let source = ScriptSource(file: file, isTrusted: isTrusted, read: read)
    return [
      ImageClassifier.scripted(source), MultiLabelClassifier.scripted(source),
      HierarchicalClassifier.scripted(source), RegressionModel.scripted(source),
    ]
  }
}

/// Where a scripted network comes from.
private struct ScriptSource: Sendable {
  var file: String
  var isTrusted: Bool
  var read: @Sendable () throws -> Data
}

extension ClassifierModel {
  /// The line of a file's network for this model's task.
  fileprivate static func scripted(_ source: ScriptSource) -> any ModelEntry {
    ZooModel<Kind>(.torchScript(Kind.taskType)) { info in
      let network = try ScriptedNetwork(source.read(), of: source.file)
      if !source.isTrusted {
        try network.verify(for: info, outputCount: outputCount(info), of: source.file)
      }
      return try Self(network: network, info: info)
    }
  }
}
