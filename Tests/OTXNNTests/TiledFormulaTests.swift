import OTXTesting
import Testing

/// Quickly filled weights are noise that begins elsewhere in each entry and repeats.
@Suite struct TiledFormulaTests {
  @Test func repeatsAfterItsPeriod() throws {
    var formula = TiledFormula()
    let noise = Formula.noise(count: 65_521, k: 0)
    let long = try #require(formula.weight("a.weight", [2, 40_000], k: 1).doubles())
    #expect(long.count == 80_000)
    let scale = (3.0 / 40_000).squareRoot()
    for index in [0, 1, 57_601, 57_602, 65_520, 65_521, 79_999] {
      #expect(long[index] == Double(Float(scale * noise[(index + 7919) % 65_521])))
    }
    let norm = try #require(formula.weight("bn.weight", [3], k: 0).doubles())
    #expect(norm == noise.prefix(3).map { Double(Float(1 + 0.1 * $0)) })
    let bias = try #require(formula.weight("bn.bias", [2], k: 2).doubles())
    #expect(bias == noise[15_838..<15_840].map { Double(Float(0.1 * $0)) })
  }
}
