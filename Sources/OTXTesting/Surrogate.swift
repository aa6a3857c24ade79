import Foundation
package import OTXTuning

/// Functions that searches are tried on, of which the best value is known.
package enum Surrogate {
  /// Minimum 0.397887 (Dixon and Szegő, 1978).
  package static func branin(_ values: [String: ParameterValue]) -> Double {
    let (x, y) = (values["x"]?.number ?? 0, values["y"]?.number ?? 0)
    let (b, c, t) = (5.1 / (4 * .pi * .pi), 5 / Double.pi, 1 / (8 * Double.pi))
    return pow(y - b * x * x + c * x - 6, 2) + 10 * (1 - t) * cos(x) + 10
  }

  package static let braninSpace = SearchSpace([
    HyperParameter("x", .uniform(low: -5, high: 10)),
    HyperParameter("y", .uniform(low: 0, high: 15)),
  ])

  private static let alpha = [1.0, 1.2, 3.0, 3.2]
  private static let a = [
    [10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
    [17, 8, 0.05, 10, 0.1, 14],
  ]
  private static let p = [
    [1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
    [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381],
  ]

  /// Minimum -3.32237 (Dixon and Szegő, 1978).
  package static func hartmann6(_ values: [String: ParameterValue]) -> Double {
    let x = (0..<6).map { values["x\($0)"]?.number ?? 0 }
    return -(0..<4).reduce(0.0) { sum, i in
      let inner = (0..<6).reduce(0.0) { $0 + a[i][$1] * pow(x[$1] - Double(p[i][$1]) / 1e4, 2) }
      return sum + alpha[i] * exp(-inner)
    }
  }

  package static let hartmannSpace = SearchSpace(
    (0..<6).map { HyperParameter("x\($0)", .uniform(low: 0, high: 1)) }
  )

  /// An accuracy that grows with epochs: a learning rate that is off, a wrong optimizer and a bad batch
  /// cost some of it, and a low rate takes longer to get there.
  package static func learningCurve(_ values: [String: ParameterValue], epochs: Int) -> Double {
    let rate = values["rate"]?.number ?? 0
    let decay = values["decay"]?.number ?? 0
    let off = pow(log10(rate / 0.02), 2) * 0.05 + pow(log10(decay / 1e-3), 2) * 0.01
    let batch = abs(log2((values["batch"]?.number ?? 0) / 24)) * 0.01
    let word = values["optimizer"] == .text("adamw") ? 0 : 0.02
    return (0.95 - off - batch - word) * (1 - exp(-Double(epochs) * (0.1 + 5 * min(rate, 0.02))))
  }

  package static let curveSpace = SearchSpace([
    HyperParameter("rate", .logUniform(low: 1e-5, high: 1), initial: .number(0.001)),
    HyperParameter("decay", .logUniform(low: 1e-6, high: 0.1), initial: .number(1e-4)),
    HyperParameter("batch", .quantizedUniform(low: 4, high: 128, step: 4)),
    HyperParameter("optimizer", .choice([.text("sgd"), .text("adamw"), .text("adam")])),
  ])

  package static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
