import Foundation
import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// A tensor filled by the formula for inputs.
func formulaInput(_ shape: [Int], k: Int = 1000, scale: Float = 1) throws -> Tensor {
  try Tensor(Formula.input(shape, k: k).map { $0 * scale }, shape: shape)
}

/// An `int64` tensor filled by the formula.
func formulaIntegers(_ shape: [Int], below: Int, k: Int = 2000) throws -> Tensor {
  try Tensor(Formula.integers(shape, below: below, k: k), shape: shape)
}

/// Fills a module's weights by the formula.
func fill(_ module: any ParameterTree) throws {
  let state = module.stateDictionary()
  var buffers: [(name: String, value: ArrayBuffer)] = []
  for (name, value) in state { buffers.append((name, try value.arrayBuffer())) }
  var filled: [(name: String, value: Tensor)] = []
  for (name, buffer) in Formula.fill(buffers) { filled.append((name, try Tensor(buffer))) }
  try module.loadStateDictionary(filled)
}

extension Golden {
  func expect(
    _ key: String,
    _ tensor: Tensor,
    rtol: Double = 1e-4,
    atol: Double = 1e-5
  ) throws {
    try expect(key, try tensor.detach().arrayBuffer(), rtol: rtol, atol: atol)
  }
}
