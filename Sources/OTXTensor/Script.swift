import CTorch
package import Foundation

/// A TorchScript module: weights by their names, and a forward pass that autograd follows.
package final class Script {
  /// A parameter or a buffer.
  package struct Entry {
    /// Its path: `layer1.0.conv1.weight`.
    package var name: String
    package var value: Tensor
    package var isParameter: Bool

    package init(_ name: String, _ value: Tensor, isParameter: Bool = true) {
      (self.name, self.value, self.isParameter) = (name, value, isParameter)
    }
  }

  private let table: UnsafePointer<OTXTorchTable>
  private let raw: OpaquePointer

  /// Reads what `torch.jit.save` wrote; every tensor comes to the CPU.
  ///
  /// - Throws: `TensorError.failed` for bytes that are no module, or one whose `forward` does not
  ///   take one tensor.
  package init(_ bytes: Data) throws(TensorError) {
    let table = try TorchLibrary.table()
    var raw: OpaquePointer?
    let status = bytes.withUnsafeBytes { bytes in
      // No address for no bytes; nothing is read of it.
      var nothing: UInt8 = 0
      return withUnsafePointer(to: &nothing) { empty in
        table.pointee.script_load(bytes.baseAddress ?? UnsafeRawPointer(empty), bytes.count, &raw)
      }
    }
    guard status == .none, let raw else { throw Script.failure("load", []) }
    (self.table, self.raw) = (table, raw)
  }

  /// Compiles a module from the TorchScript source of its methods and its weights; dotted names make
  /// modules below.
  ///
  /// - Throws: `TensorError.failed` with the compiler's words.
  package init(source: String, _ entries: [Entry]) throws(TensorError) {
    let table = try TorchLibrary.table()
    let names = entries.map { $0.name.utf8CString }
    var packed: [OTXScriptEntry] = []
    var raw: OpaquePointer?
    let buffers = names.map { name in
      let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: name.count)
      _ = buffer.initialize(from: name)
      return buffer
    }
    defer { for buffer in buffers { buffer.deallocate() } }
    for (buffer, entry) in zip(buffers, entries) {
      guard let name = buffer.baseAddress else { continue }
      packed.append(
        OTXScriptEntry(
          name: UnsafePointer(name),
          tensor: entry.value.raw,
          isParameter: entry.isParameter ? 1 : 0
        )
      )
    }
    guard table.pointee.script_compile(source, packed, packed.count, &raw) == .none, let raw else {
      throw Script.failure("compile", [])
    }
    (self.table, self.raw) = (table, raw)
  }

  deinit { table.pointee.script_free(raw) }

  /// Parameters, then buffers, then those of the modules below, as in PyTorch's `state_dict`.
  package func entries() throws(TensorError) -> [Entry] {
    var entries: [Entry] = []
    for index in 0..<table.pointee.script_entry_count(raw) {
      let outcome: Entry? = withUnsafeTemporaryAllocation(of: OTXScriptEntry.self, capacity: 1) {
        guard let entry = $0.baseAddress,
          table.pointee.script_entry(raw, index, entry) == .none, let tensor = entry.pointee.tensor
        else { return nil }
        return Entry(
          String(cString: entry.pointee.name),
          Tensor(owning: tensor),
          isParameter: entry.pointee.isParameter != 0
        )
      }
      guard let outcome else { throw Script.failure("entry", []) }
      entries.append(outcome)
    }
    return entries
  }

  /// Puts `tensor` in the place of an entry's, by its index in ``entries()``.
  package func set(_ index: Int, to tensor: Tensor) throws(TensorError) {
    guard table.pointee.script_set(raw, index, tensor.raw) == .none else {
      throw Script.failure("set", [tensor.shape])
    }
  }

  /// Switches the module and those below between training and evaluation.
  package func setTraining(_ isTraining: Bool) throws(TensorError) {
    guard table.pointee.script_train(raw, isTraining ? 1 : 0) == .none else {
      throw Script.failure("train", [])
    }
  }

  /// The forward pass; while recording, its operators are written down one by one.
  ///
  /// - Throws: `TensorError.notRecordable` where a recording meets control flow that depends on the
  ///   pictures, naming the place in the source.
  package func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    guard let recorder = Recorder.current else { return try forward(input) }
    // What is done on the way to the graph is none of its operators.
    let address = otx_torch_recorder()
    otx_torch_set_recorder(nil)
    defer { otx_torch_set_recorder(address) }
    let output = try forward(input)
    let more = try Tensor.zeros([input.size(0) + 1] + input.shape.dropFirst())
    var view: UnsafePointer<OTXScriptGraphView>?
    var owner: OpaquePointer?
    let status = table.pointee.script_graph(raw, input.raw, more.raw, &view, &owner)
    guard status == .none, let view, let owner else {
      let failure = Script.failure("", [input.shape])
      guard case .failed(_, _, let message) = failure else { throw failure }
      throw .notRecordable(operation: "the TorchScript network", reason: message)
    }
    defer { table.pointee.script_graph_free(owner) }
    try recorder.append(view.pointee, input: input, output: output)
    return output
  }

  private func forward(_ input: Tensor) throws(TensorError) -> Tensor {
    var output: OpaquePointer?
    guard table.pointee.script_forward(raw, input.raw, &output) == .none, let output else {
      throw Script.failure("forward", [input.shape])
    }
    return Tensor(owning: output)
  }

  /// The module as `torch.jit.save` writes it; without weights it holds their shapes alone.
  package func data(withWeights: Bool = true) throws(TensorError) -> Data {
    var data = Data()
    let status = withUnsafeMutablePointer(to: &data) { data in
      table.pointee.script_save(
        raw,
        withWeights ? 1 : 0,
        { context, bytes, count in
          guard let bytes, let data = context?.assumingMemoryBound(to: Data.self) else { return }
          data.pointee.append(bytes.assumingMemoryBound(to: UInt8.self), count: count)
        },
        data
      )
    }
    guard status == .none else { throw Script.failure("save", []) }
    return data
  }

  /// The last failure in one line: what the operator said, and where it stands in the source.
  ///
  /// The interpreter's own message is a listing of every call on the way.
  private static func failure(_ operation: String, _ shapes: [[Int]]) -> TensorError {
    let failure = TensorError.lastFailure(of: operation, shapes: shapes)
    guard case .failed(_, _, let message) = failure else { return failure }
    return .failed(operation: operation, shapes: shapes, message: summary(of: message))
  }

  static func summary(of message: String) -> String {
    let lines = message.split(whereSeparator: \.isNewline).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard message.contains("Traceback of TorchScript"), let last = lines.last else {
      return lines.prefix(2).joined(separator: " ")
    }
    var words = last
    if let prefix = words.range(of: "RuntimeError: "), prefix.lowerBound == words.startIndex {
      words.removeSubrange(prefix)
    }
    // The innermost call that has a line of a file.
    let place = lines.last { $0.hasPrefix("File \"") }
    let parts = place?.split(separator: "\"")
    guard let parts, parts.count > 2,
      let line = parts[2].split(separator: ",").first?.split(separator: " ").last
    else { return words }
    return "\(words) (\(parts[1]):\(line))"
  }
}
