import Foundation
import OTXCore
import OTXNN
import OTXTensor
import OTXTesting
import Testing

/// The same seed gives the weights that PyTorch draws.
///
/// libtorch's generator is one for the whole process, so each test draws in a process of its own.
@Suite struct InitializationTests {
  @Test func layersStartAsPyTorchs() async {
    await #expect(processExitsWith: .success) {
      let golden = try Golden("initialization", in: .module)
      func check(_ name: String, _ make: () throws -> any Layer) throws {
        try Torch.seed(3)
        for (path, parameter) in try make().parameters() {
          try golden.expect("\(name)/\(path)", parameter.value, rtol: 1e-6, atol: 1e-7)
        }
      }
      try check("conv2d") { try Conv2d(4, 6, kernelSize: 3) }
      try check("conv2d grouped") { try Conv2d(4, 8, kernelSize: 3, groups: 2) }
      try check("linear") { try Linear(7, 5) }
      try check("conv transpose") { try ConvTranspose2d(4, 6, kernelSize: 3) }
      try check("attention") { try MultiheadAttention(8, headCount: 2) }
      try check("embedding") { try Embedding(5, 4) }
      try check("sequential") {
        Sequential(
          try Conv2d(4, 6, kernelSize: 3),
          try BatchNorm2d(6),
          try Conv2d(6, 2, kernelSize: 1)
        )
      }
    }
  }

  @Test func rulesDrawAsPyTorchs() async {
    await #expect(processExitsWith: .success) {
      let golden = try Golden("initialization", in: .module)
      func check(_ name: String, _ rule: Initialization) throws {
        let parameter = try Parameter(.zeros([6, 4, 3, 3]))
        try Torch.seed(3)
        try rule.apply(to: parameter)
        try golden.expect(name, parameter.value, rtol: 1e-6, atol: 1e-7)
        #expect(parameter.isTrainable)
      }
      try check("kaiming normal", .kaimingNormal(fan: .out))
      try check("kaiming uniform", .kaimingUniform(negativeSlope: 1))
      try check("xavier uniform", .xavierUniform)
      try check("xavier normal", .xavierNormal)
      try check("normal", .normal(mean: 0.5, standardDeviation: 0.01))
      try check("uniform", .uniform(from: -0.5, to: 0.25))
      for (name, mode) in [("row", StochasticDepth.Mode.row), ("batch", .batch)] {
        try Torch.seed(3)
        let kept = try StochasticDepth(0.4, mode: mode)(Tensor.ones([8, 2, 1, 1]))
        try golden.expect("stochastic depth \(name)", kept)
      }
    }
  }

  @Test func constantsAreConstant() throws {
    let parameter = try Parameter(.zeros([3]))
    try Initialization.constant(0.5).apply(to: parameter)
    #expect(try parameter.value.floats() == [0.5, 0.5, 0.5])
  }
}
