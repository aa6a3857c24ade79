import ArgumentParser
import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor
import OTXTesting

/// How near the zoo's backbones are to the published networks.
struct Parity: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "parity",
    abstract: "Compares every backbone with what PyTorch computed: names, logits, gradients.",
    discussion: """
      Weights and pictures are filled by a formula, the numbers come from Tools/goldens/backbones.py. \
      Fails where a difference is above the limit.
      """
  )

  @ArgumentParser.Argument(help: "Backbones; all unless given.")
  var names: [String] = []
  @Option(help: "The folder with the published networks' numbers.")
  var goldens = "Tests/OTXModelsTests/Goldens/backbones"
  @Option(help: "The largest relative difference of logits and of gradients' norms.")
  var limit = 1e-4

  func run() throws {
    let known = ModelZoo.backbones
    for name in names where !known.contains(where: { $0.name == name }) {
      throw ConfigurationError.unknownName(name, kind: "backbone", known: known.map(\.name))
    }
    let width = (known.map(\.name.count).max() ?? 0) + 2
    print(
      "backbone".padded(to: width) + "parameters".padded(to: 14) + "names".padded(to: 8)
        + "logits".padded(to: 11) + "gradients"
    )
    var failed: [String] = []
    for entry in known where names.isEmpty || names.contains(entry.name) {
      let row = try Row(entry, BackboneGolden(of: entry.name, in: URL(filePath: goldens)))
      print(entry.name.padded(to: width) + row.text)
      if !row.isWithin(limit) { failed.append(entry.name) }
    }
    guard failed.isEmpty else {
      print("differences above \(limit) or other names: \(failed.joined(separator: ", "))")
      throw ExitCode.failure
    }
  }

  /// One network's comparison.
  private struct Row {
    var parameterCount: Int
    /// Where names or shapes differ.
    var difference: String?
    /// `nil` where the golden has structure only.
    var logits: Double?
    var gradients: (value: Double, name: String)?

    init(_ entry: BackboneEntry, _ golden: BackboneGolden) throws {
      let published = try Row.network(entry, golden.defaultSize)
      difference = golden.difference(of: published.namesAndShapes)
      parameterCount = published.parameterCount
      guard difference == nil, let numbers = golden.numbers else { return }

      let model = try Row.model(entry, golden.size)
      let state = model.module.stateDictionary()
      let filled = numbers.weights(state.map { ($0.name, $0.value.shape, $0.value.dtype) })
      try model.module.loadStateDictionary(
        zip(state, filled).map { ($0.name, try $1.map { try Tensor($0) } ?? $0.value) }
      )
      model.module.setTraining(false)
      let images = try Tensor(numbers.images(golden.size)).to(.channelsLast)
      guard let logits = try model.outputs(images).first?.value else {
        self.logits = .infinity
        return
      }
      self.logits = numbers.difference(
        ofLogits: try logits.detach().contiguous().floats().map(Double.init)
      )
      try crossEntropy(logits, Tensor([1, 2])).backward()
      var norms: [String: Double] = [:]
      for (name, parameter) in model.module.parameters() where numbers.gradients[name] != nil {
        guard let gradient = try parameter.value.grad?.contiguous().floats() else { continue }
        norms[name] = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      }
      gradients = numbers.difference(ofGradientNorms: norms)
    }

    /// The network whose structure the golden knows.
    private static func network(
      _ entry: BackboneEntry,
      _ size: [Int]
    ) throws -> any ParameterTree {
      guard entry.descriptor.hasClassifier else {
        return try Initialization.$drawsNumbers.withValue(false) { try entry.make() }
      }
      return try model(entry, size).module
    }

    /// The backbone with its classifier, else with a linear one.
    private static func model(
      _ entry: BackboneEntry,
      _ size: [Int]
    ) throws -> any TaskModel<MultiClassClassification> {
      var preprocessing = entry.descriptor.preprocessing
      preprocessing.inputSize = ImageSize(height: size[0], width: size[1])
      let info = ModelInfo(
        model: entry.descriptor.hasClassifier ? entry.name : "linear_classifier",
        backbone: entry.name,
        task: .multiClassClassification,
        labels: LabelInfo(names: ["label 0", "label 1", "label 2"]),
        preprocessing: preprocessing
      )
      return try Initialization.$drawsNumbers.withValue(false) {
        try ModelZoo.make(info, MultiClassClassification.self)
      }
    }

    var text: String {
      func number(_ value: Double?) -> String {
        value.map { String(format: "%.1e", $0) } ?? "-"
      }
      return "\(parameterCount)".padded(to: 14) + (difference == nil ? "yes" : "no").padded(to: 8)
        + number(logits).padded(to: 11) + number(gradients?.value)
        + (difference.map { "  \($0)" } ?? "")
    }

    func isWithin(_ limit: Double) -> Bool {
      difference == nil && (logits ?? 0) <= limit && (gradients?.value ?? 0) <= limit
    }
  }
}

extension ParameterTree {
  fileprivate var namesAndShapes: [(name: String, shape: [Int])] {
    stateDictionary().map { ($0.name, $0.value.shape) }
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    padding(toLength: max(width, count + 1), withPad: " ", startingAt: 0)
  }
}
