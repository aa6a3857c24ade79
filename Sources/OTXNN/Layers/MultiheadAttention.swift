public import OTXTensor

/// Attention in several subspaces at once (Vaswani et al., Attention Is All You Need, 2017, 3.2.2).
///
/// Sequences are `[N, L, E]`, the batch first (`batch_first=True` in PyTorch). Names, shapes and
/// default initialisation are those of `torch.nn.MultiheadAttention`, checked against it.
public final class MultiheadAttention: Layer, ModeAware {
  public static let weightNames = [
    "inputWeight": "in_proj_weight", "inputBias": "in_proj_bias", "output": "out_proj",
  ]
  /// `[3 * E, E]`: the projections to queries, keys and values, one below the other.
  public let inputWeight: Parameter
  /// `[3 * E]`.
  public let inputBias: Parameter?
  public let output: Linear
  public let features: Int
  public let headCount: Int
  /// The probability with which an attention weight is zeroed while training.
  public let dropout: Double
  public var isTraining = true

  /// - `features`: `E`, of queries, keys, values and result; a multiple of `headCount`.
  public init(
    _ features: Int,
    headCount: Int,
    dropout: Double = 0,
    bias: Bool = true
  ) throws(TensorError) {
    self.features = features
    self.headCount = headCount
    self.dropout = dropout
    inputWeight = try Parameter(.zeros([3 * features, features]))
    inputBias = bias ? try Parameter(.zeros([3 * features])) : nil
    // PyTorch draws the output's weight first.
    output = try Linear(features, features, bias: bias)
    try Initialization.xavierUniform.apply(to: inputWeight)
    if let bias = output.bias { try Initialization.constant(0).apply(to: bias) }
  }

  /// Self-attention: queries, keys and values are `input`, `[N, L, E]`.
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    let parts = try input.linear(inputWeight.value, bias: inputBias?.value).chunk(3, dim: -1)
    return try attend(parts[0], parts[1], parts[2], mask: nil)
  }

  /// Attention of `queries` `[N, L, E]` to `keys` and `values` `[N, S, E]`: `[N, L, E]`.
  ///
  /// - `mask`: Broadcast to `[N, heads, L, S]`: true where a query may look (the opposite of
  ///   PyTorch's `attn_mask` of this module), or numbers that are added to the scores.
  public func callAsFunction(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor? = nil
  ) throws(TensorError) -> Tensor {
    try attend(
      project(queries, part: 0),
      project(keys, part: 1),
      project(values, part: 2),
      mask: mask
    )
  }

  private func project(_ input: Tensor, part: Int) throws(TensorError) -> Tensor {
    func rows(_ tensor: Tensor) throws(TensorError) -> Tensor {
      try tensor.narrow(dim: 0, start: part * features, length: features)
    }
    guard let inputBias else { return try input.linear(rows(inputWeight.value)) }
    return try input.linear(rows(inputWeight.value), bias: rows(inputBias.value))
  }

  private func attend(
    _ queries: Tensor,
    _ keys: Tensor,
    _ values: Tensor,
    mask: Tensor?
  ) throws(TensorError) -> Tensor {
    // `[N, L, E]` to `[N, heads, L, E / heads]`, without a word about N and L.
    func split(_ tensor: Tensor) throws(TensorError) -> Tensor {
      try tensor.unflatten(dim: -1, [headCount, features / headCount]).transpose(1, 2)
    }
    let dropout = isTraining ? dropout : 0
    let (queries, keys, values) = try (split(queries), split(keys), split(values))
    let result =
      try queries.requiresGrad && mask == nil && dropout == 0
      ? queries.trainingAttention(keys: keys, values: values)
      : queries.scaledDotProductAttention(
        keys: keys,
        values: values,
        mask: mask,
        dropout: dropout
      )
    return try output(result.transpose(1, 2).flatten(startDim: 2))
  }
}
