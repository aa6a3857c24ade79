import OTX

/// A network that knows nothing of OTX's tasks: pictures in, a dictionary out, as networks of other
/// frameworks have it.
final class TinyNetwork: Module {
  struct Answer {
    var features: Tensor
    /// Before softmax, `[N, K]`.
    var scores: Tensor
  }

  let stem: Conv2d
  let norm: BatchNorm2d
  let body: Conv2d
  let head: Linear

  init(outputs: Int) throws {
    stem = try Conv2d(3, 16, kernelSize: 3, stride: 2, padding: 1, bias: false)
    norm = try BatchNorm2d(16)
    body = try Conv2d(16, 32, kernelSize: 3, stride: 2, padding: 1)
    head = try Linear(32, outputs)
  }

  /// Takes pictures `[N, 3, H, W]` in the range 0…1.
  func callAsFunction(_ pictures: Tensor) throws(TensorError) -> Answer {
    let features = try body(norm(stem(pictures), then: .relu)).relu().mean(dims: [2, 3])
    return Answer(features: features, scores: try head(features))
  }
}
