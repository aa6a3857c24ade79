import CTorch

/// One of libtorch's operators, found once by name.
///
/// Each is a `static let`, so that a call costs no look-up. What is wrong with the look-up (no
/// library, no such operator) is kept and thrown by every call.
package struct Operator: @unchecked Sendable {
  /// With its namespace: `aten::conv2d`.
  let name: String
  let overload: String
  let raw: OpaquePointer?
  let schema: OTXSchema
  let failure: TensorError?

  /// `name` without a namespace is `aten`'s.
  package init(_ name: String, _ overload: String = "") {
    self.name = name.contains("::") ? name : "aten::\(name)"
    self.overload = overload
    var found: OpaquePointer?
    var schema = OTXSchema()
    var failure: TensorError?
    do throws(TensorError) {
      let table = try TorchLibrary.table()
      let status = table.pointee.find_operator(self.name, overload, &found, &schema)
      if status != .none {
        failure = .lastFailure(of: name, shapes: [])
      }
    } catch {
      failure = error
    }
    (raw, self.schema, self.failure) = (found, schema, failure)
  }

  /// As written in errors: without the namespace that nearly all share.
  var shortName: String { name.hasPrefix("aten::") ? String(name.dropFirst(6)) : name }

  var mutates: Bool { schema.mutates != 0 }
}

extension TensorError {
  /// What the library says of the calling thread's last failure.
  static func lastFailure(of operation: String, shapes: [[Int]]) -> TensorError {
    guard let table = TorchLibrary.opened else {
      return .libraryUnavailable("libtorch is not loaded")
    }
    let failure = withUnsafeTemporaryAllocation(of: OTXFailure.self, capacity: 1) { buffer in
      table.pointee.last_failure(buffer.baseAddress.unsafelyUnwrapped)
      return buffer[0]
    }
    if failure.kind == .outOfMemory {
      return .outOfMemory(
        requested: Int(clamping: failure.requested),
        inUse: Int(clamping: failure.inUse),
        limit: Int(clamping: failure.limit)
      )
    }
    return .failed(
      operation: operation,
      shapes: shapes,
      message: String(cString: failure.message)
    )
  }
}
