import Foundation
import OTXTesting
import Testing

@testable import OTXCore

@Suite struct CheckpointFileTests {
  let directory: TemporaryDirectory
  init() throws { directory = try TemporaryDirectory() }

  static let info = ModelInfo(
    model: "atss_mobilenetv2",
    backbone: "mobilenet_v2",
    task: .detection,
    labels: LabelInfo(names: ["WBC", "zürich", "a \"quoted\" one"]),
    preprocessing: Preprocessing(inputSize: ImageSize(height: 480, width: 640)),
    confidenceThreshold: 0.325
  )

  static var state: StateDictionary {
    var state = StateDictionary()
    state["conv.weight"] = ArrayBuffer((0..<24).map { Float($0) / 7 }, shape: [2, 3, 4])
    state["bn.num_batches_tracked"] = ArrayBuffer(
      elementType: .int64,
      shape: [],
      bytes: [42, 1, 0, 0, 0, 0, 0, 0]
    )
    state["empty"] = ArrayBuffer(elementType: .float32, shape: [0, 5], bytes: [])
    for type in ElementType.allCases {
      state["type.\(type.rawValue)"] = ArrayBuffer(
        elementType: type,
        shape: [3],
        bytes: (0..<3 * type.byteCount).map { UInt8($0 % 2) }
      )
    }
    return state
  }

  @Test func readsBackWhatItWrote() throws {
    let url = directory.file("weights.pth")
    let file = CheckpointFile(state: Self.state, info: Self.info, recipe: "model: x\nä: 1\n")
    try file.write(to: url)
    #expect(try CheckpointFile.read(url) == file)
    #expect(try CheckpointFile.read(url).state.names == Self.state.names)
    #expect(try CheckpointFile.readInfo(url) == Self.info)
    #expect(try CheckpointFile.readRecipe(url) == "model: x\nä: 1\n")
    #expect(try directory.names == ["weights.pth"])
  }

  @Test func equalCheckpointsAreEqualBytes() throws {
    let file = CheckpointFile(state: Self.state, info: Self.info, recipe: "a")
    try file.write(to: directory.file("a.pth"))
    try file.write(to: directory.file("b.pth"))
    #expect(
      try Data(contentsOf: directory.file("a.pth")) == Data(contentsOf: directory.file("b.pth"))
    )
  }

  @Test(arguments: [
    "network", "protocol4", "types", "views", "wrapped", "published", "published4", "training",
    "legacy", "legacyViews", "legacyTraining", "legacy4", "modelStateDict", "timm", "params",
    "lightning", "dataParallel", "half", "brain", "onlyPart", "counted",
  ])
  func readsWhatPyTorchWrote(_ name: String) throws {
    let golden = try #require(try CheckpointGoldens.load().readable[name])
    let file = try CheckpointFile.read(directory.file("torch.pth", holding: golden.file))
    #expect(file.info == nil)
    #expect(file.recipe == nil)
    #expect(file.state.names == golden.tensors.map(\.name))
    for (entry, expected) in zip(file.state, golden.tensors) {
      #expect(entry.value.elementType == expected.type)
      #expect(entry.value.shape == expected.shape)
      expectClose(entry.value.allDoubles, expected.values, rtol: 0, atol: 0, expected.name)
    }
  }

  @Test(arguments: [
    ("network", ""), ("training", "state_dict"), ("wrapped", "ema.module"), ("published", "model"),
    ("legacyTraining", "state_dict"), ("modelStateDict", "model_state_dict"),
    ("timm", "state_dict_ema"), ("params", "params_ema"), ("lightning", "state_dict"),
    ("onlyPart", "my_network"), ("counted", ""),
  ])
  func saysWhereTheWeightsStood(name: String, place: String) throws {
    let url = try directory.file("t.pth", holding: CheckpointGoldens.file(name))
    #expect(try CheckpointFile.read(url).place == place)
  }

  @Test func readsTheTreeThatPyTorchWrote() throws {
    let url = try directory.file("t.pth", holding: CheckpointGoldens.file("training"))
    let tree = try PickleFile.read(url)
    #expect(tree["epoch"] == 3)
    #expect(tree["big"]?.intValue == 1 << 40)
    #expect(tree["negative"]?.intValue == -(1 << 33))
    #expect(tree["rate"]?.doubleValue == 0.1)
    #expect(tree["name"] == "zürich")
    #expect(tree["nothing"] == PickleValue.none)
    #expect(tree["done"]?.boolValue == false)
    #expect(tree["pair"] == .tuple([1, "two"]))
    #expect(tree["sizes"] == .list([.tuple([2, 3])]))
    #expect(
      tree["by_number"]
        == .dictionary([.init(key: 0, value: 1.5), .init(key: 1, value: [true])])
    )
    #expect(tree["optimizer"]?.arrayValue?.first?["momentum"]?.doubleValue == 0.9)
    #expect(tree["state_dict"]?.stateDictionary?.count == 7)
    #expect(tree["missing"] == nil)
  }

  @Test(arguments: [
    ("dangerous", "posix.system"), ("module", "torch.nn.modules.container.Sequential"),
    ("legacyModule", "torch.nn.modules.container.Sequential"),
    ("modelInModel", "torch.nn.modules.container.Sequential"),
    ("several", "several places ('left', 'right')"),
    ("noStateDictionary", "holds no state dictionary"),
  ])
  func refusesByName(_ name: String, _ expected: String) throws {
    let data = try #require(try CheckpointGoldens.load().refused[name])
    let url = try directory.file("\(name).pth", holding: data)
    let error = try #require(throws: ModelError.self) { try CheckpointFile.read(url) }
    #expect(error.description.contains(expected), "\(error)")
    #expect(error.description.contains("\(name).pth"))
  }

  @Test func refusesTheTarOfTheFirstVersions() throws {
    var tar = Data(count: 1024)
    tar.replaceSubrange(257..<262, with: Data("ustar".utf8))
    let url = try directory.file("ancient.pth", holding: tar)
    let error = try #require(throws: ModelError.self) { try CheckpointFile.read(url) }
    #expect(error.description.contains("tar format of PyTorch before 0.1.10"), "\(error)")
  }

  @Test func readsTheTreeOfAnOldFile() throws {
    let url = try directory.file("t.pth", holding: CheckpointGoldens.file("legacyTraining"))
    #expect(try PickleFile.read(url)["big"]?.intValue == 1 << 40)
    #expect(try CheckpointFile.readInfo(url) == nil && CheckpointFile.readRecipe(url) == nil)
  }

  /// Weights beside foreign objects are read; the objects themselves are not.
  @Test func refusesTheTreeWithForeignObjects() throws {
    let url = try directory.file("t.pth", holding: CheckpointGoldens.file("published"))
    let error = try #require(throws: ModelError.self) { try PickleFile.read(url) }
    #expect(error.description.contains("asks for 'argparse.Namespace'"), "\(error)")
  }

  @Test func saysWhatOtherFilesAre() throws {
    let cases: [(String, Data, String)] = [
      ("empty", Data(), "empty"),
      ("text", Data("not a model at all".utf8), "no model file"),
      ("pickle", Data([0x80, 4, 0x95, 0, 0]), "bare Python pickle"),
      ("cut", try CheckpointGoldens.file("network").prefix(1500), "cut short"),
    ]
    for (name, data, expected) in cases {
      let url = try directory.file(name, holding: data)
      let error = try #require(throws: ModelError.self) { try CheckpointFile.read(url) }
      #expect(error.description.contains(expected), "\(name): \(error)")
      #expect(throws: ModelError.self) { try CheckpointFile.readInfo(url) }
    }
    let missing = try #require(throws: ModelError.self) {
      try CheckpointFile.read(directory.file("nowhere.pth"))
    }
    #expect(missing.description.contains("no such file"))
    #expect(throws: ModelError.self) { try CheckpointFile.read(directory.url) }
  }

  @Test func refusesANewerFormatAndSaysWhichProgramReadsIt() throws {
    let url = directory.file("new.pth")
    let record = Data(#"{"formatVersion": 7, "otxVersion": "9.1.0", "shape": "unknown"}"#.utf8)
    try TorchArchive.write(
      PickleValue(Self.state),
      ordered: true,
      records: [("otx/model_info.json", record)],
      to: url
    )
    for read in [{ try CheckpointFile.readInfo($0) }, { try CheckpointFile.read($0).info }] {
      let error = try #require(throws: ModelError.self) { _ = try read(url) }
      #expect(error.description.contains("OTX 9.1.0 or newer"), "\(error)")
    }
  }

  @Test func saysWhichPartOfTheInformationIsWrong() throws {
    let url = directory.file("bad.pth")
    let record = Data(#"{"formatVersion": 1, "otxVersion": "0.1.0", "model": 3}"#.utf8)
    try TorchArchive.write(
      PickleValue(Self.state),
      ordered: true,
      records: [("otx/model_info.json", record)],
      to: url
    )
    let error = try #require(throws: ModelError.self) { try CheckpointFile.readInfo(url) }
    #expect(error.description.contains("'model'"), "\(error)")
  }

  @Test func refusesWeightsWhoseBytesDoNotFit() throws {
    var state = StateDictionary()
    state["w"] = ArrayBuffer(elementType: .float32, shape: [2], bytes: [1, 2, 3])
    #expect(throws: FileError.self) {
      try CheckpointFile(state: state).write(to: directory.file("w.pth"))
    }
    #expect(try directory.names.isEmpty)
  }

  @Test func writesTreesOfValues() throws {
    let tree: PickleValue = [
      "epoch": 12, "best": 0.75, "large": .int(.min), "name": "ä", "none": nil, "flag": true,
      "list": [1, "two", 3.0, []],
      "tuple": .tuple([1, .tuple([])]),
      "steps": .dictionary([.init(key: 7, value: .tensor(ArrayBuffer([1, 2], shape: [2])))]),
      "nested": ["deeper": ["deepest": .double(.infinity)]],
    ]
    let url = directory.file("last.pth")
    try PickleFile.write(tree, to: url)
    #expect(try PickleFile.read(url) == tree)
  }
}

@Suite struct StateDictionaryTests {
  @Test func keepsOrderAndNames() {
    var state = StateDictionary()
    for name in ["c", "a", "b"] { state[name] = ArrayBuffer([1], shape: [1]) }
    state["a"] = ArrayBuffer([2, 3], shape: [2])
    #expect(state.names == ["c", "a", "b"])
    #expect(state.byteCount == 16)
    state["c"] = nil
    #expect(state.names == ["a", "b"])
    #expect(state["b"]?.shape == [1])
    #expect(state["c"] == nil)
    #expect(state.map(\.name) == ["a", "b"])
    #expect(StateDictionary(Array(state)) == state)
  }
}
