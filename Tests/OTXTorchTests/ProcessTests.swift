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
  /// What concerns the process as a whole: its threads and its random numbers.
  @Suite("The process") struct Process {
    @Test("a hundred steps from ten tasks leave as many threads as ten steps did")
    func threads() async throws {
      await #expect(processExitsWith: .success) {
        let engine = try TorchEngine<MultiClassClassification>(
          info: classifierInfo(),
          weights: .random,
          options: EngineOptions(),
          models: [SmallClassifier.entry]
        )
        let data = try classifierData(train: 4, val: 4, batchSize: 4, workerCount: 1)
        let batch = try #require(try data.batches(.val, mode: .evaluation).next())
        func work() async throws {
          try await withThrowingTaskGroup { group in
            for task in 0..<10 {
              group.addTask {
                if task == 0 {
                  let run = try TestRun()
                  _ = try await engine.train(
                    on: data,
                    options: plainOptions(epochs: 5),
                    confidenceThreshold: nil,
                    run: run.directory,
                    observers: []
                  )
                } else {
                  for _ in 0..<10 { _ = try await engine.predict(batch) }
                }
              }
            }
            try await group.waitForAll()
          }
        }
        func threadCount() throws -> Int {
          try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
        }
        try await work()
        let early = try threadCount()
        for _ in 0..<9 { try await work() }
        let late = try threadCount()
        let cores = ProcessInfo.processInfo.activeProcessorCount
        // The main thread, the tasks' pool, the engine's thread and its pool of workers; the
        // threads of a loader that ends may be counted once more.
        #expect(late <= early + 2, "\(early) threads became \(late)")
        #expect(early <= 4 * cores + 8, "\(early) threads on \(cores) cores")
      }
    }

    @Test("weights do not depend on the number of loading threads")
    func workers() async throws {
      await #expect(processExitsWith: .success) {
        func train(_ workerCount: Int) throws -> StateDictionary {
          let model = try TorchGenerator.seeded(1) { try SmallClassifier(labelCount: 2) }
          let data = try classifierData(train: 12, val: 2, batchSize: 4, workerCount: workerCount)
          let run = try TestRun()
          try run.train(model, plainOptions(epochs: 3), data: data)
          return try CheckpointFile.read(run.directory.bestCheckpoint).state
        }
        let wanted = try train(0)
        #expect(try train(0) == wanted)
        #expect(try train(1) == wanted)
        #expect(try train(3) == wanted)
      }
    }

    @Test("an engine computes on a thread of its own, whoever asks")
    func ownThread() async throws {
      let engine = try TorchEngine<MultiClassClassification>(
        info: classifierInfo(),
        weights: .random,
        options: EngineOptions(),
        models: [SmallClassifier.entry]
      )
      let data = try classifierData()
      let threads = Seen()
      try await engine.predict(try data.batches(.val, mode: .evaluation)) { _, _ in
        threads.add((try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? "")
      }
      #expect(threads.names == ["otx.torch\n"])
    }

    @Test("a batch in which nothing is annotated trains a detector")
    func emptyTargets() throws {
      let size = ImageSize(height: 128, width: 128)
      let items = { (count: Int) in
        (0..<count).map { index in
          // One annotated item, so that there is something to learn; batches of one have none.
          DatasetItem(
            id: "item \(index)",
            image: .memory(Image(size: size, red: 90, green: 120, blue: UInt8(40 * index))),
            annotations: index == 0
              ? [.box(BoundingBox(x1: 10, y1: 10, x2: 70, y2: 80), label: "a")] : []
          )
        }
      }
      let labels = LabelInfo(names: ["a"])
      let preprocessing = Preprocessing(inputSize: size)
      let data = try DataModule<Detection>(
        dataset: Dataset(
          format: "memory",
          root: URL(filePath: "/"),
          labels: labels,
          items: [.train: items(4), .val: items(1)]
        ),
        preprocessing: preprocessing,
        batchSize: 2,
        workerCount: 0
      )
      let info = ModelInfo(
        model: "ssd_mobilenetv2",
        backbone: "mobilenet_v2",
        task: .detection,
        labels: labels,
        preprocessing: preprocessing
      )
      let run = try TestRun()
      let result = try run.train(
        try TorchGenerator.seeded(0) { try ModelZoo.make(info, Detection.self) },
        plainOptions(epochs: 1, rate: 0.001),
        info: info,
        data: data
      )
      #expect(result.stepCount == 2)
      #expect(run.listener.steps.allSatisfy { $0.losses.allSatisfy(\.value.isFinite) })
      // The threshold is the one that validation chose, and it is the model's from now on.
      #expect(result.info.confidenceThreshold == result.best.confidenceThreshold)
      #expect(try CheckpointFile.readInfo(run.directory.bestCheckpoint) == result.info)
    }
  }
}

/// Names of threads, each once.
private final class Seen: @unchecked Sendable {
  private let lock = NSLock()
  private var all: Set<String> = []
  func add(_ name: String) { _ = lock.withLock { all.insert(name) } }
  var names: Set<String> { lock.withLock { all } }
}
