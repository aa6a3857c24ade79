import Foundation
import OTXCore
import OTXData
import OTXModels
import OTXNN
import OTXTensor
import OTXTesting
import Synchronization
import Testing

@testable import OTXTorch

extension Training {
  /// A run that stopped goes on as if it had not.
  @Suite("Going on") struct Resumption {
    private struct Stop: Error {}

    /// Averages, momentum, dropout, batch statistics and validations within the epoch.
    private func options(epochs: Int = 3) -> TrainOptions {
      var options = plainOptions(epochs: epochs)
      options.optimizer.momentum = 0.9
      options.emaDecay = 0.8
      options.validationInterval = 0.5
      options.schedule.name = .reduceOnPlateau
      options.schedule.patience = 1
      options.earlyStopping.enabled = true
      options.checkpoint.intervalMinutes = 0
      return options
    }

    private func model() throws -> SmallClassifier {
      try TorchGenerator.seeded(7) { try SmallClassifier(labelCount: 2) }
    }

    private func data() throws -> DataModule<MultiClassClassification> {
      try classifierData(train: 16, val: 6, batchSize: 4)
    }

    /// Trains in the folder of `run`, from its checkpoint where there is one.
    @discardableResult
    private func train(
      _ run: TestRun,
      _ options: TrainOptions,
      data: DataModule<MultiClassClassification>? = nil,
      fingerprint: DataFingerprint? = nil,
      start: RunStart = .fresh,
      observer: Listener? = nil
    ) throws -> TrainingResult {
      var directory = run.directory
      directory.start = start
      directory.data = fingerprint
      return try Trainer(
        model: try model(),
        info: classifierInfo(),
        data: try data ?? self.data(),
        options: options,
        confidenceThreshold: nil,
        directory: directory,
        observers: [observer ?? run.listener]
      ).run()
    }

    /// All of a checkpoint but the time it took.
    private func contents(_ run: TestRun) throws -> [Data] {
      [
        try Data(contentsOf: run.directory.bestCheckpoint),
        Data("\(try PickleFile.read(run.directory.lastCheckpoint))".utf8),
      ]
    }

    @Test("stopped after any step, with whatever was written by then, it ends with the same bits")
    func everyStep() throws {
      let whole = try TestRun()
      let result = try train(whole, options())
      let expected = try contents(whole)
      #expect(result.stepCount == 12)
      for step in 1..<12 {
        // What is on disk in the middle of a step: files as they were, copied away.
        let copy = try TemporaryFolder()
        let run = try TestRun()
        let stopped = Listener { event in
          guard case .step(let figures) = event, figures.iteration == step else { return }
          for name in ["last.pth", "weights.pth"] {
            let file = run.directory.root.appending(path: name)
            if FileManager.default.fileExists(atPath: file.path) { try? copy.copy(file, to: name) }
          }
        }
        try train(run, options(), observer: stopped)
        let files = try FileManager.default.contentsOfDirectory(atPath: copy.url.path)
        guard files.contains("last.pth") else {
          #expect(step == 1)
          continue
        }
        let second = try TestRun()
        for name in files {
          try FileManager.default.copyItem(
            at: copy.url.appending(path: name),
            to: second.directory.root.appending(path: name)
          )
        }
        let resumed = try train(second, options(), start: .resumed)
        #expect(try contents(second) == expected, "stopped after step \(step)")
        #expect(resumed.best == result.best && resumed.stopReason == result.stopReason)
        #expect(second.listener.steps.first?.iteration == step)
      }
    }

    @Test("cancelled, it saves the step it was at, also before a validation")
    func cancelled() async throws {
      let whole = try TestRun()
      try train(whole, options())
      // Step 2 is followed by a validation, step 3 by none; the third stops within a validation.
      for stop in ["step 2", "step 3", "validation"] {
        let run = try TestRun { event in
          switch event {
          case .step(let figures) where stop == "step \(figures.iteration)": break
          case .validating where stop == "validation": break
          default: return
          }
          withUnsafeCurrentTask { $0?.cancel() }
        }
        let result = try await Task { try train(run, options()) }.value
        #expect(result.isInterrupted)
        let listener = Listener()
        #expect(!(try train(run, options(), start: .resumed, observer: listener)).isInterrupted)
        #expect(try contents(run) == contents(whole), "stopped at \(stop)")
        guard case .resumed(let last, let count)? = listener.events.first else {
          Issue.record("\(listener.events)")
          return
        }
        #expect(last.iteration == (stop == "step 3" ? 3 : 2) && last.losses.last?.name == "loss")
        #expect(count == (stop == "step 3" ? 1 : 0))
      }
    }

    @Test("a finished run is not trained again, unless more epochs are allowed")
    func finished() throws {
      let run = try TestRun()
      let first = try train(run, options(epochs: 2))
      let before = try Data(contentsOf: run.directory.lastCheckpoint)
      let again = Listener()
      let second = try train(run, options(epochs: 2), start: .resumed, observer: again)
      #expect(again.steps.isEmpty && second.best == first.best)
      #expect(try Data(contentsOf: run.directory.lastCheckpoint) == before)
      let longer = Listener()
      let third = try train(run, options(epochs: 4), start: .resumed, observer: longer)
      #expect(third.epochs == 4 && longer.steps.map(\.iteration) == Array(9...16))
      #expect(throws: ConfigurationError.self) {
        try train(run, options(epochs: 3), start: .resumed)
      }
    }

    @Test("other data is an error that says what changed, unless it is wanted")
    func changedData() throws {
      func fingerprint(_ count: Int) -> DataFingerprint {
        let part = DataFingerprint.Part(itemCount: count, names: 1, pictures: 2, annotations: 3)
        return DataFingerprint(subsets: ["train": part])
      }
      let run = try TestRun()
      try train(run, options(epochs: 1), fingerprint: fingerprint(16))
      let error = #expect(throws: DataError.self) {
        try train(run, options(epochs: 2), fingerprint: fingerprint(15), start: .resumed)
      }
      #expect(error?.description.contains("train subset had 16 items and has 15 now") == true)
      let listener = Listener()
      try train(
        run,
        options(epochs: 2),
        fingerprint: fingerprint(15),
        start: .resumedOnChangedData,
        observer: listener
      )
      #expect(listener.warnings.contains { $0.contains("has 15 now") })
    }

    /// Puts folders where files go, so that these cannot be written, or takes the folders away again.
    private static func block(_ isBlocked: Bool, in run: URL) throws {
      let manager = FileManager.default
      for name in ["last.pth", "weights.pth"] {
        let (file, aside) = (run.appending(path: name), run.appending(path: "kept-\(name)"))
        if isBlocked {
          try manager.moveItem(at: file, to: aside)
          try manager.createDirectory(at: file, withIntermediateDirectories: false)
        } else {
          try manager.removeItem(at: file)
          try manager.moveItem(at: aside, to: file)
        }
      }
    }

    /// A run whose files cannot be written from one step on until another.
    private func blockedRun(from first: Int, until last: Int = .max) throws -> TestRun {
      let folder = Mutex<URL?>(nil)
      let run = try TestRun { event in
        guard case .step(let figures) = event, let root = folder.withLock({ $0 }) else { return }
        if figures.iteration == first { try? Resumption.block(true, in: root) }
        if figures.iteration == last { try? Resumption.block(false, in: root) }
      }
      folder.withLock { $0 = run.directory.root }
      return run
    }

    @Test("what cannot be written for a while keeps what was written, and training goes on")
    func unwritable() throws {
      let whole = try TestRun()
      try train(whole, options())
      let run = try blockedRun(from: 3, until: 9)
      try train(run, options())
      #expect(run.listener.warnings.contains { $0.contains("last.pth") })
      #expect(try contents(run) == contents(whole))
      // Until the end: an error that says how to go on, and the checkpoint of before goes on.
      let failed = try blockedRun(from: 7)
      let error = #expect(throws: EngineError.self) { try train(failed, options()) }
      #expect(error?.description.contains("otx train --resume") == true)
      try Resumption.block(false, in: failed.directory.root)
      try train(failed, options(), start: .resumed, observer: Listener())
      #expect(try contents(failed) == contents(whole))
    }

    @Test("gradients of several batches make the step of one large batch")
    func accumulation() throws {
      let large = try TestRun()
      var options = plainOptions(epochs: 2)
      options.optimizer.momentum = 0.9
      let model = try TorchGenerator.seeded(7) { try PlainClassifier() }
      try large.train(
        model,
        options,
        data: try classifierData(train: 16, val: 4, batchSize: 8)
      )
      options.gradientAccumulation = 4
      let small = try TestRun()
      let other = try TorchGenerator.seeded(7) { try PlainClassifier() }
      try small.train(other, options, data: try classifierData(train: 16, val: 4, batchSize: 2))
      #expect(small.listener.steps.map(\.imageCount) == [8, 8, 8, 8])
      for (one, two) in zip(model.module.stateDictionary(), other.module.stateDictionary()) {
        expectClose(try one.value.floats(), try two.value.floats(), rtol: 1e-5, atol: 1e-6)
      }
      let losses = { (run: TestRun) in run.listener.steps.compactMap { $0.losses.last?.value } }
      expectClose(losses(large), losses(small), rtol: 1e-5, atol: 1e-6)
    }
  }
}

/// A network without batch statistics or dropout, so that a batch is the sum of its parts.
private final class PlainNetwork: Layer {
  let output: Linear
  init() throws { output = try Linear(3 * 16 * 16, 2) }
  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try output(input.reshape([-1, 3 * 16 * 16]))
  }
}

private final class PlainClassifier: AdaptedModel {
  typealias Kind = MultiClassClassification
  let network: PlainNetwork
  init() throws { network = try PlainNetwork() }
  func loss(of output: Tensor, _ batch: MultiClassClassification.Batch) throws -> LossTerms {
    let labels = try Tensor(batch.entities.map(\.label))
    return LossTerms([NamedTensor("loss_cls", try crossEntropy(output, labels))])
  }
  func outputs(of output: Tensor) throws -> [NamedTensor] {
    [NamedTensor(MultiClassClassification.Output.logits, output)]
  }
}
