import OTXCore
import Testing

@testable import OTXOpenVINO

/// Where quantisers stand in small graphs; the places are NNCF 3.4's.
@Suite("Places of quantisers")
struct QuantizationPlanTests {
  /// A graph written line by line: `name = Type(inputs)`.
  private struct Writer {
    var nodes: [OperationGraph.Node] = []

    mutating func add(
      _ type: String,
      _ name: String,
      _ inputs: [Int] = [],
      shape: [Int?] = [nil, 8, 4, 4],
      element: ElementType = .float32
    ) -> Int {
      nodes.append(
        OperationGraph.Node(
          type: type,
          name: name,
          inputs: inputs.map { OperationGraph.Source(node: $0, port: 0) },
          outputs: type == "Result"
            ? [] : [OperationGraph.Value(elementType: element, shape: shape)]
        )
      )
      return nodes.count - 1
    }

    /// A convolution with weights and a bias.
    mutating func convolution(_ name: String, _ input: Int, depthwise: Bool = false) -> Int {
      let weights = add(
        "Constant",
        "\(name).w",
        shape: depthwise ? [8, 1, 1, 3, 3] : [8, 8, 3, 3]
      )
      let made = add(depthwise ? "GroupConvolution" : "Convolution", name, [input, weights])
      let bias = add("Constant", "\(name).b", shape: [1, 8, 1, 1])
      return add("Add", "\(name).add", [made, bias])
    }

    var graph: OperationGraph { OperationGraph(nodes: nodes) }
  }

  private func places(
    _ writer: Writer,
    _ choices: QuantizationPlan.Choices = .init()
  ) -> [String] {
    let graph = writer.graph
    return QuantizationPlan(graph, choices).activations.map { activation in
      let channel = activation.choice.isPerChannel ? " by channel" : ""
      switch activation.place {
      case .output(let node, _): return graph.nodes[node].name + channel
      case .input(let node, let port): return "\(graph.nodes[node].name):\(port)\(channel)"
      }
    }
  }

  @Test func theyClimbToWhatMakesTheValues() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let a = writer.convolution("a", x)
    let relu = writer.add("Relu", "relu", [a])
    let pool = writer.add("MaxPool", "pool", [relu])
    let b = writer.convolution("b", pool)
    _ = writer.add("Result", "y", [b])
    #expect(places(writer) == ["x", "relu"])
    let plan = QuantizationPlan(writer.graph, .init())
    #expect(plan.weights.map { writer.nodes[$0.node].name } == ["a", "b"])
    #expect(plan.halfRange.map { writer.nodes[$0].name } == ["a"])
  }

  @Test func branchesShareOne() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let relu = writer.add("Relu", "relu", [writer.convolution("a", x)])
    let left = writer.convolution("left", relu)
    let sum = writer.add("Add", "sum", [left, relu])
    _ = writer.add("Result", "y", [writer.convolution("end", sum)])
    // The sum's other input is the layer's own output.
    #expect(places(writer) == ["x", "relu", "left.add", "sum"])
  }

  @Test func aBranchToAnOutputStaysReal() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let relu = writer.add("Relu", "relu", [writer.convolution("a", x)])
    _ = writer.add("Result", "y", [writer.convolution("b", relu)])
    _ = writer.add("Result", "z", [relu])
    #expect(places(writer) == ["x", "b:0"])
  }

  @Test func depthwiseConvolutionsHaveARangeForEachChannel() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let relu = writer.add("Relu", "relu", [writer.convolution("a", x)])
    let deep = writer.convolution("deep", relu, depthwise: true)
    _ = writer.add("Result", "y", [writer.convolution("b", deep)])
    #expect(places(writer) == ["x", "relu by channel", "deep.add"])
  }

  @Test func concatenatedValuesShareARange() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let a = writer.add("Relu", "a.relu", [writer.convolution("a", x)])
    let b = writer.add("Relu", "b.relu", [writer.convolution("b", x)])
    let both = writer.add("Concat", "both", [a, b])
    _ = writer.add("Result", "y", [writer.convolution("end", both)])
    #expect(places(writer) == ["x", "a.relu", "b.relu"])
    let groups = QuantizationPlan(writer.graph, .init()).activations.map(\.scaleGroup)
    #expect(groups[0] == nil && groups[1] != nil && groups[1] == groups[2])
  }

  @Test func layersThatWeighChannelsStayReal() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let start = writer.add("Swish", "start", [writer.convolution("a", x)])
    let mean = writer.add("ReduceMean", "mean", [start])
    let down = writer.add("Relu", "down.relu", [writer.convolution("down", mean)])
    let up = writer.add("Sigmoid", "up.sigmoid", [writer.convolution("up", down)])
    let scaled = writer.add("Multiply", "scaled", [start, up])
    _ = writer.add("Result", "y", [writer.convolution("end", scaled)])
    let plan = QuantizationPlan(writer.graph, .init())
    #expect(plan.weights.map { writer.nodes[$0.node].name } == ["a", "end"])
    #expect(places(writer).contains("scaled"))
    #expect(!places(writer).contains("mean"))
  }

  @Test func postprocessingStaysReal() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let scores = writer.convolution("scores", x)
    let other = writer.add("Multiply", "other", [scores, scores])
    let best = writer.add("TopK", "best", [other])
    _ = writer.add("Result", "y", [best])
    #expect(places(writer) == ["x"])
  }

  @Test func whatTheUserNamesIsLeftOut() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let a = writer.add("Relu", "relu", [writer.convolution("a", x)])
    _ = writer.add("Result", "y", [writer.convolution("b", a)])
    var choices = QuantizationPlan.Choices()
    choices.leftOut = [writer.nodes.firstIndex { $0.name == "b" } ?? 0]
    let plan = QuantizationPlan(writer.graph, choices)
    #expect(plan.weights.map { writer.nodes[$0.node].name } == ["a"])
    #expect(places(writer, choices) == ["x"])
  }

  @Test func shapesAndWholeNumbersStayAsTheyAre() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let a = writer.add("Relu", "relu", [writer.convolution("a", x)])
    let shape = writer.add("ShapeOf", "shape", [a], shape: [4], element: .int64)
    let doubled = writer.add("Add", "doubled", [shape, shape], shape: [4], element: .int64)
    let flat = writer.add("Reshape", "flat", [a, doubled])
    let weights = writer.add("Constant", "w", shape: [3, 128])
    _ = writer.add("Result", "y", [writer.add("MatMul", "end", [flat, weights])])
    #expect(places(writer) == ["x", "relu"])
  }

  @Test func inTransformersSumsStayReal() {
    var writer = Writer()
    let x = writer.add("Parameter", "x")
    let relu = writer.add("Relu", "relu", [writer.convolution("a", x)])
    let sum = writer.add("Add", "sum", [writer.convolution("b", relu), relu])
    _ = writer.add("Result", "y", [writer.convolution("c", sum)])
    var choices = QuantizationPlan.Choices()
    choices.isTransformer = true
    choices.isSymmetric = false
    #expect(!places(writer, choices).contains("b.add"))
    #expect(places(writer).contains("b.add"))
  }

  @Test(arguments: OperatorTraits.elementwise.sorted())
  func whatComputesOnTwoValuesIsQuantised(_ type: String) {
    #expect(OperatorTraits.trait(of: type) == .quantizesInputs)
  }

  @Test func activationsAreNot() {
    for type in OperatorTraits.activations {
      #expect(OperatorTraits.trait(of: type) == .real, "\(type)")
    }
    #expect(OperatorTraits.trait(of: "Slice") == .real)
    #expect(OperatorTraits.trait(of: "Gelu") == .real)
    #expect(OperatorTraits.trait(of: "Transpose") == .passesThrough)
  }
}
