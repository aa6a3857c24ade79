import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXTorch

extension Training {
  /// What becomes of label scores when the labels are others.
  @Suite("Label rows") struct LabelRowsSuite {
    private func info(_ descriptor: ModelDescriptor, _ labels: [String]) -> ModelInfo {
      var preprocessing = descriptor.preprocessing
      preprocessing.inputSize = ImageSize(height: 64, width: 64)
      return ModelInfo(
        model: descriptor.name,
        backbone: descriptor.backbones[0],
        task: descriptor.task,
        labels: LabelInfo(names: labels),
        preprocessing: preprocessing
      )
    }

    private func shapes<Kind: VisionTask>(
      _ model: any TaskModel<Kind>
    ) -> [String: [Int]] {
      Dictionary(
        uniqueKeysWithValues: model.module.stateDictionary().map { ($0.name, $0.value.shape) }
      )
    }

    private func checkLayers<Kind: VisionTask>(_ name: String, _ kind: Kind.Type) throws {
      let descriptor = try #require(
        ModelZoo.descriptors.model(named: name, task: Kind.taskType)
      )
      let few = try ModelZoo.make(info(descriptor, ["a", "b", "c"]), Kind.self)
      let many = try ModelZoo.make(info(descriptor, ["a", "b", "c", "d", "e"]), Kind.self)
      let layers = try #require(few as? any LabelScoring).labelLayers
      let (before, after) = (shapes(few), shapes(many))
      let changed = Set(before.keys.filter { before[$0] != after[$0] })
      let declared = Set(
        before.keys.filter { key in layers.names.contains { key.hasPrefix($0 + ".") } }
      )
      #expect(!changed.isEmpty)
      #expect(changed == declared, "\(name)")
    }

    @Test(
      "the layers that a model says score labels are those whose size follows their number",
      arguments: ["atss_mobilenetv2", "ssd_mobilenetv2", "yolox_tiny"]
    )
    func detectors(name: String) throws { try checkLayers(name, Detection.self) }

    @Test(
      "so it is of classifiers, whatever their family",
      arguments: [
        "resnet18", "mobilenet_v3_small", "mobilenetv4_conv_small", "efficientnet_b0",
        "regnet_y_400mf", "shufflenet_v2_x1_0", "densenet121", "osnet_x1_0", "linear_classifier",
      ]
    )
    func classifiers(name: String) throws { try checkLayers(name, MultiClassClassification.self) }

    /// A checkpoint of a detector whose weights are all different numbers.
    private func checkpoint(
      _ name: String,
      _ labels: [String],
      _ folder: TemporaryFolder
    ) throws -> (url: URL, state: StateDictionary) {
      let descriptor = try #require(ModelZoo.descriptors.model(named: name, task: .detection))
      let info = info(descriptor, labels)
      let model = try ModelZoo.make(info, Detection.self)
      let state = StateDictionary(
        try Formula.fill(
          model.module.stateDictionary().map { ($0.name, try $0.value.arrayBuffer()) }
        )
        .map { StateDictionary.Entry(name: $0.name, value: $0.value) }
      )
      let url = folder.url.appending(path: "weights.pth")
      try CheckpointFile(state: state, info: info).write(to: url)
      return (url, state)
    }

    private func start(
      _ name: String,
      _ labels: [String],
      from url: URL
    ) throws -> (model: any TaskModel<Detection>, before: [Float], report: InitialWeights.Report) {
      let descriptor = try #require(ModelZoo.descriptors.model(named: name, task: .detection))
      let model = try ModelZoo.make(info(descriptor, labels), Detection.self)
      let layers = try #require(model as? any LabelScoring).labelLayers
      let before = try values(model, layers.names[0] + ".weight")
      let report = try InitialWeights.matching(url).load(
        into: model.module,
        model: name,
        labels: LabelInfo(names: labels),
        layers: layers
      )
      return (model, before, report)
    }

    private func values(_ model: any TaskModel<Detection>, _ name: String) throws -> [Float] {
      let entry = model.module.stateDictionary().first { $0.name == name }
      return try #require(entry).value.floats()
    }

    private func rows(_ values: [Float], _ count: Int) -> [[Float]] {
      let width = values.count / count
      return (0..<count).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }

    @Test("labels that both know keep their scores, wherever they stand; new ones are random")
    func anchorFree() throws {
      let folder = try TemporaryFolder()
      let (url, state) = try checkpoint("atss_mobilenetv2", ["a", "b"], folder)
      let (model, before, report) = try start("atss_mobilenetv2", ["new", "b", "a"], from: url)
      let name = "bbox_head.atss_cls.weight"
      let given = rows(try Tensor(try #require(state[name])).floats(), 2)
      let found = rows(try values(model, name), 3)
      #expect(found == [rows(before, 3)[0], given[1], given[0]])
      guard case .message(let line) = report.event else {
        Issue.record("\(report.event)")
        return
      }
      #expect(line.contains("2 adapted (rows of 2 of 3 labels, by name)"))
    }

    @Test("with anchors and a background each anchor's block is brought over")
    func anchors() throws {
      let folder = try TemporaryFolder()
      let (url, state) = try checkpoint("ssd_mobilenetv2", ["a", "b"], folder)
      let (model, before, _) = try start("ssd_mobilenetv2", ["b", "new", "other"], from: url)
      let name = "bbox_head.cls_convs.0.3.weight"
      let anchorCount = try #require(state[name]).shape[0] / 3
      let given = rows(try Tensor(try #require(state[name])).floats(), anchorCount * 3)
      let old = rows(before, anchorCount * 4)
      let found = rows(try values(model, name), anchorCount * 4)
      for anchor in 0..<anchorCount {
        #expect(found[anchor * 4] == given[anchor * 3 + 1])
        #expect(found[anchor * 4 + 1] == old[anchor * 4 + 1])
        #expect(found[anchor * 4 + 2] == old[anchor * 4 + 2])
        #expect(found[anchor * 4 + 3] == given[anchor * 3 + 2])
      }
    }

    @Test("as many labels of other names are not taken for these")
    func strangers() throws {
      let folder = try TemporaryFolder()
      let (url, _) = try checkpoint("atss_mobilenetv2", ["a", "b"], folder)
      let (model, before, report) = try start("atss_mobilenetv2", ["c", "d"], from: url)
      #expect(try values(model, "bbox_head.atss_cls.weight") == before)
      let table = try #require(report.table)
      #expect(table.count(.skipped) == 2)
    }
  }
}
