import Foundation
import OTXCore
import OTXTesting
import Testing

/// The two halves of the formulas that fill weights and inputs, Python's and ours, agree.
@Suite struct FormulaTests {
  let golden: Golden
  init() throws { golden = try Golden("formulas", in: .module) }

  @Test func noiseIsTheSameInBothLanguages() throws {
    for (key, k) in [("noise", 7), ("noise large k", 123_456)] {
      let values = Formula.noise(count: 1000, k: k).map { Float($0) }
      try golden.expect(key, ArrayBuffer(values, shape: [1000]), rtol: 1e-7, atol: 1e-7)
    }
  }

  @Test func inputsAndWeightsAreTheSameInBothLanguages() throws {
    let shape = [2, 3, 4]
    try golden.expect("input", ArrayBuffer(Formula.input(shape), shape: shape), rtol: 1e-7)
    let integers = Formula.integers([5, 3], below: 10)
    #expect(integers.allSatisfy { (0..<10).contains($0) })
    try golden.expect("integers", ArrayBuffer(integers.map { Float($0) }, shape: [5, 3]))
    let cases = [
      ("weight conv", "a.weight", [4, 3, 3, 3], 2), ("weight norm", "a.weight", [5], 3),
      ("weight bias", "a.bias", [5], 3), ("weight variance", "a.running_var", [5], 3),
    ]
    for (key, name, shape, k) in cases {
      let values = Formula.weight(name, shape, k: k)
      try golden.expect(key, ArrayBuffer(values, shape: shape), rtol: 1e-7, atol: 1e-8)
    }
  }

  @Test func differencesAreReported() throws {
    #expect(difference(of: [1.1], from: [1.0], rtol: 1e-3)?.contains("1.1, expected 1.0") == true)
    #expect(difference(of: [1.0, .nan], from: [1.0, 2.0])?.hasPrefix("element 1 is nan") == true)
    #expect(difference(of: [1.0], from: [1.0, 2.0]) == "1 elements, expected 2")
    #expect(difference(of: [Double.nan, 1], from: [.nan, 1 + 1e-7]) == nil)
    #expect(throws: Golden.OtherShape.self) {
      try golden.expect("noise", ArrayBuffer([0], shape: [1]))
    }
    #expect(throws: Golden.MissingCase.self) { try golden.expect("no such case", [0]) }
  }
}
