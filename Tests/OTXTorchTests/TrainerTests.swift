import Foundation
import OTXCore
import OTXData
import OTXNN
import OTXTensor
import OTXTesting
import Testing

@testable import OTXTorch

extension Training {
  /// What the loop does with the course of a training that is known beforehand.
  @Suite("The loop") struct Loop {
    @Test("the best weights are kept, not the last")
    func best() throws {
      let run = try TestRun()
      // 0.8, 0.6, 0.4, 0.2, 0, -0.2, -0.4 after each epoch; the peak is at 0.4.
      let result = try run.train(Ramp(peak: 0.4), plainOptions(epochs: 7))
      #expect(result.bestEpoch == 3 && result.epochs == 7 && result.stepCount == 14)
      #expect(result.best.primaryValue == 1)
      expectClose(try run.savedPosition(), 0.4, atol: 1e-5)
      let accuracies = run.listener.validations.map { $0.report.values["accuracy"] ?? -1 }
      #expect(accuracies == [0.6, 0.8, 1, 0.8, 0.6, 0.4, 0.2])
      #expect(
        run.listener.validations.map(\.isBest) == [true, true, true, false, false, false, false]
      )
      // The last weights and the counters are in the other file.
      expectClose(try #require(run.last("state_dict", "position")?.doubles()), [-0.4], atol: 1e-5)
      let last = try PickleFile.read(run.directory.lastCheckpoint)
      #expect(last["epoch"]?.intValue == 7 && last["iteration"]?.intValue == 14)
      #expect(try CheckpointFile.readRecipe(run.directory.lastCheckpoint) == "model: test\n")
      #expect(try CheckpointFile.read(run.directory.bestCheckpoint).recipe == "model: test\n")
    }

    @Test("of equal scores the first stays the best")
    func ties() throws {
      let run = try TestRun()
      let result = try run.train(Ramp(slope: 0), plainOptions(epochs: 3))
      #expect(result.bestEpoch == 1)
    }

    @Test("training ends when the score has not risen for so many validations")
    func earlyStopping() throws {
      let run = try TestRun()
      var options = plainOptions(epochs: 50)
      options.earlyStopping.enabled = true
      options.earlyStopping.patience = 3
      options.earlyStopping.warmupEpochs = 1
      options.earlyStopping.warmupSteps = 1
      let result = try run.train(Ramp(peak: 0.4), options)
      #expect(result.epochs == 6 && result.bestEpoch == 3)
      #expect(result.stopReason.contains("not risen for 3 validations"))
      #expect(FileManager.default.fileExists(atPath: run.directory.lastCheckpoint.path))
    }

    @Test("the learning rate falls on a plateau, and the log says so")
    func plateau() throws {
      let run = try TestRun()
      var options = plainOptions(epochs: 5)
      options.schedule.name = .reduceOnPlateau
      options.schedule.patience = 1
      options.schedule.factor = 0.5
      // The score falls from the first validation on.
      try run.train(Ramp(peak: 1), options)
      #expect(
        run.listener.steps.map(\.learningRate) == [
          0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05,
        ]
      )
      let lines = run.listener.messages.filter { $0.hasPrefix("Update learning rate: ") }
      #expect(lines.count == 2 && lines.first?.hasPrefix("Update learning rate: 0.05") == true)
    }

    @Test("a fraction of an epoch validates within it, and at its end")
    func fraction() throws {
      let run = try TestRun()
      var options = plainOptions(epochs: 2)
      options.validationInterval = 0.5
      let data = try classifierData(train: 40, batchSize: 10, isUniform: true)
      try run.train(Ramp(), options, data: data)
      let iterations = run.listener.events.reduce(into: (step: 0, validated: [Int]())) {
        state,
        event in
        if case .step(let step) = event { state.step = step.iteration }
        if case .validated = event { state.validated.append(state.step) }
      }
      #expect(iterations.validated == [2, 4, 6, 8])
    }

    @Test("a longer interval validates less often, and always at the very end")
    func interval() throws {
      let run = try TestRun()
      var options = plainOptions(epochs: 5)
      options.validationInterval = 3
      try run.train(Ramp(), options)
      #expect(run.listener.validations.map(\.epoch) == [3, 5])
    }

    @Test("averaged weights are what is validated and kept")
    func average() throws {
      let run = try TestRun()
      var options = plainOptions(epochs: 3)
      options.emaDecay = 0.4
      try run.train(Ramp(), options)
      var (weight, average) = (1.0, 1.0)
      for step in 1...6 {
        weight -= 0.1
        // The decay rises to its value.
        average += (weight - average) * (1 - min(0.4, Double(1 + step) / Double(10 + step)))
      }
      expectClose(try run.savedPosition(), average, atol: 1e-5)
      // Accuracy 1 - |average|, to a tenth.
      let accuracy = run.listener.validations.last?.report.values["accuracy"]
      #expect(accuracy == ((1 - average) * 10).rounded() / 10)
      // Training itself goes on from the weights as they are.
      expectClose(try #require(run.last("state_dict", "position")?.doubles()), [weight], atol: 1e-5)
      expectClose(try #require(run.last("averaged", "position")?.doubles()), [average], atol: 1e-5)
    }

    @Test("gradients are clipped to the length that the recipe allows")
    func clipping() throws {
      let run = try TestRun()
      var options = plainOptions(epochs: 1)
      options.gradientClip = 0.5
      try run.train(Ramp(slope: 20), options)
      #expect(run.listener.steps.map(\.gradientNorm) == [20, 20])
      expectClose(try run.savedPosition(), 1 - 2 * 0.1 * 0.5, atol: 1e-5)
    }

    @Test("what a step tells is what happened")
    func figures() throws {
      let run = try TestRun()
      try run.train(Ramp(slope: 2), plainOptions(epochs: 2))
      let steps = run.listener.steps
      #expect(steps.map(\.epoch) == [1, 1, 2, 2] && steps.map(\.step) == [1, 2, 1, 2])
      #expect(steps.map(\.iteration) == [1, 2, 3, 4])
      #expect(steps.allSatisfy { $0.stepCount == 2 && $0.epochCount == 2 && $0.imageCount == 10 })
      #expect(steps.allSatisfy { $0.time >= $0.dataTime && $0.memoryBytes > 0 && $0.eta >= 0 })
      let losses = try steps.map { try #require($0.losses.first { $0.name == "loss_cls" }).value }
      expectClose(losses, [2, 1.6, 1.2, 0.8], atol: 1e-5)
      #expect(steps.allSatisfy { $0.losses.last?.name == "loss" })
      guard
        case .started(2, 2, .fp32)? = run.listener.events.first(where: {
          if case .started = $0 { true } else { false }
        })
      else {
        Issue.record("no start was told")
        return
      }
      guard case .finished(let result)? = run.listener.events.last else {
        Issue.record("no end was told")
        return
      }
      #expect(result.imagesPerSecond > 0 && result.peakMemoryBytes > 0)
      #expect(result.stopReason == "all 2 epochs are trained")
    }

    @Test("a short epoch is validated less often, with a line for each change")
    func adaptive() throws {
      let run = try TestRun()
      var options = plainOptions(epochs: 12)
      options.adaptiveScheduling = true
      try run.train(Ramp(slope: 0.1), options)
      #expect(run.listener.validations.map(\.epoch) == [5, 10, 12])
      #expect(run.listener.messages.contains { $0.hasPrefix("Update Validation Interval: 5") })
    }

    @Test("another score than the task's own may pick the best")
    func metric() throws {
      let run = try TestRun()
      var options = plainOptions(epochs: 1)
      options.metric = "F1"
      let result = try run.train(Ramp(), options)
      #expect(result.bestEpoch == 1 && result.best.values["f1"] != nil)
      options.metric = "acuracy"
      let error = #expect(throws: ConfigurationError.self) { try TestRun().train(Ramp(), options) }
      #expect(error?.description.contains("did you mean 'accuracy'") == true)
    }

    @Test("a threshold of the user's is kept, an open one comes from validation")
    func threshold() throws {
      let options = plainOptions(epochs: 1)
      let data = try classifierData(train: 20, batchSize: 10, isUniform: true)
      let given = try TestRun()
      try given.train(Ramp(), options, data: data, confidenceThreshold: 0.7)
      let file = try CheckpointFile.read(given.directory.bestCheckpoint)
      #expect(file.info?.confidenceThreshold == 0.7)
      // One that the checkpoint had is no wish of the user's; this task chooses none.
      var info = classifierInfo()
      info.confidenceThreshold = 0.2
      let open = try TestRun()
      try open.train(Ramp(), options, info: info, data: data)
      #expect(
        try CheckpointFile.read(open.directory.bestCheckpoint).info?.confidenceThreshold == nil
      )
    }

    @Test("a single picture left over joins the batch before, and normalisation works")
    func leftOver() throws {
      let run = try TestRun()
      let data = try classifierData(train: 5, val: 2, batchSize: 2)
      try run.train(SmallClassifier(labelCount: 2), plainOptions(epochs: 2), data: data)
      #expect(run.listener.steps.map(\.imageCount) == [2, 3, 2, 3])
      let state = try CheckpointFile.read(run.directory.bestCheckpoint).state
      #expect(state["normalization.running_var"]?.doubles()?.allSatisfy(\.isFinite) == true)
      #expect(state["normalization.num_batches_tracked"]?.doubles()?.first ?? 0 >= 2)
    }

    @Test("no options that train nothing, no data without validation")
    func nothing() throws {
      #expect(throws: ConfigurationError.self) {
        try TestRun().train(Ramp(), plainOptions(epochs: 0))
      }
      let data = try classifierData(train: 4, val: 0)
      let error = #expect(throws: DataError.self) {
        try TestRun().train(Ramp(), plainOptions(epochs: 1), data: data)
      }
      #expect(error?.description.contains("val subset") == true)
    }
  }
}

@Suite("Which weights are the best")
struct SelectionTests {
  private func report(_ values: [String: Double]) -> MetricReport {
    MetricReport(primary: "map_50", values: values)
  }

  @Test("only a higher score is better")
  func scores() {
    var selection = Selection(metric: "map_50")
    let taken = [0.1, 0.3, 0.3, 0.2, 0.31].enumerated().map { epoch, score in
      selection.take(report(["map_50": score]), epoch: epoch)
    }
    #expect(taken == [true, true, false, false, true])
    #expect(selection.best?.epoch == 4)
  }

  @Test("while no score is defined the newest is the best, and any score beats none")
  func undefined() {
    var selection = Selection(metric: "map_50")
    let values: [[String: Double]] = [[:], ["map_50": .nan], ["map_50": 0], [:], ["map_50": 0.1]]
    let taken = values.enumerated().map { selection.take(report($1), epoch: $0) }
    #expect(taken == [true, true, true, false, true])
  }
}
