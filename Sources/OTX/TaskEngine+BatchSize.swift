import Foundation
import OTXCore
import OTXData
import OTXRecipe
import OTXTensor
import OTXTorch
import OTXTuning

extension TaskEngine {
  /// Steps of a trial: the later ones take no more than the first ones.
  private static var trialStepCount: Int { 5 }

  /// Memory that training takes with this engine's recipe; `nil` where it runs out.
  func trialMemory(in folder: URL) async throws -> Int? {
    guard let trainer = sub as? any MemoryMeasuringEngine<Kind> else {
      throw ConfigurationError.invalid(
        "adaptiveBatchSize: the backend \(backend) cannot try batch sizes; give --batch-size instead"
      )
    }
    return try await trainer.memory(
      of: recipe.training,
      on: try await dataModule(),
      steps: TaskEngine.trialStepCount,
      scratch: folder
    )
  }

  /// Finds the batch size that `wish` asks for, and gives it to the recipe.
  ///
  /// - Parameters:
  ///   - recipe: With the precision settled: memory hangs on it.
  ///   - wish: `safe` or `full`.
  ///   - itemCount: Training pictures.
  ///   - run: Where trials write; they leave nothing there.
  ///   - observers: Told of each trial.
  /// - Returns: The decision.
  /// - Throws: What a trial throws beside running out of memory.
  func settleBatchSize(
    _ recipe: inout Recipe,
    _ wish: AdaptiveBatchSize,
    itemCount: Int,
    run: RunDirectory,
    observers: [any TrainingObserver]
  ) async throws -> Decision {
    let memory = try memoryBudget()
    let folder = run.root.appending(path: ".batch-trial", directoryHint: .isDirectory)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Folder.make(folder)
    let given = recipe.training.batchSize
    let search = BatchSizeSearch(memory: memory, largest: itemCount)
    let settled = recipe
    let trial = { (size: Int) async throws -> BatchSizeSearch.Outcome in
      var tried = settled
      tried.training.batchSize = size
      let bytes = try await self.memory(of: tried, in: folder)
      let found = bytes.map { gibibytes($0) } ?? "out of memory"
      observers.tell(.message("batch size \(size): \(found) of \(gibibytes(memory))"))
      return bytes.map { .bytes($0) } ?? .outOfMemory
    }
    let result =
      wish == .full
      ? try await search.full(from: given, trial: trial)
      : try await search.safe(from: given, trial: trial)
    if !result.isTried {
      observers.tell(
        .warning("no batch size was found that fits \(gibibytes(memory)); 1 is taken")
      )
    }
    let oldRate = recipe.training.optimizer.learningRate
    recipe.training.changeBatchSize(to: result.batchSize)
    return decision(result, wish, given, memory, oldRate, recipe.training.optimizer.learningRate)
  }

  private func decision(
    _ result: BatchSizeSearch.Result,
    _ wish: AdaptiveBatchSize,
    _ given: Int,
    _ memory: Int,
    _ oldRate: Double,
    _ newRate: Double
  ) -> Decision {
    let trials = result.attempts.map { attempt in
      switch attempt.outcome {
      case .outOfMemory: "\(attempt.batchSize) ran out of memory"
      case .bytes(let count): "\(attempt.batchSize) took \(gibibytes(count))"
      }
    }
    let rates = oldRate == newRate ? "" : "; learning rate \(oldRate) -> \(newRate), with its root"
    return Decision(
      setting: "batchSize",
      value: "\(result.batchSize)",
      reason:
        "\(wish.rawValue): \(given) -> \(result.batchSize) in \(gibibytes(memory)): \(trials.joined(separator: ", "))\(rates)"
    )
  }

  /// Bytes there are for training: the user's limit, else the allocator's.
  private func memoryBudget() throws -> Int {
    if batchTrials.memoryLimit > 0 { return batchTrials.memoryLimit }
    let limit = try Torch.memory().limit
    return limit > 0 ? limit : Int(clamping: ProcessInfo.processInfo.physicalMemory)
  }

  /// What training by `recipe` takes at most; `nil`: more than there is.
  ///
  /// Tried in a child process where the program answers for one and the data can be read again.
  private func memory(of recipe: Recipe, in folder: URL) async throws -> Int? {
    if let program = batchTrials.program, let location = batchTrials.location {
      var worker = WorkerProcess<BatchSizeJob>(in: folder.appending(path: "worker"))
      worker.executable = program
      do {
        let input = BatchSizeJob.Input(
          recipe: try recipe.yaml(),
          record: RunRecord(location),
          memoryLimit: batchTrials.memoryLimit,
          folder: folder.appending(path: "run", directoryHint: .isDirectory)
        )
        let output = try await worker.run(input).output
        try Task.checkCancellation()
        return output.bytes
      } catch let error as WorkerError where error.mayBeMemory {
        return nil
      } catch WorkerError.cannotStart, WorkerError.failed {
        // Here it may work, or fail with an error that says more.
      }
    }
    // Tensors have a budget of their own: what exceeds it is told, and ends nothing.
    let engine = TaskEngine(
      sub: sub,
      backend: backend,
      dataset: dataset,
      recipe: recipe,
      batchTrials: batchTrials
    )
    return try await engine.trialMemory(in: folder.appending(path: "run"))
  }
}

/// `3.2 GiB`.
private func gibibytes(_ bytes: Int) -> String {
  let tenths = Int((Double(bytes) / 0x1p30 * 10).rounded())
  return "\(tenths / 10).\(tenths % 10) GiB"
}

/// What the trials of a batch size go by.
struct BatchTrialSource: Sendable {
  /// Where the data is; `nil` where nobody else could read it.
  var location: DataLocation?
  /// Bytes that training may take; 0: what the machine has.
  var memoryLimit: Int
  /// The program whose child processes try; `nil` where none does, and this process tries itself.
  var program = WorkerProcess<BatchSizeJob>.isAvailable ? "/proc/self/exe" : nil
}
