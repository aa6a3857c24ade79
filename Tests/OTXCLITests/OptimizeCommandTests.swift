import Foundation
import OTXCore
import Testing

@testable import OTXCLI

/// What `otx optimize` asks for.
@Suite struct OptimizeCommandTests {
  private func playground() throws -> Playground {
    try Playground([
      "BCCD/train/_annotations.coco.json", "outputs/weights.pth",
      "outputs/openvino/openvino.xml", "other/model.xml", "run/weights.pth", "picture.jpg",
    ])
  }

  private func request(_ arguments: [String]) throws -> OptimizeRequest {
    try CurrentJobs.$value.withValue(FakeJobs()) {
      let command = try #require(try Program.parse(["optimize"] + arguments) as? Optimize)
      return try command.request()
    }
  }

  @Test func theTypeStandsAnywhere() throws {
    let place = try playground()
    defer { place.remove() }
    let (model, data) = (place.path("outputs/openvino/openvino.xml"), place.path("BCCD"))
    for (words, type, folder) in [
      ([model, data], OptimizationType.ptq, "outputs/int8"),
      ([model, "ptq", data], .ptq, "outputs/int8"),
      ([data, model, "int8"], .int8, "outputs/int8-weights"),
      (["FP16", model, data], .fp16, "outputs/fp16"),
    ] {
      let request = try request(words)
      #expect(request.options.type == type)
      #expect(request.directory.path == place.path(folder))
      #expect(request.model.model.path == model)
    }
    #expect(throws: UsageError.self) { try request([model, "int8", "fp16", data]) }
    #expect(throws: UsageError.self) { try request([model, place.path("picture.jpg")]) }
  }

  @Test func aFolderMeansItsExportedModelAndACheckpointItself() throws {
    let place = try playground()
    defer { place.remove() }
    let data = place.path("BCCD")
    let exported = try request([place.path("outputs"), data])
    #expect(exported.model.model.path == place.path("outputs/openvino/openvino.xml"))
    #expect(exported.directory.path == place.path("outputs/int8"))
    let checkpoint = try request([place.path("outputs/weights.pth"), data, "--epochs", "3"])
    #expect(checkpoint.model.model.path == place.path("outputs/weights.pth"))
    #expect(checkpoint.directory.path == place.path("outputs/qat"))
    #expect(checkpoint.options.epochs == 3)
    let run = try request([place.path("run"), data])
    #expect(run.model.model.path == place.path("run/weights.pth"))
    let error = #expect(throws: UsageError.self) {
      try request([place.path("run/weights.pth"), "int8", data])
    }
    #expect("\(try #require(error))".contains("is for exported models"))
    #expect(throws: UsageError.self) { try request([data, place.path("nothing")]) }
  }

  @Test func optionsAreRead() throws {
    let place = try playground()
    defer { place.remove() }
    let request = try request([
      place.path("other/model.xml"), place.path("BCCD"), "--subset-size", "40", "--preset", "mixed",
      "--ignored-scope", "conv1", "--ignored-scope", "type:Add", "--ignored-scope",
      "pattern:head.*",
      "--model-type", "transformer", "--max-drop=0.02", "--force", "--all-layers", "--labels",
      "RBC, WBC", "--task", "detection", "--save_model_to", place.path("out"),
    ])
    var wanted = OptimizeOptions()
    wanted.subsetSize = 40
    wanted.preset = .mixed
    wanted.modelType = .transformer
    wanted.ignoredScope.names = ["conv1"]
    wanted.ignoredScope.types = ["Add"]
    wanted.ignoredScope.patterns = ["head.*"]
    wanted.maxDrop = 0.02
    wanted.force = true
    wanted.keepsSpeed = false
    #expect(request.options == wanted)
    #expect(request.labels == ["RBC", "WBC"] && request.task == .detection)
    #expect(request.directory.path == place.path("out"))
  }

  @Test(arguments: [
    ["--preset", "fast"], ["--model-type", "cnn"], ["--subset-size", "0"], ["--max-drop=-1"],
    ["--labels", "A,,B"], ["--labels", "A,A"], ["--task", "detekt"],
  ])
  func whatMakesNoSenseIsRefused(_ words: [String]) async throws {
    let place = try playground()
    defer { place.remove() }
    let result = await otx(["optimize", place.path("other/model.xml"), place.path("BCCD")] + words)
    #expect(result.status == 64, "\(result.errors)")
  }

  @Test func aCheckpointIsPrunedAndAnExportedModelIsNot() async throws {
    let place = try playground()
    defer { place.remove() }
    let (weights, data) = (place.path("outputs/weights.pth"), place.path("BCCD"))
    #expect(try request([weights, data]).options.prunedShare == 0)
    #expect(try request([weights, data, "--prune", "0.4"]).options.prunedShare == 0.4)
    let error = #expect(throws: UsageError.self) {
      try request([place.path("other/model.xml"), data, "--prune", "0.4"])
    }
    #expect("\(try #require(error))".contains("needs a checkpoint"))
    for share in ["-0.1", "0.91", "30%"] {
      let result = await otx(["optimize", weights, data, "--prune=\(share)"])
      #expect(result.status == 64, "\(share): \(result.errors)")
    }
    let table = await otx(["optimize", weights, data, "--prune", "0.3"])
    #expect(table.status == 0, "\(table.errors)")
    #expect(table.output.contains("200 M → 140 M (30.0 % less)"), "\(table.output)")
    let json = await otx(["optimize", weights, data, "--prune", "0.3", "--json"])
    #expect(json.output.contains(#""multiplyAddsAfter":140000000"#), "\(json.output)")
    #expect(json.output.contains(#""filtersAfter":48"#))
  }

  @Test func theResultIsATable() async throws {
    let place = try playground()
    defer { place.remove() }
    let file = place.path("performance.json")
    let result = await otx([
      "optimize", place.path("other/model.xml"), place.path("BCCD"), "--save-performance", file,
    ])
    #expect(result.status == 0, "\(result.errors)")
    for text in ["f-measure before", "0.8315", "0.8302", "0.0013 (allowed 0.01)", "head.conv"] {
      #expect(result.output.contains(text), "\(text)")
    }
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "{\"f-measure\":0.8302}\n")
  }
}
