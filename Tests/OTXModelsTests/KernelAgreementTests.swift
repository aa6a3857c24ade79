import OTXCore
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// A training step by our own kernels is the one by libtorch's, loss and gradients.
  @Suite struct KernelAgreement {
    private func step(_ name: String, own: Bool) throws -> (loss: Double, gradients: [[Float]]) {
      try Torch.setOwnKernels(own)
      defer { try? Torch.setOwnKernels(true) }
      let subject = try Subject(name)
      let loss = try subject.firstLoss().item()
      let gradients = try subject.gradients().map { bytes in
        bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      }
      return (loss, gradients)
    }

    @Test(arguments: ["atss_mobilenetv2"]) func aStepIsTheSame(name: String) throws {
      let mine = try step(name, own: true)
      let theirs = try step(name, own: false)
      expectClose(mine.loss, theirs.loss, rtol: 1e-5, atol: 0)
      #expect(mine.gradients.count == theirs.gradients.count)
      for (index, pair) in zip(mine.gradients, theirs.gradients).enumerated() {
        let norm = pair.1.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        let distance = zip(pair.0, pair.1).reduce(0) {
          $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1)
        }.squareRoot()
        // Rounding moves a few values across the corners of activations: two instruction sets of our
        // own differ by half a percent too.
        #expect(distance <= 0.03 * norm + 1e-6, "gradient \(index)")
      }
    }
  }
}
