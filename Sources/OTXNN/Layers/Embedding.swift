public import OTXTensor

/// A vector for each of a number of things: indices `[...]` (`int64`) to `[..., D]`.
///
/// Names, shapes and default initialisation are those of `torch.nn.Embedding`.
public final class Embedding: Layer {
  /// `[V, D]`.
  public let weight: Parameter

  /// - `count`: `V`, one more than the largest index.
  public init(_ count: Int, _ features: Int) throws(TensorError) {
    weight = try Parameter(.zeros([count, features]))
    try Initialization.normal(standardDeviation: 1).apply(to: weight)
  }

  public func callAsFunction(_ indices: Tensor) throws(TensorError) -> Tensor {
    try weight.value.embedding(indices)
  }
}
