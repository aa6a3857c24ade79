import OTXCore
import OTXModels
import OTXNN
import OTXTensor

extension Trainer {
  /// Exchanges the gradients for those at the worst weights near by.
  ///
  /// Foret et al., Sharpness-Aware Minimization, ICLR 2021, algorithm 1: the weights go up the
  /// gradient by `sharpnessRadius`, the group is learned from again there, and the weights go back.
  /// Both passes draw the same; running moments keep what the first one gave.
  func sharpen(_ batches: [Kind.Batch]) throws {
    let radius = options.optimizer.sharpnessRadius
    let moved = optimizer.parameters.map(\.parameter)
    guard let norm = try gradientNorm(of: optimizer.parameters) else { return }
    let (weights, moments) = try noGrad { () throws(TensorError) in
      let scale = try (norm + 1e-12).reciprocal() * radius
      var weights: [(Parameter, Tensor)] = []
      for parameter in moved {
        guard let gradient = try parameter.value.grad else { continue }
        weights.append((parameter, try parameter.value.clone()))
        try parameter.value.add_(gradient * scale)
      }
      var moments: [(Buffer, Tensor)] = []
      for (_, buffer) in model.module.buffers() {
        moments.append((buffer, try buffer.value.clone()))
      }
      return (weights, moments)
    }
    let result = Result { try collectGradients(of: batches) }
    try noGrad { () throws(TensorError) in
      for (parameter, value) in weights { try parameter.value.copy_(value) }
      for (buffer, value) in moments { try buffer.value.copy_(value) }
    }
    _ = try result.get()
  }
}
