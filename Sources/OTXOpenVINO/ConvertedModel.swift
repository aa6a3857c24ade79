import COpenVINO
import Foundation
package import OTXCore

/// A model in OpenVINO's own form: converted from a graph or read from a file, not yet compiled.
final class ConvertedModel {
  let library: OpenVINOLibrary
  let handle: OpaquePointer

  /// Converts a recorded graph.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` naming the operators that OpenVINO does not know.
  init(converting graph: OperatorGraph, name: String) throws {
    library = try OpenVINOLibrary.shared()
    let builder = GraphBuilder(library: library)
    try builder.add(graph)
    handle = try builder.convert(name: name)
  }

  /// Reads an `.xml` with its `.bin` beside it, or an `.onnx`.
  ///
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``.
  init(reading url: URL) throws {
    var files = [(url, "the model")]
    if url.pathExtension != "onnx" {
      let weights = url.deletingPathExtension().appendingPathExtension("bin")
      files.append((weights, "the model's weights"))
    }
    for (file, what) in files {
      guard FileManager.default.isReadableFile(atPath: file.path) else {
        throw ModelError.unreadableCheckpoint(
          file: file.path,
          reason: "\(what) cannot be read; an OpenVINO model is an .xml and a .bin of the same name"
        )
      }
    }
    library = try OpenVINOLibrary.shared()
    var made: OpaquePointer?
    do {
      try library.check("reading the model", library.table.modelRead(url.path, &made))
    } catch OpenVINOError.failed(_, let reason) {
      throw ModelError.unreadableCheckpoint(
        file: url.path,
        reason: "OpenVINO cannot read it: \(reason)"
      )
    }
    handle = try made.orThrow("reading the model")
  }

  private init(library: OpenVINOLibrary, handle: OpaquePointer) {
    self.library = library
    self.handle = handle
  }

  deinit { library.table.modelFree(handle) }

  /// A copy that shares the weights.
  func clone() throws -> ConvertedModel {
    var made: OpaquePointer?
    try library.check("copying the model", library.table.modelClone(handle, &made))
    return ConvertedModel(library: library, handle: try made.orThrow("copying the model"))
  }

  /// Folds what can be computed beforehand: normalisation into the weights before it, shapes.
  func simplify() throws {
    try library.check("simplifying the model", library.table.modelSimplify(handle))
  }

  /// One entry of the model's `rt_info`.
  func runtimeInfo(at path: [String]) throws -> String? {
    try withCStrings(path) { keys in
      var text: UnsafeMutablePointer<CChar>?
      try library.check(
        "reading \(path.joined(separator: "/"))",
        library.table.modelInfo(handle, keys, path.count, &text)
      )
      return text == nil ? nil : library.take(text)
    }
  }

  /// Writes `url` and the `.bin` beside it.
  func save(to url: URL, halfPrecision: Bool) throws {
    do {
      try library.check(
        "writing \(url.path)",
        library.table.modelSave(handle, url.path, halfPrecision ? 1 : 0)
      )
    } catch OpenVINOError.failed(_, let reason) {
      throw FileError.cannotWrite(url.path, reason: "\(reason) (is the disk full?)")
    }
  }

  /// Sets one entry of the model's `rt_info`.
  func setRuntimeInfo(_ value: String, at path: [String]) throws {
    try withCStrings(path) { keys in
      try library.check(
        "writing \(path.joined(separator: "/"))",
        library.table.modelSetInfo(handle, keys, path.count, value)
      )
    }
  }

  var inputs: [ModelPort] {
    get throws { try ports(library.table.modelInputCount, library.table.modelInput) }
  }

  var outputs: [ModelPort] {
    get throws { try ports(library.table.modelOutputCount, library.table.modelOutput) }
  }

  /// Makes the model's only input pictures of bytes `[N, H, W, 3]`, normalised inside.
  func takeBytes(_ preprocessing: Preprocessing) throws {
    try library.check(
      "adding the preprocessing",
      library.table.modelTakeBytes(
        handle,
        Int64(preprocessing.inputSize.height),
        Int64(preprocessing.inputSize.width),
        preprocessing.mean,
        preprocessing.std,
        preprocessing.mean.count
      )
    )
  }

  func compile(device: String, properties: [(String, String)]) throws -> OpaquePointer {
    var compiled: OpaquePointer?
    try withCStrings(properties.map(\.0)) { keys in
      try withCStrings(properties.map(\.1)) { values in
        try library.check(
          "compiling the model for \(device)",
          library.table.modelCompile(handle, device, keys, values, properties.count, &compiled)
        )
      }
    }
    return try compiled.orThrow("compiling the model")
  }

  private func ports(
    _ count: (OpaquePointer) -> Int,
    _ describe: (OpaquePointer, Int, UnsafeMutablePointer<OTXPort>) -> UnsafeMutablePointer<CChar>?
  ) throws -> [ModelPort] {
    var ports: [ModelPort] = []
    for index in 0..<count(handle) {
      var port = OTXPort()
      try library.check("describing the model", describe(handle, index, &port))
      ports.append(ModelPort(port))
    }
    return ports
  }
}

/// An input or output of a model.
package struct ModelPort: Sendable, Equatable {
  package var name: String
  /// `nil` for types that this package has no name for.
  package var elementType: ElementType?
  /// `nil` axes are open; `nil` altogether where even their number is.
  package var shape: [Int?]?

  init(_ port: OTXPort) {
    name = port.name.map { String(cString: $0) } ?? ""
    elementType = ElementType(code: port.element)
    guard port.rank >= 0 else { return }
    shape = withUnsafeBytes(of: port.shape) { bytes in
      bytes.bindMemory(to: Int64.self).prefix(Int(port.rank)).map { $0 < 0 ? nil : Int($0) }
    }
  }
}

extension OpaquePointer? {
  /// A handle that a function said it made.
  func orThrow(_ what: String) throws(OpenVINOError) -> OpaquePointer {
    guard let self else { throw .failed(what, reason: "nothing was made") }
    return self
  }
}

/// Calls `body` with C strings that live as long as the call.
func withCStrings<Result>(
  _ strings: [String],
  _ body: (UnsafePointer<UnsafePointer<CChar>>?) throws -> Result
) throws -> Result {
  let copies = strings.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  let pointers = copies.compactMap { $0.map { UnsafePointer<CChar>($0) } }
  return try pointers.withUnsafeBufferPointer { try body($0.baseAddress) }
}
