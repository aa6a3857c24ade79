import OTXCore
import OTXNN
import OTXTensor

extension VisionTransformer {
  /// ViT-ReciproCAM (Byun and Lee, ViT-ReciproCAM: Gradient and attention-free visual explanations
  /// for vision transformer, arXiv 2310.02588): a label's score where the last block's attention sees
  /// the class token and, through a 3×3 Gaussian, the neighbourhood of one patch.
  ///
  /// Masks come after the block's first norm, which would undo them. The class token keeps its own
  /// residual. The first product of attention is linear in the masked tokens, so it is computed once
  /// for all masks and weighted afterwards: `q·(m k) = m (q·k)`, and what a key's bias adds is the
  /// same for all keys, which softmax takes away. Checked against masking each patch in turn.
  func tokenExplanation(_ images: Tensor, _ method: ExplainMethod) throws -> NetworkExplanation {
    guard let head, let last = blocks.last else { throw ModelError.noClassifier }
    let tokens = try tokens(images, blockCount: blocks.count - 1)
    let (logits, features) = try classified(last(tokens).select(dim: 1, 0), head)
    let grid = ImageSize(
      height: inputSize.height / configuration.patchSize,
      width: inputSize.width / configuration.patchSize
    )
    if method == .activationMap {
      let patches = try normalization(last(tokens)).slice(
        dim: 1,
        from: 1 + configuration.registerCount
      )
      let map = try patches.mean(dim: 2).unflatten(dim: 1, [grid.height, grid.width])
      return NetworkExplanation(logits: logits, maps: map, features: features)
    }
    let seen = try last.maskedClassToken(tokens, masks: masks(grid))
    let maps = try classified(seen, head).logits.transpose(1, 2)
      .unflatten(dim: 2, [grid.height, grid.width])
    return NetworkExplanation(logits: logits, maps: maps, features: features)
  }

  private func classified(
    _ token: Tensor,
    _ head: Linear
  ) throws -> (logits: Tensor, features: Tensor) {
    let features = try normalization(token)
    return (try head(features), features)
  }

  /// What of each token is seen, for each patch: `[h * w, L]`.
  private func masks(_ grid: ImageSize) throws -> Tensor {
    let prefix = 1 + configuration.registerCount
    let (patchCount, kernel) = (grid.height * grid.width, [Float(0.25), 0.5, 0.25])
    let tokenCount = prefix + patchCount
    var values = [Float](repeating: 0, count: patchCount * tokenCount)
    for patch in 0..<patchCount {
      values[patch * tokenCount] = 1
      let (row, column) = (patch / grid.width, patch % grid.width)
      for y in max(row - 1, 0)...min(row + 1, grid.height - 1) {
        for x in max(column - 1, 0)...min(column + 1, grid.width - 1) {
          values[patch * tokenCount + prefix + y * grid.width + x] =
            kernel[y - row + 1] * kernel[x - column + 1]
        }
      }
    }
    return try Tensor(values, shape: [patchCount, tokenCount])
  }
}

extension TransformerBlock {
  /// The class token after this block, where attention sees the normalised tokens times a mask.
  ///
  /// - Parameters:
  ///   - tokens: The block's input `[N, L, D]`, the class token first.
  ///   - masks: `[P, L]`, 1 for the class token.
  /// - Returns: `[N, P, D]`.
  /// - Throws: `TensorError`.
  func maskedClassToken(_ tokens: Tensor, masks: Tensor) throws -> Tensor {
    let own = try tokens.narrow(dim: 1, start: 0, length: 1)
    let branch = try attention.maskedClassToken(norm1(tokens), masks: masks)
    var x = try own + (scale1?(branch) ?? branch)
    let second = try mlp(norm2(x))
    x = try x + (scale2?(second) ?? second)
    return x
  }
}

extension TransformerBlock.SelfAttention {
  /// What attention gives the first token `[N, P, D]`, where tokens `[N, L, D]` are multiplied with
  /// masks `[P, L]`.
  fileprivate func maskedClassToken(_ tokens: Tensor, masks: Tensor) throws -> Tensor {
    let size = tokens.size(2)
    // [N, L, D] to three of [N, heads, L, D / heads], without biases.
    let parts = try tokens.linear(qkv.weight.value).unflatten(dim: -1, [3, headCount, -1])
      .permute([2, 0, 3, 1, 4]).unbind()
    func bias(_ index: Int) throws -> Tensor? {
      try qkv.bias?.value.narrow(dim: 0, start: index * size, length: size)
        .unflatten(dim: 0, [headCount, 1, -1])
    }
    var query = try parts[0].narrow(dim: 2, start: 0, length: 1)
    if let bias = try bias(0) { query = try query + bias }
    // [N, heads, 1, L] times [P, L].
    let scale = 1 / (Double(size) / Double(headCount)).squareRoot()
    let scores = try query.matmul(parts[1].transpose(-1, -2)) * masks * scale
    var seen = try (scores.softmax(dim: -1) * masks).matmul(parts[2])
    if let bias = try bias(2) { seen = try seen + bias }
    return try output(seen.transpose(1, 2).flatten(startDim: 2))
  }
}
