import OTXCore
import OTXTensor
import OTXTesting
import Testing

/// Operators against PyTorch's numbers (`Tools/goldens/tensor.py`).
@Suite struct ForwardTests {
  @Test func operatorsAgreeWithPyTorch() throws {
    let x = try input([2, 3, 8, 10])
    let y = try input([2, 3, 8, 10], 1001)
    let m = try input([4, 6], 1002)
    let n = try input([6, 5], 1003)
    let picks = try integers([5], below: 6)
    try expectGoldens(
      "forward",
      elementwise(x, y) + shapes(x, y, m, n) + reductions(x) + indexing(x, y, m, picks)
        + activations(x)
    )
  }

  private typealias Cases = [(String, () throws -> Tensor)]

  private func elementwise(_ x: Tensor, _ y: Tensor) -> Cases {
    [
      ("arithmetic", { try (x + 2) * y - x / 3 - 1 / (y + 3) + (-x) * (1 - y) }),
      ("remainder", { try integers([12], below: 100).remainder(7) }),
      ("floorDivide", { try (integers([12], below: 100) - 50).floorDivide(7) }),
      ("maximum", { try x.maximum(y) + x.minimum(y) * 2 }),
      (
        "comparison",
        { try x.lt(y).logicalOr(x.ge(0.5)).to(.float32) + x.eq(y).to(.float32) }
      ),
      ("lerp", { try x.lerp(y, weight: 0.3) }),
      (
        "math",
        {
          try x.exp() + (x + 2).log() + (x + 2).sqrt() + x.pow(3) + x.abs().pow(1.5)
            + x.clamp(min: -0.3, max: 0.4)
        }
      ),
      ("trigonometry", { try x.sin() + x.cos() + x.atan() + x.atan2(y) + x.erf() }),
      (
        "rounding",
        {
          try (x * 5).floor() + (x * 5).ceil() * 2 + (x * 5).round() * 3 + (x * 5).trunc() * 5
        }
      ),
    ]
  }

  private func shapes(_ x: Tensor, _ y: Tensor, _ m: Tensor, _ n: Tensor) -> Cases {
    [
      ("matmul", { try m.matmul(n) }),
      ("einsum", { try Tensor.einsum("bchw,bcxw->bchx", [x, y]) }),
      (
        "permute",
        { try x.permute([0, 2, 3, 1]).flatten(startDim: 1, endDim: 2).unsqueeze(1) }
      ),
      (
        "narrow",
        {
          try x.narrow(dim: 3, start: 2, length: 5).select(dim: 1, 1)
            .slice(dim: 1, from: 1, to: -1, step: 2)
        }
      ),
      ("cat", { try Tensor.cat([x, y], dim: 1).chunk(2, dim: 3)[1] }),
      ("stack", { try Tensor.stack([x, y], dim: -1) }),
      (
        "split",
        { try x.split(sizes: [3, 5], dim: 2)[1].roll([1], dims: [2]).flip([3]) }
      ),
      ("repeat", { try m.repeat([2, 1]).repeatInterleave(2, dim: 1) }),
      ("pad", { try x.pad([1, 2, 3, 0], value: 0.5) }),
    ]
  }

  private func reductions(_ x: Tensor) -> Cases {
    [
      (
        "sum",
        { try x.sum(dims: [2, 3]) + x.mean(dim: 1, keepDim: true).sum(dims: [2, 3]) }
      ),
      (
        "var",
        { try x.variance(dims: [0, 2, 3], correction: 0) + x.std(dims: [0, 2, 3]) }
      ),
      ("norm", { try Tensor.stack([x.norm(), x.norm(1), x.sum(), x.prod()]) }),
      ("logsumexp", { try x.logsumexp(dim: 1) }),
      ("cumsum", { try x.cumsum(dim: 3) }),
      (
        "max values",
        { try x.max(dim: 1).values + x.min(dim: 1).values + x.amax(dims: [1]) }
      ),
      ("max indices", { try x.max(dim: 1).indices * 10 + x.argmin(dim: 1) }),
      ("softmax", { try x.softmax(dim: 1) + x.logSoftmax(dim: -1) }),
    ]
  }

  private func indexing(_ x: Tensor, _ y: Tensor, _ m: Tensor, _ picks: Tensor) -> Cases {
    [
      ("indexSelect", { try m.indexSelect(dim: 1, picks) }),
      ("gather", { try m.gather(dim: 1, integers([4, 3], below: 6, 2001)) }),
      (
        "scatter",
        { try Tensor.zeros([4, 6]).scatter(dim: 1, integers([4, 1], below: 6, 2001), 1) }
      ),
      ("index", { try m.index([nil, picks]) }),
      ("maskedFill", { try x.maskedFill(x.gt(0.2), -1) }),
      ("maskedSelect", { try x.maskedSelect(x.gt(0.9)) }),
      ("nonzero", { try m.gt(0.4).nonzero() }),
      ("where", { try Tensor.where(x.gt(0), x, y * 0.1) }),
      (
        "topk",
        {
          let top = try m.topk(3, dim: 1)
          return try top.values + top.indices
        }
      ),
      ("sort", { try m.sort(dim: 1, descending: true).values }),
      ("oneHot", { try picks.oneHot(classCount: 7) }),
      ("unique", { try integers([40], below: 9).unique().values }),
    ]
  }

  private func activations(_ x: Tensor) -> Cases {
    [
      ("relu", { try (x * 8).relu() }),
      ("relu6", { try (x * 8).relu6() }),
      ("leakyRelu", { try (x * 8).leakyRelu() }),
      ("elu", { try (x * 8).elu() }),
      ("gelu", { try (x * 8).gelu() }),
      ("silu", { try (x * 8).silu() }),
      ("mish", { try (x * 8).mish() }),
      ("hardswish", { try (x * 8).hardswish() }),
      ("hardsigmoid", { try (x * 8).hardsigmoid() }),
      ("sigmoid", { try (x * 8).sigmoid() }),
      ("logSigmoid", { try (x * 8).logSigmoid() }),
      ("tanh", { try (x * 8).tanh() }),
      ("softplus", { try (x * 8).softplus() }),
    ]
  }
}
