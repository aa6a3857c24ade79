public import Foundation
import OTXCore

extension TaskEngine {
  /// Writes the model as a Python program that needs PyTorch alone: `model.py` and `weights.pth`.
  ///
  /// The recorded graph, one line an operator, with this task's reading and post-processing around it.
  ///
  /// - Returns: The two files.
  /// - Throws: ``ModelError/exportFailed(_:)`` for a model that cannot be printed, ``FileError``;
  ///   ``EngineError/jobNotSupported(_:by:)`` when the framework cannot record graphs.
  @concurrent
  public func exportPyTorch(to directory: URL) async throws -> (program: URL, weights: URL) {
    let graph = try await graphRecorder().recordGraph()
    let program = try PyTorchProgram(graph: graph, info: await sub.info)
    return try program.write(to: directory)
  }
}
