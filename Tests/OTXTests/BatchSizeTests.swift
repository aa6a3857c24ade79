import Foundation
import OTXTesting
import Testing

@testable import OTX

extension Facade {
  /// The batch that fits the memory.
  @Suite("Batch size") struct BatchSizes {
    @Test("trials choose a batch once; the run's recipe says so and asks for no other")
    func safe() async throws {
      let place = try Playground.classification([.train: 12, .val: 4])
      let listener = Listener()
      let run = try await place.train(
        RecipeRequest(
          model: "mobilenet_v3_small",
          overrides: try [
            "inputSize=64x64", "maxEpochs=1", "precision=fp32", "adaptiveBatchSize=safe",
            "data.workerCount=1",
          ].map { try RecipeOverride(assignment: $0, source: "test") }
        ),
        observers: [listener]
      )
      let recipe = try Recipe(contentsOf: run.recipe)
      #expect(recipe.training.adaptiveBatchSize == .none)
      #expect(
        listener.messages.contains { $0.hasPrefix("batch size \(recipe.training.batchSize): ") }
      )
      let text = try String(contentsOf: run.recipe, encoding: .utf8)
      #expect(
        text.contains("# batchSize: \(recipe.training.batchSize) (safe: ")
          || text.contains("batchSize: \(recipe.training.batchSize) (safe: ")
      )
      let names = try FileManager.default.contentsOfDirectory(atPath: run.directory.path)
      #expect(!names.contains(".batch-trial"))
    }

    @Test("full takes more pictures where there is room, with the root of the rate")
    func full() async throws {
      let place = try Playground.classification([.train: 10, .val: 4])
      let given = try ["adaptiveBatchSize=full"].map {
        try RecipeOverride(assignment: $0, source: "test")
      }
      var start = try Recipe(
        yaml:
          "task: MULTI_CLASS_CLS\nmodel: mobilenet_v3_small\nbatchSize: 4\nmaxEpochs: 1\nprecision: fp32\ninputSize: 64x64\nweights: none\nreport: none",
        source: "small.yaml",
        name: "small",
        among: RecipeLibrary.builtIn.entries
      )
      start.training.optimizer.learningRate = 0.01
      let run = try await place.train(RecipeRequest(recipe: start, overrides: given))
      let training = try Recipe(contentsOf: run.recipe).training
      #expect(training.batchSize == 10)
      #expect(abs(training.optimizer.learningRate - 0.01 * 2.5.squareRoot()) < 1e-12)
    }

    @Test("a trial in a child process takes about what one here takes")
    func childProcess() async throws {
      let place = try Playground.classification([.train: 8, .val: 4])
      let engine = try place.engine(try tinyRequest("mobilenet_v3_small", size: 32, epochs: 1))
      let program = try #require(WorkerTests.program)
      let folder = place.workspace.root.appending(path: "trial")
      var worker = WorkerProcess<BatchSizeJob>(in: folder.appending(path: "worker"))
      worker.executable = program
      var input = BatchSizeJob.Input(
        recipe: try engine.recipe.yaml(),
        record: RunRecord(engine.location),
        memoryLimit: 0,
        folder: folder.appending(path: "run")
      )
      let bytes = try #require(try await worker.run(input).output.bytes)
      #expect(bytes > 20 << 20 && bytes < 4 << 30)
      #expect(!FileManager.default.fileExists(atPath: input.folder.path))
      // Too little for anything: an answer, and not an end.
      input.memoryLimit = 1 << 20
      #expect(try await worker.run(input).output.bytes == nil)
      input.record = RunRecord(.root(URL(filePath: "/nowhere"), format: nil))
      let error = await #expect(throws: WorkerError.self) { try await worker.run(input) }
      #expect("\(try #require(error))".contains("no longer where it was"))
    }

    @Test("a child that is killed ran out of memory, as far as anybody can tell; others did not")
    func killed() {
      func error(_ status: Int32) -> WorkerError {
        let end = ChildEnd(status: status, peakMemoryBytes: 0)
        return .died(end.words, log: URL(filePath: "/log.txt"), lastLines: [])
      }
      #expect(error(SIGKILL).mayBeMemory && error(SIGABRT).mayBeMemory)
      #expect(!error(SIGSEGV).mayBeMemory && !error(1 << 8).mayBeMemory)
      #expect(!WorkerError.failed("signal 9 (").mayBeMemory)
    }

    @Test("a batch that the user gave is not looked for again")
    func contradiction() throws {
      let place = try Playground.classification([.train: 4, .val: 2])
      let request = try tinyRequest("mobilenet_v3_small", "adaptiveBatchSize=full")
      #expect(throws: ConfigurationError.self) { try place.engine(request) }
    }
  }
}
