import Foundation
import OTXCore
import OTXNN
import OTXOpenVINO
import OTXTensor
import OTXTesting
import Testing

@testable import OTXModels

extension Models {
  /// TorchScript files as networks.
  @Suite struct Scripted {
    private let size = ImageSize(height: 32, width: 32)

    private func info() -> ModelInfo {
      modelInfo(.torchScript(.multiClassClassification), labelCount: 3, size: size)
    }

    /// A small network with normalisation, in-place operations, a condition on a rank, a loop and a
    /// list that grows.
    private func script(_ body: String = "", outputs: Int = 3) throws -> Script {
      let source = """
        def forward(self, x: Tensor) -> Tensor:
          y = torch.conv2d(x, self.stem.weight, None, [2, 2], [1, 1])
          y = torch.batch_norm(y, self.norm.weight, self.norm.bias, self.norm.running_mean,
                               self.norm.running_var, self.training, 0.1, 1e-05, True)
          torch.relu_(y)
          parts = [y]
          for i in range(2):
            z = torch.conv2d(torch.cat(parts, 1), self.body.weight, None, [1, 1], [1, 1])
            z.add_(y)
            parts = [torch.relu(z)]
          parts.append(y)
          if len(x.size()) == 4:
            y = torch.cat(parts, 1).mean([2, 3])
          else:
            y = y * 2
        \(body)
          return torch.linear(y.reshape([x.size(0), -1]), self.head.weight, self.head.bias)
        """
      return try Script(
        source: source,
        [
          weight("stem.weight", [8, 3, 3, 3]), weight("norm.weight", [8]), weight("norm.bias", [8]),
          .init("norm.running_mean", try Tensor.zeros([8]), isParameter: false),
          .init("norm.running_var", try Tensor.ones([8]), isParameter: false),
          weight("body.weight", [8, 8, 3, 3]), weight("head.weight", [outputs, 16]),
          weight("head.bias", [outputs]),
        ]
      )
    }

    private func weight(_ name: String, _ shape: [Int]) throws -> Script.Entry {
      let value = try Tensor(Formula.weight(name, shape, k: shape.count), shape: shape)
      return .init(name, try value.requiresGrad_())
    }

    private func network(_ script: Script) throws -> ScriptedNetwork {
      try ScriptedNetwork(script.data(), of: "net.pt")
    }

    private func images(_ count: Int, k: Int = 7) throws -> Tensor {
      let shape = [count, 3, size.height, size.width]
      return try Tensor(Formula.input(shape, k: k), shape: shape)
    }

    @Test func weightsHaveTheirNames() throws {
      let network = try network(try script())
      #expect(
        network.stateDictionary().map(\.name) == [
          "stem.weight", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
          "body.weight", "head.weight", "head.bias",
        ]
      )
      #expect(network.parameters().count == 6)
      #expect(network.parameters().allSatisfy { $0.parameter.isTrainable })
      #expect(network.buffers().map(\.name) == ["norm.running_mean", "norm.running_var"])
      try network.verify(for: info(), outputCount: info().labels.count, of: "net.pt")
    }

    @Test func learns() throws {
      let model = ImageClassifier(network: try network(try script()))
      try model.module.useChannelsLast()
      let batch = try classificationBatch([0, 1, 2, 0], size: size)
      let optimizer = SGD([ParameterGroup(model.module.parameters())], momentum: 0.9)
      let before = try model.module.buffers()[0].buffer.value.floats()
      var losses: [Double] = []
      for _ in 0..<12 {
        try optimizer.zeroGradients()
        let loss = try model.loss(images(4), batch).total()
        try loss.backward()
        for (name, parameter) in model.module.parameters() {
          #expect(try parameter.value.grad != nil, "\(name) has no gradient")
        }
        try optimizer.step(learningRate: 0.1)
        losses.append(try loss.item())
      }
      #expect(losses[11] < 0.9 * losses[0])
      // Running statistics are the module's own work, in training alone.
      let moved = try model.module.buffers()[0].buffer.value.floats()
      #expect(moved != before)
      model.module.setTraining(false)
      let first = try noGrad { try model.outputs(images(4))[0].doubles }
      #expect(try noGrad { try model.outputs(images(4))[0].doubles } == first)
      #expect(try model.module.buffers()[0].buffer.value.floats() == moved)
    }

    @Test func withoutWeightsAFileIsSmallAndFillsFromAStateDictionary() throws {
      let network = try network(try script())
      let state = try network.stateDictionary().map { ($0.name, try $0.value.clone()) }
      let bare = try network.scriptData()
      let whole = try network.script.data()
      #expect(bare.count < whole.count)
      let again = try ScriptedNetwork(bare, of: "weights.pth")
      #expect(again.parameters().allSatisfy { $0.parameter.isTrainable })
      try again.loadStateDictionary(state)
      network.setTraining(false)
      again.setTraining(false)
      let expected = try noGrad { try network.logits(images(2)).floats() }
      #expect(try noGrad { try again.logits(images(2)).floats() } == expected)
    }

    @Test func openVINOAgrees() throws {
      let model = ImageClassifier(network: try network(try script()))
      model.module.setTraining(false)
      let graph = try recorded(model)
      let constants = graph.nodes.filter { $0.constant != nil }.flatMap(\.outputs)
        .map { graph.values[$0].name }
      for (name, _) in model.module.stateDictionary() {
        #expect(constants.contains(name), "\(name) is no weight of the graph")
      }
      #expect(graph.frozenConstants.isEmpty)
      let compiled = try OpenVINOModel(compiling: graph)
      for batch in [1, 2, 5] {
        let images = try images(batch, k: 30 + batch)
        let expected = try noGrad { try model.outputs(images)[0].doubles }
        let outputs = try compiled.run([images.arrayBuffer()])
        let found = try #require(outputs["logits"])
        #expect(found.shape == [batch, 3])
        expectClose(found.values.map(Double.init), expected, rtol: 1e-4, atol: 1e-4, "\(batch)")
      }
    }

    private func recorded(_ model: ImageClassifier) throws -> OperatorGraph {
      let images = try images(2)
      return try noGrad {
        try record(inputs: [("image", images)], parameters: model.module.stateDictionary()) {
          try model.outputs(images).map { ($0.name, $0.value) }
        }
      }
    }

    @Test(arguments: [
      ("  if bool(y.sum() > 0):\n    y = y * 2", "a condition depends on what is in the pictures"),
      ("  if x.size(0) > 2:\n    y = y * 2", "a condition depends on what is in the pictures"),
      ("  for i in range(x.size(0)):\n    y = y * 2", "the number of rounds of a loop"),
      ("  y = y + torch.rand_like(y)", "random numbers"),
      ("  y[0] = 1.0", "it writes into"),
    ])
    func whatNoGraphCanHoldIsRefused(body: String, reason: String) throws {
      let network = try network(try script(body))
      network.setTraining(false)
      let error = #expect(throws: TensorError.self) {
        try self.recorded(ImageClassifier(network: network))
      }
      let text = error?.description ?? ""
      #expect(text.contains(reason), "\(text)")
      #expect(text.contains("`"), "no place in the source: \(text)")
    }

    @Test func bakesNoBatchSize() throws {
      let body = "  y = y.view([x.size(0) * 2, -1]).view([x.size(0), y.size(1)])"
      let model = ImageClassifier(network: try network(try script(body)))
      model.module.setTraining(false)
      let compiled = try OpenVINOModel(compiling: try recorded(model))
      let images = try images(3)
      let expected = try noGrad { try model.outputs(images)[0].doubles }
      let outputs = try compiled.run([images.arrayBuffer()])
      let found = try #require(outputs["logits"])
      expectClose(found.values.map(Double.init), expected, rtol: 1e-4, atol: 1e-4)
    }

    // MARK: - What is wrong with a file

    private func refusal(
      _ script: Script,
      _ words: [String],
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let data = try script.data()
      let error = #expect(throws: ModelError.self, sourceLocation: sourceLocation) {
        try ScriptedNetwork(data, of: "net.pt").verify(
          for: self.info(),
          outputCount: self.info().labels.count,
          of: "net.pt"
        )
      }
      let text = error?.description ?? ""
      for word in ["net.pt"] + words {
        #expect(text.contains(word), "\(text)", sourceLocation: sourceLocation)
      }
    }

    @Test func anotherNumberOfOutputs() throws {
      for count in [2, 4] {
        try refusal(
          try script(outputs: count),
          [
            "answers with \(count) values", "3 labels (label0, label1, label2)", "net.head",
            "(16, 3)",
          ]
        )
      }
    }

    @Test func otherInputsAndAnswers() throws {
      let entry = try weight("w", [3, 3])
      func module(_ source: String) throws -> Script { try Script(source: source, [entry]) }
      try refusal(
        try module(
          """
          def forward(self, x: Tensor) -> Tensor:
            return torch.linear(x.view([-1, 3, 784]).mean([2]), self.w)
          """
        ),
        ["does not run on pictures of 32x32", "--input-size"]
      )
      try refusal(
        try module("def forward(self, x: Tensor) -> Tensor:\n  return x * self.w.sum()"),
        ["[2, 3, 32, 32]", "[2, K]"]
      )
      try refusal(
        try module(
          """
          def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
            y = torch.linear(x.mean([2, 3]), self.w)
            return (y, y)
          """
        ),
        ["2 parts are tensors", "logits"]
      )
      for arguments in ["x: Tensor, y: Tensor", "x: Dict[str, Tensor]", "x: int"] {
        let data = try? module(
          "def forward(self, \(arguments)) -> Tensor:\n  return self.w"
        ).data()
        #expect(data == nil, "\(arguments)")
      }
    }

    @Test func answersThatAreClear() throws {
      let entry = try weight("w", [3, 3])
      let sources = [
        """
        def forward(self, x: Tensor) -> Dict[str, Tensor]:
          y = torch.linear(x.mean([2, 3]), self.w)
          return {"logits": y, "features": x}
        """,
        """
        def forward(self, x: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
          return (torch.linear(x.mean([2, 3]), self.w), None)
        """,
      ]
      for source in sources {
        let network = try network(try Script(source: source, [entry]))
        try network.verify(for: info(), outputCount: info().labels.count, of: "net.pt")
        let model = ImageClassifier(network: network)
        let compiled = try OpenVINOModel(compiling: try recorded(model))
        let images = try images(3)
        let expected = try noGrad { try model.outputs(images)[0].doubles }
        let outputs = try compiled.run([images.arrayBuffer()])
        let found = try #require(outputs["logits"])
        expectClose(found.values.map(Double.init), expected, rtol: 1e-4, atol: 1e-4)
      }
    }

    @Test func weightsThatAreNone() throws {
      let broken = try script()
      let names = try broken.entries().map(\.name)
      let index = try #require(names.firstIndex(of: "norm.bias"))
      try broken.set(index, to: Tensor([0, 0, .nan, 0, 0, 0, 0, 0] as [Float]).requiresGrad_())
      try refusal(broken, ["norm.bias", "NaN"])

      let frozen = try script()
      for (index, entry) in try frozen.entries().enumerated() {
        try frozen.set(index, to: try entry.value.detach())
      }
      try refusal(frozen, ["requires_grad"])
      try refusal(
        try Script(source: "def forward(self, x: Tensor) -> Tensor:\n  return x.mean([2])", []),
        ["no parameters"]
      )
    }

    @Test func bytesThatAreNoModule() throws {
      let data = try script().data()
      for bytes in [Data(), Data("PK".utf8), data.prefix(data.count / 2), Data(count: 4096)] {
        let error = #expect(throws: ModelError.self) { try ScriptedNetwork(bytes, of: "net.pt") }
        #expect(error?.description.contains("net.pt") == true)
      }
    }

    @Test func halfPrecisionBecomesSingle() throws {
      let half = try script()
      for (index, entry) in try half.entries().enumerated() where entry.isParameter {
        try half.set(index, to: try entry.value.detach().to(.float16).requiresGrad_())
      }
      let network = try network(half)
      #expect(network.stateDictionary().allSatisfy { $0.value.dtype == .float32 })
      try network.verify(for: info(), outputCount: info().labels.count, of: "net.pt")
    }

    @Test func oneWeightUnderTwoNamesStaysOne() throws {
      let shared = try weight("first.weight", [3, 3])
      let script = try Script(
        source: """
          def forward(self, x: Tensor) -> Tensor:
            return torch.linear(torch.linear(x.mean([2, 3]), self.first.weight), self.second.weight)
          """,
        [shared, .init("second.weight", shared.value)]
      )
      let network = try network(script)
      #expect(network.parameters().map(\.name) == ["first.weight"])
      #expect(network.stateDictionary().map(\.name) == ["first.weight", "second.weight"])
      let again = try ScriptedNetwork(network.scriptData(), of: "weights.pth")
      #expect(again.parameters().map(\.name) == ["first.weight"])
    }
  }
}
