import Foundation
import OTXCore
import OTXData
import OTXRecipe
import OTXTesting
import Testing

@testable import OTX

extension Facade {
  /// What an engine does around the work of its backend; the boring backend runs no library.
  @Suite("Around the work") struct AroundTheWork {
    private let registry = EngineRegistry([BoringBackend()])
    private let request = RecipeRequest(model: BoringBackend.model(for: .multiClassClassification))

    @Test("without a test subset the validation subset is scored, and that is said")
    func fallback() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let engine = try place.engine(request, registry: registry)
      let scores = try await engine.evaluate(on: .test)
      #expect(scores.subset == .val && scores.itemCount == 3)
      #expect(scores.notes.contains { $0.contains("no test subset") })
      // One picture of three has the first label, and that is what the boring backend always says.
      expectClose(scores.performance, 1.0 / 3)
      let asked = try await engine.evaluate(on: .val)
      #expect(asked.subset == .val && asked.notes.isEmpty && asked.report == scores.report)
      await #expect(throws: DataError.self) { try await engine.evaluate(on: .unlabeled) }

      let full = try Playground.classification([.train: 6, .val: 3, .test: 6])
      let tested = try await full.engine(request, registry: registry).evaluate(on: .test)
      #expect(tested.subset == .test && tested.itemCount == 6 && tested.notes.isEmpty)
    }

    @Test("progress is told, and a cancelled evaluation ends")
    func progress() async throws {
      let place = try Playground.classification([.train: 6, .val: 5])
      let small = RecipeRequest(
        model: request.model,
        overrides: [try RecipeOverride(assignment: "batchSize=2", source: "test")]
      )
      let engine = try place.engine(small, registry: registry)
      let told = Told()
      _ = try await engine.evaluate(on: .val) { done, count in told.add([done, count]) }
      #expect(told.all == [[2, 5], [4, 5], [5, 5]])
      let task = Task {
        try await engine.evaluate(on: .val) { _, _ in
          withUnsafeCurrentTask { $0?.cancel() }
        }
      }
      await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("labels that the model does not know are named beside those that it knows")
    func unknownLabels() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let dataset = try DatasetReader.read(place.location)
      let info = ModelInfo(
        model: BoringBackend.model(for: .multiClassClassification),
        backbone: "boring",
        task: .multiClassClassification,
        labels: LabelInfo(names: ["circle", "cube"]),
        preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 32))
      )
      let engine = TaskEngine<MultiClassClassification>(
        sub: BoringEngine(info: info),
        backend: "boring",
        dataset: dataset,
        recipe: Recipe(for: info)
      )
      let error = await #expect(throws: ModelError.self) { try await engine.evaluate(on: .val) }
      let text = try #require(error?.description)
      #expect(text.contains("square, triangle") && text.contains("circle, cube"))
    }

    @Test("damaged pictures are named in an evaluation's notes")
    func damaged() async throws {
      let place = try Playground.classification([.train: 6, .val: 6])
      let engine = try place.engine(request, registry: registry)
      let broken = place.data.appending(path: "val/square")
      let name = try #require(
        FileManager.default.contentsOfDirectory(atPath: broken.path).sorted().first
      )
      // Damaged after it was read: what a reader would have found is found while decoding.
      let bytes = try Data(contentsOf: broken.appending(path: name))
      try bytes.prefix(bytes.count / 3).write(to: broken.appending(path: name))
      let scores = try await engine.evaluate(on: .val)
      #expect(scores.itemCount == 5)
      #expect(scores.notes.contains { $0.contains(name) })
    }

    @Test("a job that the backend cannot do is an error that names both")
    func unsupported() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let engine = try place.engine(request, registry: registry)
      await #expect(throws: EngineError.jobNotSupported("train", by: "boring")) {
        try await engine.train(environment: place.environment)
      }
      await #expect(throws: EngineError.jobNotSupported("export", by: "boring")) {
        try await engine.export(to: place.folder.url.appending(path: "out"))
      }
    }

    @Test("the typed engine inside has its own predictions")
    func typed() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let engine = try place.engine(request, registry: registry)
      let typed = try engine.typed(as: MultiClassClassification.self)
      let picture = place.data.appending(path: "val/circle")
      let name = try #require(
        FileManager.default.contentsOfDirectory(atPath: picture.path).first
      )
      var labels: [Int?] = []
      try await typed.predict([picture.appending(path: name)]) { _, size, prediction in
        #expect(size == ImageSize(height: 64, width: 64))
        labels.append(prediction.label)
      }
      #expect(labels == [0])
      let error = #expect(throws: ModelError.self) { try engine.typed(as: Detection.self) }
      #expect(error?.description.contains("not DETECTION") == true)
    }

    @Test("an engine works for an actor and for the main actor")
    func actors() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let engine = try place.engine(request, registry: registry)
      let fromActor = try await Worker().score(engine)
      let fromMain = try await scoreOnMain(engine)
      #expect(fromActor == fromMain)
      expectClose(fromActor, 1.0 / 3)
    }

    private actor Worker {
      var scores: [Double] = []
      func score(_ engine: Engine) async throws -> Double {
        let result = try await engine.evaluate(on: .val)
        // The actor's own state, without a hop.
        scores.append(result.performance)
        return try #require(scores.last)
      }
    }

    @MainActor private func scoreOnMain(_ engine: Engine) async throws -> Double {
      MainActor.preconditionIsolated()
      let result = try await engine.evaluate(on: .val)
      MainActor.preconditionIsolated()
      return result.performance
    }
  }

  /// What must be in order before the first step.
  @Suite("Before training") struct BeforeTraining {
    @Test("a folder for models that cannot be written ends the run before it begins")
    func unwritable() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let file = try place.folder.write("no folder", to: "file")
      let engine = try place.engine(try tinyRequest("resnet18"))
      let listener = Listener()
      let error = await #expect(throws: FileError.self) {
        try await engine.train(
          modelDirectory: file.appending(path: "models"),
          observers: [listener],
          environment: place.environment
        )
      }
      #expect(error?.description.contains(file.path) == true)
      #expect(listener.events.isEmpty)
      #expect(place.workspace.latestRun == nil, "no run was begun")
    }

    @Test("a disk without room is named with what is missing")
    func space() throws {
      let folder = try TemporaryFolder()
      try requireSpace(1, in: folder.url, for: "the files of a test")
      let error = #expect(throws: ConfigurationError.self) {
        try requireSpace(1 << 60, in: folder.url, for: "the files of a test")
      }
      let text = try #require(error?.description)
      #expect(text.contains(folder.url.path) && text.contains("the files of a test need about"))
    }

    @Test("nothing is left where a folder was only looked at")
    func probe() throws {
      let folder = try TemporaryFolder()
      let inner = folder.url.appending(path: "a/b")
      try Folder.make(inner)
      try Folder.make(inner)
      #expect(try FileManager.default.contentsOfDirectory(atPath: inner.path).isEmpty)
    }

    @Test("a file of weights that is not there is an error before data is trained on")
    func missingWeights() throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let error = #expect(throws: ModelError.self) {
        try place.engine(try tinyRequest("resnet18", "weights=nothing.pth"))
      }
      #expect(error?.description.contains("nothing.pth") == true)
    }
  }
}

/// Numbers gathered from whichever thread.
private final class Told: @unchecked Sendable {
  private let lock = NSLock()
  private var values: [[Int]] = []
  func add(_ value: [Int]) { lock.withLock { values.append(value) } }
  var all: [[Int]] { lock.withLock { values } }
}
