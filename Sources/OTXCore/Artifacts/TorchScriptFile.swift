public import Foundation

/// A network that PyTorch scripted or traced and saved (`torch.jit.save`).
public enum TorchScriptFile {
  /// What recipes and users mean by a model that is a file: a name that ends like one.
  ///
  /// - Parameter reference: The name of a model.
  /// - Returns: Whether it is no model's name but a file's.
  public static func isNamed(by reference: String) -> Bool {
    let endings = ["pt", "pth", "ts", "jit", "torchscript", "pt2", "ckpt", "safetensors", "onnx"]
    return endings.contains(URL(filePath: reference).pathExtension.lowercased())
  }

  /// Throws unless `url` is a TorchScript file, saying what it is instead and what to do.
  ///
  /// Looks at the file's outside only.
  ///
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``.
  public static func verify(_ url: URL) throws {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw ModelError.unreadableCheckpoint(
        file: url.path,
        reason: "there is no such file; a run keeps a copy of its network as network.pt"
      )
    }
    let howTo = "save the network in Python: torch.jit.script(net).save(\"net.pt\")"
    let weights =
      "it holds weights, no network; name the model they belong to and give the file with --weights, or \(howTo)"
    func refusal(_ reason: String) -> ModelError {
      .unreadableCheckpoint(file: url.path, reason: reason)
    }
    if SafeTensorsFile.isOne(url) { throw refusal(weights) }
    try readingCheckpoint(url) {
      let start = try RandomAccessFile(url).start
      guard start.starts(with: [0x50, 0x4B]) else {
        guard start.first == 0x80 else { throw FormatError("it is no TorchScript file; \(howTo)") }
        throw FormatError(weights)
      }
      let names = try ZipReader.names(of: url)
      func has(_ name: String) -> Bool { names.contains { $0 == name || $0.hasSuffix("/" + name) } }
      if has("constants.pkl") && has("data.pkl") { return }
      if has("data.pkl") { throw FormatError(weights) }
      if names.contains(where: {
        $0.contains("exported_program") || $0.hasSuffix("models/model.json")
      }) {
        throw FormatError("it is a program of torch.export, not TorchScript; \(howTo)")
      }
      throw FormatError("it is a zip archive, but no TorchScript file; \(howTo)")
    }
  }
}

extension RandomAccessFile {
  /// The first bytes, by which kinds of files are told apart.
  fileprivate var start: [UInt8] {
    get throws { try read(at: 0, count: min(byteCount, 16)) }
  }
}

extension ModelDescriptor {
  /// The model of a TorchScript file.
  ///
  /// Its size and cost are those of ResNet-50: nobody knows them before the file is opened.
  ///
  /// - Parameter task: What the network's answers are taken for.
  /// - Returns: What is known before the file is opened.
  public static func torchScript(_ task: TaskType) -> ModelDescriptor {
    ModelDescriptor(
      name: torchScriptName,
      title: "TorchScript network",
      task: task,
      backbones: [torchScriptName],
      preprocessing: Preprocessing(inputSize: ImageSize(height: 224, width: 224)),
      sizeMultiple: 1,
      hasDynamicSize: false,
      parameterCount: 25_600_000,
      gigaMultiplyAdds: 4.1
    )
  }

  /// What a TorchScript network is called in the artifacts that are made of it.
  public static let torchScriptName = "torchscript"
}
