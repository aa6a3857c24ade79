import Foundation
import OTXCore
import OTXData
import OTXModels
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXTorch

extension Training {
  /// Weights that come from files.
  @Suite("Weights") struct Weights {
    /// The state of a new small classifier, each tensor filled with a number of its own.
    private func state(labelCount: Int = 2) throws -> StateDictionary {
      let model = try SmallClassifier(labelCount: labelCount)
      return StateDictionary(
        try Formula.fill(
          model.module.stateDictionary().map { ($0.name, try $0.value.arrayBuffer()) }
        )
        .map { StateDictionary.Entry(name: $0.name, value: $0.value) }
      )
    }

    private func write(_ state: StateDictionary, _ folder: TemporaryFolder) throws -> URL {
      let url = folder.url.appending(path: "weights.pth")
      try CheckpointFile(state: state).write(to: url)
      return url
    }

    private func start(
      _ weights: InitialWeights,
      _ model: SmallClassifier
    ) throws -> (line: String, isWarning: Bool) {
      switch try weights.load(into: model.module, model: "small").event {
      case .message(let text): return (text, false)
      case .warning(let text): return (text, true)
      default: return ("", false)
      }
    }

    @Test("all that fits is taken, and the counts are said")
    func matching() throws {
      let folder = try TemporaryFolder()
      let given = try state(labelCount: 5)
      let url = try write(given, folder)
      let model = try SmallClassifier(labelCount: 2)
      let head = try model.network.output.weight.value.floats()
      let told = try start(.matching(url), model)
      #expect(!told.isWarning)
      #expect(told.line.hasPrefix("Weights: 7 of 9 taken from \(url.path) (bare weights)"))
      #expect(
        told.line.contains("2 of another shape or for other labels are skipped and stay random")
      )
      let convolution = try model.network.convolution.weight.value.arrayBuffer()
      #expect(convolution == given["convolution.weight"])
      #expect(try model.network.output.weight.value.floats() == head)
    }

    @Test("a file that lacks most of the weights is refused with the table, and taken by force")
    func few() throws {
      let folder = try TemporaryFolder()
      var given = try state()
      for name in given.names where name != "output.weight" { given[name] = nil }
      given["stranger"] = ArrayBuffer([1], shape: [1])
      let url = try write(given, folder)
      let model = try SmallClassifier(labelCount: 2)
      let before = try model.module.stateDictionary().map { try $0.value.arrayBuffer() }
      let error = #expect(throws: ModelError.self) { try start(.matching(url), model) }
      let text = try #require(error?.description)
      #expect(text.contains("percent of the weights that small wants (1 of 9 by name and shape)"))
      #expect(text.contains("--force") && text.contains("  stranger [1]: not used here"))
      #expect(text.contains("  convolution.* (2 weights): missing in the file"))
      #expect(try model.module.stateDictionary().map { try $0.value.arrayBuffer() } == before)
      let told = try start(.matching(url, allowsFew: true), model)
      #expect(told.isWarning)
      #expect(told.line.contains("8 are not in the file") && told.line.contains("1 of the file's"))
    }

    @Test("a backbone's own weights are found below the detector's backbone")
    func backbone() throws {
      let folder = try TemporaryFolder()
      let backbone = try ModelZoo.makeBackbone("mobilenet_v2")
      let own = StateDictionary(
        try backbone.stateDictionary().map {
          .init(name: $0.name, value: try $0.value.arrayBuffer())
        }
      )
      let url = try write(own, folder)
      let entry = try #require(ModelZoo.descriptors.first { $0.name == "ssd_mobilenetv2" })
      let info = ModelInfo(
        model: entry.name,
        backbone: entry.backbones[0],
        task: .detection,
        labels: LabelInfo(names: ["a"]),
        preprocessing: Preprocessing(inputSize: ImageSize(height: 128, width: 128))
      )
      let detector = try ModelZoo.make(info, Detection.self)
      let report = try InitialWeights.matching(url).load(into: detector.module, model: info.model)
      guard case .message(let line) = report.event else {
        Issue.record("\(report.event)")
        return
      }
      #expect(line.contains("as the backbone") && report.isHeadRandom)
      let taken = detector.module.stateDictionary().first { $0.name.hasPrefix("backbone.") }
      let (name, value) = try #require(taken)
      #expect(try value.arrayBuffer() == own[String(name.dropFirst("backbone.".count))])
    }

    @Test("learned positions of pictures of another size are resampled")
    func positions() throws {
      func network(_ side: Int) throws -> VisionTransformer {
        try VisionTransformer(
          .init(features: 12, depth: 1),
          inputSize: ImageSize(height: side, width: side),
          labelCount: nil
        )
      }
      let folder = try TemporaryFolder()
      let published = StateDictionary(
        try network(64).stateDictionary().map {
          .init(name: $0.name, value: try $0.value.arrayBuffer())
        }
      )
      let url = try write(published, folder)
      let model = try network(48)
      let report = try InitialWeights.matching(url).load(into: model, model: "small")
      let table = try #require(report.table)
      #expect(table.count(.matched) == table.rows.count)
      // The class token's position stays.
      let found = try model.positions.value.floats()
      let expected = try Tensor(try #require(published["pos_embed"])).floats()
      #expect(found.count == 10 * 12)
      #expect(found.prefix(12) == expected.prefix(12))
    }

    @Test("DINOv2's own files with registers: the class token's position is added to the token")
    func registers() throws {
      let network = try VisionTransformer(
        .init(features: 12, depth: 1, registerCount: 4),
        inputSize: ImageSize(height: 64, width: 64),
        labelCount: nil
      )
      var published = StateDictionary(
        try Formula.fill(network.stateDictionary().map { ($0.name, try $0.value.arrayBuffer()) })
          .map { .init(name: $0.name, value: $0.value) }
      )
      let token = try Tensor(try #require(published["cls_token"])).floats()
      let patches = try Tensor(try #require(published["pos_embed"])).floats()
      let registers = try #require(published["reg_token"])
      let own = (0..<12).map { Float($0) / 8 }
      published["reg_token"] = nil
      published["register_tokens"] = registers
      published["mask_token"] = ArrayBuffer(own, shape: [1, 12])
      published["pos_embed"] = ArrayBuffer(own + patches, shape: [1, 1 + patches.count / 12, 12])
      let folder = try TemporaryFolder()
      let url = try write(published, folder)
      let report = try InitialWeights.matching(url).load(into: network, model: "small")
      #expect(try #require(report.table).count(.missing) == 0)
      #expect(try network.classToken.value.floats() == zip(token, own).map { $0 + $1 })
      #expect(try network.positions.value.floats() == patches)
      #expect(try #require(network.registers).value.arrayBuffer() == registers)
    }

    /// `state` under other names.
    private func renamed(
      _ state: StateDictionary,
      _ rename: (String) -> String
    ) -> StateDictionary {
      StateDictionary(state.map { .init(name: rename($0.name), value: $0.value) })
    }

    @Test(
      "words that frameworks put before names are left out",
      arguments: ["module.", "model.", "backbone.", "state_dict.model.", "_orig_mod.module."]
    )
    func prefixes(prefix: String) throws {
      let folder = try TemporaryFolder()
      let given = try state()
      var wrapped = renamed(given) { prefix + $0 }
      wrapped["n_averaged"] = ArrayBuffer([1], shape: [])
      let model = try SmallClassifier(labelCount: 2)
      let told = try start(.matching(try write(wrapped, folder)), model)
      #expect(told.line.hasPrefix("Weights: 9 of 9 taken") && !told.isWarning)
      #expect(
        told.line.contains("names without '\(prefix)'") && told.line.contains("1 of the file's")
      )
      #expect(
        try model.network.convolution.weight.value.arrayBuffer() == given["convolution.weight"]
      )
    }

    @Test("a wrapped backbone is found below the detector's backbone, whatever else is there")
    func wrappedBackbone() throws {
      let shapes = ["backbone.conv1.weight": [4, 3], "backbone.bn1.bias": [4], "head.bias": [2]]
      let file = StateDictionary([
        .init(
          name: "model.conv1.weight",
          value: ArrayBuffer([Float](repeating: 1, count: 12), shape: [4, 3])
        ),
        .init(name: "model.bn1.bias", value: ArrayBuffer([1, 2, 3, 4], shape: [4])),
        .init(name: "model.fc.bias", value: ArrayBuffer([1, 2], shape: [2])),
        .init(name: "other.bn1.bias", value: ArrayBuffer([1, 2, 3, 4], shape: [4])),
      ])
      let matching = WeightMatching(file, with: shapes)
      #expect(matching.matchCount == 2)
      #expect(matching.name(for: "model.bn1.bias") == "backbone.bn1.bias")
      #expect(matching.name(for: "other.bn1.bias") == nil)
    }

    @Test("safetensors, in half precision too, become what they stand for")
    func safetensors() throws {
      let folder = try TemporaryFolder()
      let given = try state()
      for type in [DType.float16, .bfloat16, .float64] {
        var other = StateDictionary()
        for entry in given {
          other[entry.name] =
            entry.value.elementType == .float32
            ? try Tensor(entry.value).to(type).arrayBuffer() : entry.value
        }
        let url = folder.url.appending(path: "\(type).safetensors")
        try SafeTensorsFile(state: other).write(to: url)
        let model = try SmallClassifier(labelCount: 2)
        #expect(try start(.matching(url), model).line.hasPrefix("Weights: 9 of 9 taken"))
        let weight = model.network.convolution.weight.value
        #expect(weight.dtype == .float32)
        let expected = try Tensor(try #require(given["convolution.weight"])).floats()
        expectClose(try weight.floats(), expected, rtol: type == .bfloat16 ? 1e-2 : 1e-3)
      }
    }

    @Test("the table tells of every weight of either side")
    func table() throws {
      let folder = try TemporaryFolder()
      var given = try state(labelCount: 5)
      given["output.bias"] = nil
      given["stranger"] = ArrayBuffer([1, 2], shape: [2])
      let weights = InitialWeights.matching(try write(given, folder))
      let module = try SmallClassifier(labelCount: 2).module
      let table = try #require(try weights.load(into: module, model: "small").table)
      #expect(table.rows.count == 10)
      #expect(WeightTable.Status.allCases.map(table.count) == [7, 1, 1, 1])
      #expect(
        table.differences(rowCount: 2) == [
          "  output.weight: skipped, [5, 4] in the file, [2, 4] here",
          "  stranger [2]: not used here", "  … and 1 more; every weight is listed in train.log",
        ]
      )
      #expect(table.differences(rowCount: 5).last == "  output.bias [2]: missing in the file")
      let lines = table.csv().split(separator: "\n")
      #expect(lines.count == 11)
      #expect(lines.contains("skipped,output.weight,2x4,output.weight,5x4"))
      #expect(lines.last == "unused,,,stranger,2")
    }

    @Test("weights of another model are an error that says whose they are")
    func another() throws {
      let folder = try TemporaryFolder()
      let url = folder.url.appending(path: "weights.pth")
      let state: StateDictionary = StateDictionary([
        .init(name: "fc.weight", value: ArrayBuffer([1, 2], shape: [2])),
        .init(name: "convolutoin.weight", value: ArrayBuffer([1, 2], shape: [2])),
      ])
      var info = classifierInfo("resnet18")
      info.model = "resnet18"
      try CheckpointFile(state: state, info: info).write(to: url)
      let error = #expect(throws: ModelError.self) {
        try start(.matching(url), try SmallClassifier(labelCount: 2))
      }
      let text = try #require(error?.description)
      #expect(text.contains("none of its 2 weights fits small"))
      #expect(text.contains("a checkpoint of resnet18") && text.contains("fc.weight"))
      #expect(text.contains("convolution.weight"))
      #expect(text.contains("'convolutoin.weight' [2] is near 'convolution.weight' ["))
      #expect(!text.contains("'fc.weight' [2] is near"))
    }

    @Test("a checkpoint has to fit its model in full; the error says which weights do not")
    func strict() throws {
      let folder = try TemporaryFolder()
      var given = try state()
      given["output.weight"] = ArrayBuffer([Float](repeating: 1, count: 12), shape: [3, 4])
      given["output.bias"] = nil
      given["stranger"] = ArrayBuffer([1], shape: [1])
      let url = try write(given, folder)
      let model = try SmallClassifier(labelCount: 2)
      let before = try model.network.convolution.weight.value.floats()
      let error = #expect(throws: ModelError.self) { try start(.all(of: url), model) }
      let text = try #require(error?.description)
      #expect(text.contains(url.path) && text.contains("1 missing: output.bias"))
      #expect(text.contains("1 unexpected: stranger"))
      #expect(text.contains("output.weight [3, 4], not [2, 4]"))
      #expect(try model.network.convolution.weight.value.floats() == before, "nothing was changed")
    }

    @Test("a weight that is not a number is an error that names it", arguments: [true, false])
    func nonFinite(isHalf: Bool) throws {
      let folder = try TemporaryFolder()
      var given = try state()
      let name = "convolution.bias"
      var numbers = try Tensor(try #require(given[name])).floats()
      numbers[1] = isHalf ? .infinity : .nan
      let wrong = try Tensor(numbers)
      given[name] = try (isHalf ? wrong.to(.float16) : wrong).arrayBuffer()
      let weights = InitialWeights.matching(try write(given, folder), allowsFew: true)
      let error = #expect(throws: ModelError.self) {
        try start(weights, try SmallClassifier(labelCount: 2))
      }
      let text = try #require(error?.description)
      #expect(text.contains("1 of the \(numbers.count) numbers of its weight '\(name)' are NaN"))
    }

    @Test("weights of another network of the zoo are told by its name")
    func lookalike() throws {
      let folder = try TemporaryFolder()
      let other = try ModelZoo.makeBackbone("mobilenet_v2").stateDictionary()
      let url = try write(
        StateDictionary(
          try other.map { .init(name: "module." + $0.name, value: try $0.value.arrayBuffer()) }
        ),
        folder
      )
      let network = try ModelZoo.makeBackbone("resnet18")
      let error = #expect(throws: ModelError.self) {
        try InitialWeights.matching(url).load(into: network, model: "resnet18")
      }
      let text = try #require(error?.description)
      #expect(text.contains("Its names and shapes are those of mobilenet_v2"), "\(text)")
    }

    @Test("what differs in axes of one element alone is taken")
    func adapted() throws {
      let folder = try TemporaryFolder()
      var given = try state()
      let weight = try #require(given["output.weight"])
      given["output.weight"] = ArrayBuffer(
        elementType: weight.elementType,
        shape: weight.shape + [1, 1],
        bytes: weight.bytes
      )
      let model = try SmallClassifier(labelCount: 2)
      let told = try start(.matching(try write(given, folder)), model)
      #expect(told.line.hasPrefix("Weights: 9 of 9 taken"))
      #expect(told.line.contains("1 adapted (axes of one element put in or left out)"))
      #expect(try model.network.output.weight.value.arrayBuffer() == weight)
    }

    @Test("old and foreign names of a family are understood")
    func renamings() {
      let old = ["features.denseblock1.denselayer2.norm.1.weight", "features.norm0.weight"]
      #expect(
        old.map(WeightRenaming.denseNet.rename)
          == ["features.denseblock1.denselayer2.norm1.weight", "features.norm0.weight"]
      )
      let names = [
        "class_token": "cls_token", "conv_proj.weight": "patch_embed.proj.weight",
        "encoder.pos_embedding": "pos_embed", "heads.head.bias": "head.bias",
        "encoder.layers.encoder_layer_11.ln_2.weight": "blocks.11.norm2.weight",
        "encoder.layers.encoder_layer_0.self_attention.in_proj_weight": "blocks.0.attn.qkv.weight",
        "encoder.layers.encoder_layer_0.self_attention.out_proj.bias": "blocks.0.attn.proj.bias",
        "encoder.layers.encoder_layer_3.mlp.linear_2.weight": "blocks.3.mlp.fc2.weight",
        "encoder.layers.encoder_layer_3.mlp.0.weight": "blocks.3.mlp.fc1.weight",
        "encoder.ln.weight": "norm.weight",
      ]
      for (theirs, ours) in names {
        #expect(WeightRenaming.visionTransformer.rename(theirs) == ours)
      }
      let convNeXt = [
        "stem.1.bias": "features.0.1.bias",
        "stages.0.blocks.2.conv_dw.weight":
          "features.1.2.block.0.weight", "stages.3.downsample.1.weight": "features.6.1.weight",
        "stages.3.blocks.0.norm.bias": "features.7.0.block.2.bias",
        "stages.1.blocks.1.mlp.fc2.weight": "features.3.1.block.5.weight",
        "stages.1.blocks.1.gamma": "features.3.1.layer_scale",
        "head.norm.weight": "classifier.0.weight", "head.fc.bias": "classifier.2.bias",
      ]
      for (theirs, ours) in convNeXt {
        #expect(WeightRenaming.convNeXt.rename(theirs) == ours)
      }
      let file = StateDictionary([
        .init(name: "module.denselayer1.norm.1.bias", value: ArrayBuffer([1, 2], shape: [2])),
        .init(name: "module.denselayer1.conv.1.weight", value: ArrayBuffer([1], shape: [1])),
        .init(name: "module.fc.bias", value: ArrayBuffer([1, 2, 3], shape: [3])),
      ])
      let matching = WeightMatching(
        file,
        with: ["denselayer1.norm1.bias": [2], "denselayer1.conv1.weight": [1], "fc.bias": [3]]
      )
      #expect(matching.matchCount == 3 && matching.removedPrefix == "module.")
      #expect(matching.name(for: "module.denselayer1.norm.1.bias") == "denselayer1.norm1.bias")
    }

    @Test("a damaged file is named with the reason")
    func damaged() throws {
      let folder = try TemporaryFolder()
      let url = try write(try state(), folder)
      let bytes = try Data(contentsOf: url)
      try bytes.prefix(bytes.count / 2).write(to: url)
      for weights in [InitialWeights.all(of: url), .matching(url)] {
        let error = #expect(throws: ModelError.self) {
          try start(weights, try SmallClassifier(labelCount: 2))
        }
        #expect(error?.description.hasPrefix(url.path) == true)
      }
    }

    @Test("a checkpoint of a model that this backend was not given")
    func unknownModel() throws {
      let folder = try TemporaryFolder()
      let url = folder.url.appending(path: "weights.pth")
      try CheckpointFile(state: try state(), info: classifierInfo()).write(to: url)
      let kind = MultiClassClassification.self
      let error = #expect(throws: ModelError.self) {
        try TorchBackend().makeEngine(kind, from: .checkpoint(url), options: EngineOptions())
      }
      #expect(error?.description.contains("checkpoint of 'small'") == true)
      let backend = TorchBackend(models: [SmallClassifier.entry])
      _ = try backend.makeEngine(kind, from: .checkpoint(url), options: EngineOptions())
    }
  }
}
