import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXModels
import OTXTensor
import OTXTesting
import Testing

@testable import OTXTorch

extension Training {
  /// What is left, and what is said, when training cannot go on.
  @Suite("Failures") struct Failures {
    @Test("a loss that is no number names the items; the best weights stay")
    func nanLoss() throws {
      let run = try TestRun()
      // 0.8, 0.6, 0.4 after each epoch, each better than the last; then the loss is below its floor.
      let error = #expect(throws: EngineError.self) {
        try run.train(Ramp(floor: 0.45), plainOptions(epochs: 9))
      }
      let text = try #require(error?.description)
      #expect(text.contains("'loss_cls' became") && text.contains("in epoch 4, step 1"))
      let batch = try #require(
        try classifierData(train: 20, batchSize: 10, isUniform: true)
          .batches(.train, mode: .training(epoch: 3)).next()
      )
      #expect(text.contains(batch.frames.map(\.itemID).joined(separator: ", ")))
      #expect(text.contains("of epoch 3, are kept in \(run.directory.bestCheckpoint.path)"))
      #expect(text.contains("learningRate"))
      expectClose(try run.savedPosition(), 0.4, atol: 1e-5)
    }

    @Test("a gradient that is no number ends training before it reaches the weights")
    func nanGradient() throws {
      let run = try TestRun()
      // At the floor itself the loss is a number, its gradient is not.
      let error = #expect(throws: EngineError.self) {
        try run.train(Ramp(start: 0, floor: 0), plainOptions(epochs: 1))
      }
      #expect(error?.description.contains("gradient norm") == true)
      #expect(!FileManager.default.fileExists(atPath: run.directory.bestCheckpoint.path))
    }

    @Test("a rate that blows the weights up is an error, not a model")
    func divergence() throws {
      let run = try TestRun()
      let data = try classifierData(train: 4, val: 2, batchSize: 2)
      let error = #expect(throws: EngineError.self) {
        try run.train(
          SmallClassifier(labelCount: 2),
          plainOptions(epochs: 9, rate: 1e38),
          data: data
        )
      }
      guard case .trainingFailed(_, let advice)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(advice.contains("learningRate"))
    }

    @Test("one picture is too little for normalisation, and the advice says what to do")
    func singleValue() throws {
      let info = classifierInfo(size: 2)
      let data = try classifierData(train: 3, val: 1, batchSize: 1, size: 2)
      let error = #expect(throws: EngineError.self) {
        try TestRun().train(
          SmallClassifier(labelCount: 2),
          plainOptions(epochs: 1),
          info: info,
          data: data
        )
      }
      #expect(error?.description.contains("--batch-size") == true)
    }

    @Test("cancelled before the first validation, what was learned is kept, and said")
    func cancelledEarly() async throws {
      let run = try TestRun { event in
        if case .step = event { withUnsafeCurrentTask { $0?.cancel() } }
      }
      let result = try await Task { try run.train(Ramp(), plainOptions(epochs: 9)) }.value
      #expect(result.stopReason == "interrupted" && result.epochs == 1 && result.stepCount == 1)
      expectClose(try run.savedPosition(), 0.9, atol: 1e-5)
      #expect(FileManager.default.fileExists(atPath: run.directory.lastCheckpoint.path))
      #expect(run.listener.warnings.contains { $0.contains("before the first validation") })
    }

    @Test("cancelled within a later validation, the best so far is kept")
    func cancelledLate() async throws {
      let run = try TestRun { event in
        if case .step(let step) = event, step.epoch == 3, step.step == 2 {
          withUnsafeCurrentTask { $0?.cancel() }
        }
      }
      let result = try await Task { try run.train(Ramp(), plainOptions(epochs: 9)) }.value
      #expect(result.stopReason == "interrupted" && result.epochs == 3 && result.bestEpoch == 2)
      expectClose(try run.savedPosition(), 0.6, atol: 1e-5)
      #expect(run.listener.warnings.isEmpty)
    }

    @Test("a training that fails leaves the engine with the weights of the one before")
    func failureAfterSuccess() async throws {
      let engine = try TorchEngine<MultiClassClassification>(
        info: classifierInfo(),
        weights: .random,
        options: EngineOptions(),
        models: [SmallClassifier.entry]
      )
      let data = try classifierData(train: 4, val: 4, batchSize: 4)
      let batch = try #require(try data.batches(.val, mode: .evaluation).next())
      let random = try await engine.predict(batch)
      let good = try TestRun()
      func train(_ run: TestRun, rate: Double, threshold: Float?) async throws {
        _ = try await engine.train(
          on: data,
          options: plainOptions(epochs: 3, rate: rate),
          confidenceThreshold: threshold,
          run: run.directory,
          observers: [run.listener]
        )
      }
      try await train(good, rate: 0.1, threshold: 0.6)
      let trained = try await engine.predict(batch)
      #expect(trained != random)
      let bad = try TestRun()
      await #expect(throws: EngineError.self) { try await train(bad, rate: 1e38, threshold: 0.1) }
      #expect(try await engine.predict(batch) == trained)
      #expect(await engine.info.confidenceThreshold == 0.6)
      #expect(
        bad.listener.messages.contains("Weights: those of \(good.directory.bestCheckpoint.path)")
      )
    }

    @Test("memory that runs out is an error with advice, and the engine lives on")
    func outOfMemory() async throws {
      await #expect(processExitsWith: .success) {
        var options = EngineOptions()
        options.threads = 1
        let engine = try TorchEngine<MultiClassClassification>(
          info: classifierInfo("resnet18", size: 64),
          weights: .random,
          options: options
        )
        let data = try classifierData(train: 64, val: 2, batchSize: 64, size: 64)
        let batch = try #require(try data.batches(.val, mode: .evaluation).next())
        let before = try await engine.predict(batch)
        let inUse = try Torch.memory().inUse
        try Torch.emptyMemoryCache()
        try Torch.setMemoryLimit(inUse + (24 << 20))
        let run = try TestRun()
        let error = await #expect(throws: EngineError.self) {
          try await engine.train(
            on: data,
            options: plainOptions(epochs: 1),
            confidenceThreshold: nil,
            run: run.directory,
            observers: []
          )
        }
        let text = try #require(error?.description)
        #expect(text.contains("memory ran out") && text.contains("--batch-size"))
        try Torch.setMemoryLimit(nil)
        // The engine is as it was before: the same weights, the same predictions.
        #expect(try await engine.predict(batch) == before)
      }
    }
  }
}
