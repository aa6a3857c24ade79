import Foundation

/// Probabilities of `logits`: `exp(x - max) / sum`, in the order given.
public func softmax(_ logits: some Collection<Float>) -> [Float] {
  guard let largest = logits.max() else { return [] }
  let exponentials = logits.map { exp($0 - largest) }
  let sum = exponentials.reduce(0, +)
  return exponentials.map { $0 / sum }
}
