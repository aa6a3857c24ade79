public import Foundation

/// What went wrong in a tensor operation.
public enum TensorError: Error, Equatable, Sendable {
  /// libtorch refused: the operation, the shapes of its tensors, and libtorch's words.
  case failed(operation: String, shapes: [[Int]], message: String)
  /// The CPU's memory budget, or a device's memory, does not hold another `requested` bytes.
  ///
  /// The numbers are 0 where a device does not tell them.
  case outOfMemory(requested: Int, inUse: Int, limit: Int)
  /// libtorch could not be opened; the text names the command that installs it.
  case libraryUnavailable(String)
  /// Something that a recording cannot hold; see `Tensor.record`.
  case notRecordable(operation: String, reason: String)
}

extension TensorError: LocalizedError, CustomStringConvertible {
  public var errorDescription: String? { description }
  public var description: String {
    switch self {
    case .failed(let operation, let shapes, let message):
      shapes.isEmpty
        ? "\(operation): \(message)"
        : "\(operation) of \(shapes.map { "\($0)" }.joined(separator: ", ")): \(message)"
    case .outOfMemory(0, 0, 0): "out of memory; a smaller batch or input size helps"
    case .outOfMemory(let requested, let inUse, let limit):
      "out of memory: asked for \(mebibytes(requested)) with \(mebibytes(inUse)) of \(mebibytes(limit)) in use; a smaller batch or input size, or a higher --memory-limit, helps"
    case .libraryUnavailable(let text): text
    case .notRecordable(let operation, let reason): "cannot record \(operation): \(reason)"
    }
  }

  private func mebibytes(_ byteCount: Int) -> String {
    "\(Int((Double(byteCount) / 1_048_576).rounded())) MiB"
  }
}
