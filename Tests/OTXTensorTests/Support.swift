import Foundation
import OTXCore
import OTXTensor
import OTXTesting
import Testing

/// An input that the golden scripts fill alike.
func input(_ shape: [Int], _ k: Int = 1000) throws -> Tensor {
  try Tensor(Formula.input(shape, k: k), shape: shape)
}

/// Integers in `0 ..< below` that the golden scripts fill alike.
func integers(_ shape: [Int], below: Int, _ k: Int = 2000) throws -> Tensor {
  try Tensor(Formula.integers(shape, below: below, k: k), shape: shape)
}

/// Expects the computed cases to be the file's: the same names, the same numbers.
func expectGoldens(
  _ file: String,
  rtol: Double = 1e-4,
  atol: Double = 1e-5,
  _ cases: [(String, () throws -> Tensor)]
) throws {
  let golden = try Golden(file, in: .module)
  #expect(cases.map(\.0).sorted() == golden.caseNames)
  for (name, compute) in cases {
    do {
      try golden.expect(name, try compute().arrayBuffer(), rtol: rtol, atol: atol)
    } catch {
      Issue.record("\(file)/\(name): \(error)")
    }
  }
}
