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
  /// Whether 32 or 16 bits train faster is measured once, on a copy.
  @Suite("Precision trial") struct PrecisionTrials {
    private let capable = Processor(name: "Test CPU", flags: ["amx_bf16"])

    private func decide(
      _ model: SmallClassifier,
      cache: URL,
      processor: Processor,
      trainCount: Int = 160,
      info: ModelInfo = classifierInfo(),
      make: (ModelInfo) throws -> any TaskModel<MultiClassClassification> = {
        try SmallClassifier(labelCount: $0.labels.count)
      }
    ) throws -> PrecisionTrial.Decision {
      try PrecisionTrial(info: info, cache: cache, processor: processor).decide(
        model: model,
        data: try classifierData(train: trainCount),
        seed: 0,
        make: make
      )
    }

    /// A trial that must not be made.
    private func noModel(_ info: ModelInfo) throws -> any TaskModel<MultiClassClassification> {
      throw ModelError.mismatch("a trial was made")
    }

    @Test("a processor without bf16 arithmetic, too little data: fp32 without a trial")
    func noTrial() throws {
      let folder = try TemporaryFolder()
      let model = try SmallClassifier(labelCount: 2)
      let old = try decide(
        model,
        cache: folder.url,
        processor: Processor(name: "Old CPU", flags: []),
        make: noModel
      )
      #expect(old.precision == .fp32 && old.reason == "Old CPU has no bf16 arithmetic")
      let small = try decide(
        model,
        cache: folder.url,
        processor: capable,
        trainCount: 159,
        make: noModel
      )
      #expect(small.precision == .fp32 && small.reason.contains("too little data"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }

    @Test("figures are remembered, and hold for the same network, size and machine only")
    func memory() throws {
      let cache = try TemporaryFolder().url.appending(path: "new/folder")
      let model = try SmallClassifier(labelCount: 2)
      let first = try decide(model, cache: cache, processor: capable)
      #expect(first.reason.contains("measured now") && first.reason.contains("Test CPU"))
      let again = try decide(model, cache: cache, processor: capable, make: noModel)
      #expect(again.precision == first.precision && again.reason.contains("measured before"))
      // Even with too little data for a trial of its own.
      let small = try decide(model, cache: cache, processor: capable, trainCount: 4, make: noModel)
      #expect(small == again)

      let other = Processor(name: "Other CPU", flags: ["amx_bf16"])
      #expect(throws: ModelError.self) {
        try decide(model, cache: cache, processor: other, make: noModel)
      }
      #expect(throws: ModelError.self) {
        let info = classifierInfo(size: 24)
        _ = try decide(model, cache: cache, processor: capable, info: info, make: noModel)
      }
      #expect(throws: ModelError.self) {
        let info = classifierInfo("another")
        _ = try decide(model, cache: cache, processor: capable, info: info, make: noModel)
      }
      // A second measurement keeps the first.
      _ = try decide(model, cache: cache, processor: other)
      #expect(try decide(model, cache: cache, processor: capable, make: noModel) == again)
    }

    @Test("what is remembered decides: bf16 where it was clearly faster")
    func figures() throws {
      let folder = try TemporaryFolder()
      let model = try SmallClassifier(labelCount: 2)
      _ = try decide(model, cache: folder.url, processor: capable)
      let file = folder.url.appending(path: "precision.json")
      typealias Figures = PrecisionTrial.Figures
      let key = try #require(
        try JSONDecoder().decode([String: Figures].self, from: Data(contentsOf: file)).keys.first
      )
      for (bf16, wanted) in [(0.5, Precision.bf16), (0.94, .bf16), (0.96, .fp32), (2, .fp32)] {
        try JSONEncoder().encode([key: Figures(fp32: 1, bf16: bf16)]).write(to: file)
        let decision = try decide(model, cache: folder.url, processor: capable, make: noModel)
        #expect(decision.precision == wanted)
      }
      // A damaged memory is measured anew, not an error.
      try Data("{".utf8).write(to: file)
      let fresh = try decide(model, cache: folder.url, processor: capable)
      #expect(fresh.reason.contains("measured now"))
    }

    @Test("a trial touches neither weights nor statistics nor what training draws")
    func untouched() async throws {
      await #expect(processExitsWith: .success) {
        let data = try classifierData(train: 160, val: 2, batchSize: 40)
        func train(tried: Bool) throws -> StateDictionary {
          let model = try TorchGenerator.seeded(3) { try SmallClassifier(labelCount: 2) }
          if tried {
            let before = try bits(of: model)
            let trial = try PrecisionTrial(
              info: classifierInfo(),
              cache: TemporaryFolder().url,
              processor: Processor(name: "Test CPU", flags: ["amx_bf16"])
            )
            let decision = try trial.decide(model: model, data: data, seed: 0) { info in
              try SmallClassifier(labelCount: info.labels.count)
            }
            #expect(decision.reason.contains("measured now"))
            #expect(try bits(of: model) == before)
            #expect(try model.module.parameters().allSatisfy { try $0.parameter.value.grad == nil })
          }
          let run = try TestRun()
          try run.train(model, plainOptions(epochs: 2), data: data)
          return try CheckpointFile.read(run.directory.bestCheckpoint).state
        }
        #expect(try train(tried: true) == train(tried: false))
      }
    }

    @Test("what was given is kept without a word, what was open is decided with a reason")
    func settle() async throws {
      let folder = try TemporaryFolder()
      let engine = try TorchEngine<MultiClassClassification>(
        info: classifierInfo(),
        weights: .random,
        options: EngineOptions(),
        models: [SmallClassifier.entry]
      )
      let data = try classifierData()
      for given in [Precision.fp32, .bf16] {
        var options = plainOptions(epochs: 1)
        options.precision = given
        options.adaptiveBatchSize = .none
        let settled = try await engine.settle(options, on: data, cache: folder.url)
        #expect(settled.options == options && settled.decisions.isEmpty)
      }
      var open = plainOptions(epochs: 1)
      open.precision = .auto
      let settled = try await engine.settle(open, on: data, cache: folder.url)
      #expect(settled.options.precision == .fp32)
      let decision = try #require(settled.decisions.first)
      #expect(decision.setting == "precision" && decision.value == "fp32")
      #expect(!decision.reason.isEmpty && settled.decisions.count == 1)
    }

    @Test("training in bf16 says so and leaves 32-bit weights")
    func bfloat16() throws {
      let run = try TestRun()
      var options = plainOptions(epochs: 1)
      options.precision = .bf16
      let data = try classifierData(train: 8, val: 2, batchSize: 4)
      let result = try run.train(SmallClassifier(labelCount: 2), options, data: data)
      #expect(result.precision == .bf16)
      let state = try CheckpointFile.read(run.directory.bestCheckpoint).state
      #expect(state["output.weight"]?.elementType == .float32)
      #expect(state["output.weight"]?.doubles()?.allSatisfy(\.isFinite) == true)
    }
  }
}

/// Every weight and statistic of a model.
private func bits(of model: SmallClassifier) throws -> [ArrayBuffer] {
  try model.module.stateDictionary().map { try $0.value.arrayBuffer() }
}
