import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor

extension Trainer {
  /// Takes over what the run's last checkpoint holds.
  ///
  /// - Returns: Why training is over already, or `nil` where there is something left to do.
  /// - Throws: ``ModelError`` for a checkpoint that cannot be read or is another model's,
  ///   ``DataError/changed(_:)``, ``ConfigurationError`` for fewer epochs than are trained.
  func restore() throws -> String? {
    let url = directory.lastCheckpoint
    let saved = try TrainingCheckpoint(url)
    let state = saved.state
    try checkData(saved.data)
    // Another number of epochs than was planned has a schedule of its own.
    if let saved = state.course, saved.planned == options.maxEpochs * stepsPerEpoch {
      course = saved
    }
    guard epochCount >= state.epoch else {
      throw ConfigurationError.invalid(
        "maxEpochs is \(options.maxEpochs), but the run is in epoch \(state.epoch) already"
      )
    }
    let differences = machine.differences(from: saved.machine)
    if !differences.isEmpty {
      tell(
        .warning(
          "this is not the machine that the run began on (\(differences.joined(separator: "; "))): bits of the result may differ"
        )
      )
    }
    try load(saved, from: url)
    (epoch, step, iteration) = (state.epoch, state.step, state.iteration)
    (isValidated, validationCount) = (state.isValidated, state.validationCount)
    (lastStep, time, info) = (state.lastStep, saved.time, saved.info)
    selection.best = state.best
    restoreSchedule(state)
    if state.stepsPerEpoch != stepsPerEpoch, step > 0, step < state.stepsPerEpoch {
      tell(.warning("the epochs have another length now: epoch \(epoch) begins anew"))
      (step, isValidated) = (0, true)
    } else if step == state.stepsPerEpoch {
      step = stepsPerEpoch
    }
    tell(.resumed(after: lastFigures, validationCount: validationCount))
    guard let reason = state.stopReason else { return nil }
    // An end by the last epoch is none where more epochs are allowed, nor an end by the score where
    // stopping is switched off or more patience is asked for.
    let isEnd =
      course.map { position >= $0.last } ?? (step == stepsPerEpoch && epoch >= options.maxEpochs)
    let isStopped =
      options.earlyStopping.enabled && stopping.waited >= adaptive.earlyStoppingPatience
    return isEnd || isStopped ? reason : nil
  }

  private func checkData(_ old: DataFingerprint?) throws {
    guard let old, let new = directory.data else { return }
    let changes = new.changes(from: old)
    guard !changes.isEmpty else { return }
    guard directory.start == .resumedOnChangedData else { throw DataError.changed(changes) }
    tell(.warning("the data changed since the run began: \(changes.joined(separator: "; "))"))
  }

  private func load(_ saved: TrainingCheckpoint, from url: URL) throws {
    if let decay = averaged?.decay, let average = saved.averaged {
      // The average starts from the network's weights; these are its own for a moment.
      try Checkpoints.load(average, of: url, into: model.module)
      averaged = try WeightAverage(of: model.module, decay: decay)
    }
    try Checkpoints.load(saved.weights, of: url, into: model.module)
    do {
      try optimizer.loadState(Checkpoints.tensors(of: saved.optimizer))
    } catch let error as OptimizerStateError {
      throw ModelError.mismatch("\(url.path): \(error)")
    }
  }

  private func restoreSchedule(_ state: TrainingState) {
    // What was adapted stays as it was decided, unless the wish itself is another.
    if state.adaptive.requested == adaptive.requested { adaptive = state.adaptive }
    schedule = Trainer.schedule(options, adaptive, stepsPerEpoch: stepsPerEpoch)
    schedule.state = state.schedule
    stopping = EarlyStopping(
      options: options.earlyStopping,
      patience: adaptive.earlyStoppingPatience,
      stepsPerEpoch: stepsPerEpoch
    )
    stopping.state = state.stopping
  }

  /// The last step as it was told, as far as that is known.
  private var lastFigures: TrainingStep {
    TrainingStep(
      epoch: epoch,
      epochCount: epochCount,
      step: step,
      stepCount: stepsPerEpoch,
      iteration: iteration,
      learningRate: lastStep?.learningRate ?? 0,
      time: 0,
      dataTime: 0,
      eta: 0,
      memoryBytes: ProcessMemory.residentBytes(),
      losses: lastStep?.losses ?? [],
      gradientNorm: lastStep?.gradientNorm ?? 0,
      imageCount: 0
    )
  }

  // MARK: Writing

  /// Writes `last.pth` if the time for it has come.
  func saveIfDue() {
    if now() - lastSave >= 60 * options.checkpoint.intervalMinutes { save() }
  }

  /// Writes `last.pth`; where that fails, the one before stays and training goes on.
  ///
  /// A disk may have room again in time: the next checkpoint tries anew.
  func save() {
    let start = now()
    do {
      try writeLast(stopReason: nil)
      keeper?.takeSaving(now() - start)
    } catch {
      tell(
        .warning(
          "\(error). Training goes on; the checkpoint before stays, and writing is tried again with the next one"
        )
      )
    }
    lastSave = now()
  }

  /// Writes what is left when training ends.
  ///
  /// - Throws: ``EngineError/trainingFailed(_:advice:)`` where it cannot be written.
  func saveEnd(_ reason: String) throws {
    do {
      let goesOn = [TrainingResult.interrupted, TrainingResult.paused].contains(reason)
      try writeLast(stopReason: goesOn ? nil : reason)
      if selection.best == nil, reason == TrainingResult.paused {
        try inferenceCheckpoint().write(to: directory.bestCheckpoint)
      } else if selection.best == nil {
        // Ended before the first validation: what was learned must not be lost.
        tell(.warning("training ended before the first validation; the last weights are kept"))
        try inferenceCheckpoint().write(to: directory.bestCheckpoint)
      }
    } catch let error as FileError {
      throw EngineError.trainingFailed(
        "\(error)",
        advice:
          "What was written before is unharmed. Then go on from the last checkpoint: otx train --resume \(directory.root.relativePath)"
      )
    }
  }

  /// Keeps the present weights as the best; in memory, where they cannot be written.
  func saveBest() throws {
    let file = try inferenceCheckpoint()
    do {
      try file.write(to: directory.bestCheckpoint)
      unsavedBest = nil
    } catch let error as FileError {
      unsavedBest = file
      tell(
        .warning(
          "\(error). Training goes on with the best weights in memory; writing is tried again with the next checkpoint"
        )
      )
    }
  }

  private func inferenceCheckpoint() throws -> CheckpointFile {
    try withInferenceWeights {
      CheckpointFile(
        state: try Checkpoints.state(of: self.model.module),
        info: self.info,
        recipe: self.directory.recipeText,
        decisions: self.directory.decisions,
        script: try (self.model.module as? any ScriptCarrying)?.scriptData()
      )
    }
  }

  private func writeLast(stopReason: String?) throws {
    // The best weights first: a checkpoint that knows of a best score must find its weights.
    if let best = unsavedBest {
      try best.write(to: directory.bestCheckpoint)
      unsavedBest = nil
    }
    let state = TrainingState(
      epoch: epoch,
      step: step,
      iteration: iteration,
      isValidated: isValidated,
      validationCount: validationCount,
      stepsPerEpoch: stepsPerEpoch,
      lastStep: lastStep,
      schedule: schedule.state,
      stopping: stopping.state,
      adaptive: adaptive,
      best: selection.best,
      course: course,
      stopReason: stopReason
    )
    try TrainingCheckpoint(
      weights: Checkpoints.state(of: model.module),
      optimizer: Checkpoints.dictionary(optimizer.state()),
      averaged: averaged.map { try Checkpoints.dictionary($0.stateDictionary()) },
      state: state,
      machine: machine,
      data: directory.data,
      time: time,
      info: info,
      recipe: directory.recipeText
    ).write(to: directory.lastCheckpoint)
  }
}
