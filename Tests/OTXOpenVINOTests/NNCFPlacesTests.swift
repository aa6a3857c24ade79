import Foundation
import OTXCore
import Testing

@testable import OTXOpenVINO

/// Networks of the zoo are quantised where NNCF 3.4 quantises them (`Tools/goldens/quantization.py`).
@Suite("Places as NNCF's")
struct NNCFPlacesTests {
  private struct Golden: Decodable {
    struct Node: Decodable {
      struct Value: Decodable {
        var element: String
        var shape: [Int]?
      }
      var type: String
      var name: String
      var inputs: [[Int]]
      var outputs: [Value]
      var attributes: [String: String]
    }
    var modelType: String
    var preset: String
    var nodes: [Node]
    /// Names of quantisers, and whether they have a range for each channel.
    var places: [String: Bool]

    var graph: OperationGraph {
      OperationGraph(
        nodes: nodes.map { node in
          OperationGraph.Node(
            type: node.type,
            name: node.name,
            inputs: node.inputs.map { OperationGraph.Source(node: $0[0], port: $0[1]) },
            outputs: node.outputs.map { value in
              OperationGraph.Value(
                elementType: ["f32": .float32, "f16": .float16, "i64": .int64][value.element]
                  ?? .int32,
                shape: value.shape.map { $0.map { $0 < 0 ? nil : $0 } }
              )
            },
            attributes: node.attributes
          )
        }
      )
    }
  }

  static let names: [String] = {
    let folder = Bundle.module.bundleURL.appending(path: "Goldens")
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasPrefix("quantization-") }.sorted()
  }()

  @Test func thereAreSome() { #expect(NNCFPlacesTests.names.count >= 3) }

  @Test(arguments: names) func areTheSame(_ file: String) throws {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/\(file)")
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
    var choices = QuantizationPlan.Choices()
    choices.isTransformer = golden.modelType == "transformer"
    choices.isSymmetric = golden.preset != "mixed" && !choices.isTransformer
    let graph = golden.graph
    let plan = QuantizationPlan(graph, choices)
    var places: [String: Bool] = [:]
    for activation in plan.activations {
      let name =
        switch activation.place {
        case .output(let node, let port): "\(graph.nodes[node].name)/fq_output_\(port)"
        case .input(let node, let port): "\(graph.nodes[node].name)/fq_input_\(port)"
        }
      places[name] = activation.choice.isPerChannel
    }
    // Weights that several layers share are quantised once, for the first of them.
    var shared: Set<OperationGraph.Source> = []
    for weight in plan.weights
    where shared.insert(graph.nodes[weight.node].inputs[weight.input]).inserted {
      places["\(graph.nodes[weight.node].name)/fq_weights_\(weight.input)"] = false
    }
    #expect(Set(places.keys).subtracting(golden.places.keys).sorted() == [])
    #expect(Set(golden.places.keys).subtracting(places.keys).sorted() == [])
    for (name, isPerChannel) in places {
      #expect(golden.places[name] == isPerChannel, "\(name)")
    }
  }
}
