import Foundation
import OTX
import OTXCore
import OTXTesting
import Testing

/// What every backend promises; those of the package and one of a user's.
@Suite("Backend contract")
struct BackendContract {
  static let backends: [any Backend] =
    EngineRegistry.standard.adding(BoringBackend()).backends

  private static let elsewhere = URL(filePath: "/nowhere/model.unknown")

  private func info(_ descriptor: ModelDescriptor) -> ModelInfo {
    ModelInfo(
      model: descriptor.name,
      backbone: descriptor.backbones.first ?? descriptor.name,
      task: descriptor.task,
      labels: LabelInfo(names: ["a", "b"]),
      preprocessing: descriptor.preprocessing
    )
  }

  @Test("names are there and differ")
  func names() {
    let names = BackendContract.backends.map(\.name)
    #expect(Set(names).count == names.count && !names.contains(""))
  }

  @Test("each model that a backend lists is one that it builds", arguments: backends.indices)
  func models(_ index: Int) async throws {
    let backend = BackendContract.backends[index]
    for descriptor in backend.models {
      let info = info(descriptor)
      #expect(backend.supports(.zoo(info)), "\(descriptor.name)")
      func check<Kind: VisionTask>(_ kind: Kind.Type) async throws {
        let engine = try backend.makeEngine(kind, from: .zoo(info), options: EngineOptions())
        #expect(await engine.info == info)
      }
      try await check(descriptor.task.kind)
    }
  }

  @Test("what a backend does not support it refuses with an error", arguments: backends.indices)
  func refusals(_ index: Int) {
    let backend = BackendContract.backends[index]
    var unknown = ModelDescriptor(
      name: "no such model",
      title: "",
      task: .detection,
      backbones: [],
      preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 32)),
      hasDynamicSize: false,
      parameterCount: 0,
      gigaMultiplyAdds: 0
    )
    unknown.task = .detection
    let sources: [ModelSource] = [
      .zoo(info(unknown)), .checkpoint(BackendContract.elsewhere), .ir(BackendContract.elsewhere),
    ]
    #expect(!backend.supports(sources[0]) && !backend.supports(sources[1]))
    for source in sources where !backend.supports(source) {
      guard case .zoo = source else {
        #expect(throws: (any Error).self, "\(backend.name): \(source)") {
          try backend.makeEngine(Detection.self, from: source, options: EngineOptions())
        }
        continue
      }
    }
    // A file that is not there is an error, too, not a crash.
    let missing = URL(filePath: "/nowhere/openvino.xml")
    if backend.supports(.ir(missing)) {
      #expect(throws: (any Error).self) {
        try backend.makeEngine(Detection.self, from: .ir(missing), options: EngineOptions())
      }
    }
  }

  @Test("the first backend that supports a source runs it")
  func order() throws {
    let registry = EngineRegistry([BoringBackend(name: "first"), BoringBackend(name: "second")])
    let descriptor = try #require(registry.models.first)
    #expect(try registry.backend(for: .zoo(info(descriptor))).name == "first")
    #expect(registry.models.count == TaskType.allCases.count, "a name is listed once")
    let extended = registry.adding(BoringBackend(name: "mine"))
    #expect(try extended.backend(for: .zoo(info(descriptor))).name == "mine")

    let standard = EngineRegistry.standard.adding(BoringBackend())
    #expect(try standard.backend(for: .ir(URL(filePath: "a.xml"))).name == "openvino")
    #expect(try standard.backend(for: .checkpoint(URL(filePath: "weights.PTH"))).name == "torch")
    let resnet = try #require(standard.models.first { $0.name == "resnet18" })
    #expect(try standard.backend(for: .zoo(info(resnet))).name == "torch")
  }

  @Test("a source that no backend runs is an error that says who was asked")
  func nobody() {
    let source = ModelSource.checkpoint(BackendContract.elsewhere)
    let error = #expect(throws: EngineError.self) {
      try EngineRegistry.standard.backend(for: source)
    }
    #expect(
      error?.description
        == "no backend runs the checkpoint /nowhere/model.unknown (asked: torch, openvino)"
    )
    let empty = #expect(throws: EngineError.self) { try EngineRegistry([]).backend(for: source) }
    #expect(empty?.description.contains("the registry is empty") == true)
  }

  @Test("a checkpoint of another task, a file that is none, a newer format")
  func checkpoints() throws {
    let torch = try #require(BackendContract.backends.first { $0.name == "torch" })
    let folder = try TemporaryFolder()
    func open(_ url: URL) throws -> String {
      let error = #expect(throws: ModelError.self) {
        try torch.makeEngine(Detection.self, from: .checkpoint(url), options: EngineOptions())
      }
      return error?.description ?? ""
    }
    let resnet = try #require(torch.models.first { $0.name == "resnet18" })
    var file = CheckpointFile(state: StateDictionary(), info: info(resnet))
    let other = folder.url.appending(path: "other.pth")
    try file.write(to: other)
    #expect(try open(other).contains("for MULTI_CLASS_CLS, not for DETECTION"))

    var newer = info(resnet)
    newer.formatVersion = ModelInfo.currentFormatVersion + 1
    file.info = newer
    let future = folder.url.appending(path: "future.pth")
    try file.write(to: future)
    #expect(try open(future).contains("newer"))

    file.info = nil
    let bare = folder.url.appending(path: "bare.pth")
    try file.write(to: bare)
    #expect(try open(bare).contains("not which model"))

    let text = try folder.write("no zip at all", to: "text.pth")
    #expect(try open(text).contains(text.path))
    #expect(try open(folder.url.appending(path: "none.pth")).contains("none.pth"))
  }
}
