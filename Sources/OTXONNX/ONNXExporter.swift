public import Foundation
public import OTXCore

/// Writes recorded networks as ONNX models (onnx.ai), operator set 17.
public struct ONNXExporter: Sendable {
  /// Weights of more bytes than this stand in a file of their own beside the model: protobuf, which
  /// ONNX is written in, ends at 2 GiB.
  package var externalDataThreshold = (1 << 31) - (64 << 20)

  public init() {}

  /// Writes `model.onnx`, and `model.onnx.data` where the weights are too large for one file.
  ///
  /// Both are written aside first and take their names when they are complete; if anything fails,
  /// `directory` is left as it was.
  ///
  /// - Parameters:
  ///   - graph: From normalised pictures `[N, 3, H, W]` to the named outputs of `info`'s task.
  ///   - info: Goes into the model's metadata, one key an entry: `model_info labels`, as Python OTX
  ///     writes it and Intel's Model API reads it.
  ///   - directory: Made if it is not there.
  ///   - halfPrecision: Stores weights as fp16, half the size; they are widened when the model is
  ///     loaded, inputs and outputs stay as they are.
  /// - Returns: The files that were written, the model first.
  /// - Throws: ``ModelError/exportFailed(_:)`` naming every operator that cannot be written, and what
  ///   the file system says.
  public func export(
    graph: OperatorGraph,
    info: ModelInfo,
    to directory: URL,
    halfPrecision: Bool = false
  ) throws -> [URL] {
    let entries = try RuntimeInfo.entries(for: info).sorted { $0.key < $1.key }
    return try write(
      GraphTranslator(graph, name: info.model, halfPrecision: halfPrecision).translated(),
      metadata: entries.map { (key: "\(RuntimeInfo.element) \($0.key)", value: $0.value) },
      version: info.otxVersion,
      to: directory
    )
  }

  private func write(
    _ graph: ONNXGraph,
    metadata: [(key: String, value: String)],
    version: String,
    to directory: URL
  ) throws -> [URL] {
    let name = "model.onnx"
    let aside = directory.appending(
      path: ".onnx-\(UUID().uuidString)",
      directoryHint: .isDirectory
    )
    try Folder.make(directory)
    try Folder.make(aside)
    defer { try? FileManager.default.removeItem(at: aside) }

    let byteCount = graph.initializers.reduce(0) { $0 + $1.array.bytes.count }
    let isExternal = byteCount > externalDataThreshold
    var names = [name]
    var external: [String: ExternalData] = [:]
    if isExternal {
      let data = name + ".data"
      external = try writeData(of: graph, to: aside.appending(path: data), named: data)
      names.append(data)
    }
    let model = graph.model(metadata: metadata, producer: ("OTX", version), external: external)
    try AtomicFile.write(to: aside.appending(path: name)) { try model.write($0.write) }

    // The model comes last: until then the folder holds none, or the old one.
    for file in names.reversed() {
      let (from, to) = (aside.appending(path: file), directory.appending(path: file))
      guard rename(from.path, to.path) == 0 else {
        throw FileError.cannotWrite(to.path, reason: String(cString: strerror(errno)))
      }
    }
    if !isExternal {
      try? FileManager.default.removeItem(at: directory.appending(path: name + ".data"))
    }
    return names.map { directory.appending(path: $0) }
  }

  /// Writes the larger arrays one after the other, each at a multiple of a page.
  private func writeData(
    of graph: ONNXGraph,
    to file: URL,
    named name: String
  ) throws -> [String: ExternalData] {
    var external: [String: ExternalData] = [:]
    let page = 4096
    try AtomicFile.write(to: file) { output in
      for initializer in graph.initializers where initializer.array.bytes.count >= 1024 {
        let start = (output.offset + page - 1) / page * page
        try output.write([UInt8](repeating: 0, count: start - output.offset))
        try output.write(initializer.array.bytes)
        external[initializer.name] = ExternalData(file: name, offset: start)
      }
    }
    return external
  }
}
