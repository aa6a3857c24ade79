internal import CTorch

/// How long an operator took in all its calls, and what it moved, without what it called itself.
package struct OperatorTime: Sendable, Equatable {
  /// As libtorch calls it: `aten::mkldnn_convolution`, `ConvolutionBackward0`.
  package var name: String
  package var count: Int
  package var seconds: Double
  /// Read and written, at least: each tensor counts once a call, where the operator does not say more.
  package var bytes: Int

  /// Times the operators that `body` calls, on whatever thread.
  ///
  /// Each call costs about a microsecond more meanwhile.
  ///
  /// - Returns: The operators, the longest first.
  /// - Throws: What `body` throws; `TensorError` where operators are timed already.
  package static func measured(_ body: () throws -> Void) throws -> [OperatorTime] {
    let table = try TorchLibrary.table()
    guard table.pointee.profile_start() == .none else {
      throw TensorError.lastFailure(of: "profile", shapes: [])
    }
    let outcome = Result { try body() }
    var times: [OperatorTime] = []
    let status = withUnsafeMutablePointer(to: &times) { times in
      table.pointee.profile_stop(
        { context, name, count, seconds, bytes in
          context?.assumingMemoryBound(to: [OperatorTime].self).pointee.append(
            OperatorTime(
              name: String(cString: name),
              count: Int(count),
              seconds: seconds,
              bytes: Int(bytes)
            )
          )
        },
        times
      )
    }
    try outcome.get()
    guard status == .none else { throw TensorError.lastFailure(of: "profile", shapes: []) }
    return times.sorted { $0.seconds > $1.seconds }
  }
}
