import Foundation
import OTXCore
import OTXNN
import OTXONNX
import OTXOpenVINO
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// Saliency maps are those that changing one place after the other gives.
  @Suite struct Explanations {
    private let size = ImageSize(height: 64, width: 96)

    private func images(_ size: ImageSize, _ count: Int = 2) throws -> Tensor {
      let shape = [count, 3, size.height, size.width]
      return try Tensor(Formula.input(shape, k: 77), shape: shape)
    }

    private func network(_ name: String, _ size: ImageSize) throws -> any ImageClassifierNetwork {
      let entry = try #require(ModelZoo.backbones.first { $0.name == name })
      let network = try #require(try entry.makeClassifier(labelCount: 3, for: size))
      network.setTraining(false)
      return network
    }

    /// Every other cell of the features is set to zero, and the head looks at what is left.
    @Test(arguments: [
      "resnet18", "mobilenet_v3_large", "mobilenetv4_conv_small", "shufflenet_v2_x0_5",
    ])
    func reciproCAMIsMaskingCells(name: String) throws {
      let network = try #require(try network(name, size) as? any PooledClassifier)
      let images = try images(size)
      try noGrad {
        let features = try network.lastFeatures(images)
        let (rows, columns) = (features.size(2), features.size(3))
        var scores: [Tensor] = []
        for cell in 0..<rows * columns {
          var mask = [Float](repeating: 0, count: rows * columns)
          mask[cell] = 1
          let masked = try features * Tensor(mask, shape: [1, 1, rows, columns])
          scores.append(try network.logits(ofMeans: masked.adaptiveAvgPool2d(1)))
        }
        let direct = try Tensor.stack(scores, dim: -1).unflatten(dim: -1, [rows, columns])
        let explanation = try network.explanation(images, .auto)
        try expectMaps(explanation.maps, direct)
        expectClose(
          try NamedTensor("", explanation.logits).doubles,
          try NamedTensor("", network.logits(images)).doubles,
          rtol: 1e-4,
          atol: 1e-5
        )
        #expect(explanation.features.shape == [2, features.size(1)])
        let activation = try network.explanation(images, .activationMap).maps
        #expect(activation.shape == [2, rows, columns])
      }
    }

    /// The last block runs once for each patch, on tokens that are masked after its first norm.
    @Test(arguments: ["vit_tiny", "dinov2_small_reg"])
    func transformersAreMaskedPatchByPatch(name: String) throws {
      let patch = name == "vit_tiny" ? 16 : 14
      let size = ImageSize(height: 2 * patch, width: 3 * patch)
      let network = try #require(try network(name, size) as? VisionTransformer)
      let images = try images(size)
      try noGrad {
        let last = try #require(network.blocks.last)
        let head = try #require(network.head)
        let tokens = try network.tokens(images, blockCount: network.blocks.count - 1)
        let prefix = 1 + network.configuration.registerCount
        let weights: [Float] = [0.25, 0.5, 0.25]
        var scores: [Tensor] = []
        for row in 0..<2 {
          for column in 0..<3 {
            var mask = [Float](repeating: 0, count: prefix + 6)
            mask[0] = 1
            for y in 0..<2 where abs(y - row) < 2 {
              for x in 0..<3 where abs(x - column) < 2 {
                mask[prefix + 3 * y + x] = weights[y - row + 1] * weights[x - column + 1]
              }
            }
            let seen = try last.norm1(tokens) * Tensor(mask, shape: [1, prefix + 6, 1])
            let branch = try last.attention(seen).select(dim: 1, 0)
            var x = try tokens.select(dim: 1, 0) + (last.scale1?(branch) ?? branch)
            let second = try last.mlp(last.norm2(x))
            x = try x + (last.scale2?(second) ?? second)
            scores.append(try head(network.normalization(x)))
          }
        }
        let direct = try Tensor.stack(scores, dim: -1).unflatten(dim: -1, [2, 3])
        let explanation = try network.explanation(images, .auto)
        try expectMaps(explanation.maps, direct)
        expectClose(
          try NamedTensor("", explanation.logits).doubles,
          try NamedTensor("", network.logits(images)).doubles,
          rtol: 1e-4,
          atol: 1e-5
        )
      }
    }

    private func expectMaps(_ found: Tensor, _ direct: Tensor) throws {
      #expect(found.shape == direct.shape)
      let values = try NamedTensor("", direct).doubles
      let range = try #require(values.max()) - (try #require(values.min()))
      expectClose(try NamedTensor("", found).doubles, values, rtol: 1e-4, atol: 1e-4 * range)
    }

    /// What `Tools/goldens/explain.py` wrote of one network.
    private struct Golden: Decodable {
      var shape: [Int]
      var maps: [Double]
      var activation: [Double]?
      var features: [Double]?
    }

    /// Python OTX cuts maps off to whole numbers, here they are rounded: one level apart at most.
    @Test(arguments: ["resnet18", "mobilenet_v3_large", "vit_tiny"])
    func mapsArePythonOTXs(name: String) throws {
      let url = Bundle.module.bundleURL.appending(path: "Goldens/explain.json")
      let golden = try #require(
        try JSONDecoder().decode([String: Golden].self, from: Data(contentsOf: url))[name]
      )
      let size = ImageSize(height: golden.shape[2], width: golden.shape[3])
      let network = try network(name, size)
      try network.fillByFormula()
      try noGrad {
        let images = try images(size, golden.shape[0])
        func numbers(_ maps: Tensor) throws -> [Double] {
          try NamedTensor("", try scaledMaps(maps)).doubles
        }
        let found = try network.explanation(images, .auto)
        expectClose(try numbers(found.maps), golden.maps, rtol: 0, atol: 1)
        if let features = golden.features {
          let own = try NamedTensor("", found.features).doubles.prefix(features.count)
          expectClose(Array(own), features, rtol: 1e-3, atol: 1e-4)
        }
        if let activation = golden.activation {
          let maps = try network.explanation(images, .activationMap).maps
          expectClose(try numbers(maps), activation, rtol: 0, atol: 1)
        }
      }
    }

    /// Of each level the best anchor of a cell, of the levels the best.
    @Test func detectorsGiveProbabilities() throws {
      let subject = try Subject("ssd_mobilenetv2")
      try subject.use(labelCount: 2) { model in
        try subject.tellApart(model)
        model.module.setTraining(false)
        let ssd = try #require(model as? SSD)
        try noGrad {
          let images = try self.images(self.size)
          let scores = try ssd.rawOutputs(images)["scores"].value
          var start = 0
          var levels: [Tensor] = []
          for (rows, columns, count) in [(4, 6, 4), (2, 3, 5)] {
            var best: [Tensor] = []
            for cell in 0..<rows * columns {
              let anchors = try scores.narrow(dim: 1, start: start + cell * count, length: count)
              best.append(try anchors.max(dim: 1).values)
            }
            start += rows * columns * count
            let map = try Tensor.stack(best, dim: -1).unflatten(dim: -1, [rows, columns])
            levels.append(try map.upsampleBilinear(size: Size2D(height: 4, width: 6)))
          }
          #expect(start == scores.size(1))
          let direct = try scaledMaps(levels[0].maximum(levels[1])).to(.float32)
          let outputs = try ssd.explainedOutputs(images, method: .auto)
          let found = try outputs[ExplainOutput.saliencyMap].value
          #expect(found.dtype == .uint8)
          expectClose(
            try NamedTensor("", found).doubles,
            try NamedTensor("", direct).doubles,
            rtol: 0,
            atol: 1
          )
          #expect(try outputs[ExplainOutput.featureVector].value.rank == 2)
        }
      }
    }

    @Test func mapsGoFromTheirLeastToTheirMost() throws {
      let maps = try Tensor([Float(1), 2, 3, 5, 7, 7, 7, 7], shape: [1, 2, 2, 2])
      let scaled = try scaledMaps(maps)
      #expect(try scaled.to(.float32).floats() == [0, 64, 128, 255, 0, 0, 0, 0])
    }

    /// Explanations are exported like every other output.
    @Test(arguments: ModelContract.names) func areExported(name: String) throws {
      let subject = try Subject(name)
      try subject.use(labelCount: 2) { model in
        try subject.tellApart(model)
        model.module.setTraining(false)
        try expectExported(model, subject.descriptor)
      }
    }

    private func expectExported(
      _ model: any TaskModel,
      _ descriptor: ModelDescriptor
    ) throws {
      let explainable = try #require(model as? any ExplainableModel)
      let recorded = try images(ModelContract.size)
      let graph = try noGrad {
        try record(inputs: [("image", recorded)], parameters: model.module.stateDictionary()) {
          try explainable.explainedOutputs(recorded, method: .auto).map { ($0.name, $0.value) }
        }
      }
      let folder = try TemporaryFolder()
      let info = modelInfo(descriptor, labelCount: 2, size: ModelContract.size)
      let files = try ONNXExporter().export(graph: graph, info: info, to: folder.url)
      let images = try images(ModelContract.size, 3)
      let expected = try noGrad { try explainable.explainedOutputs(images, method: .auto) }
      for exported in [
        try OpenVINOModel(compiling: graph), try OpenVINOModel(reading: files[0]),
      ] {
        let found = try exported.run([images.arrayBuffer()])
        for name in [ExplainOutput.saliencyMap, ExplainOutput.featureVector] {
          let output = try #require(found[name])
          let wanted = try expected[name]
          #expect(output.shape == wanted.value.shape)
          let differences = zip(output.values, try wanted.doubles).map { abs(Double($0) - $1) }
          let mean = differences.reduce(0, +) / Double(differences.count)
          let largest = try wanted.doubles.map(abs).max() ?? 0
          #expect(
            mean <= (name == ExplainOutput.saliencyMap ? 2 : 1e-4 * largest + 1e-6),
            "\(name)"
          )
        }
      }
    }
  }
}
