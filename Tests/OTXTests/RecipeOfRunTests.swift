import Foundation
import OTX
import OTXTesting
import Testing

extension Facade {
  /// What a run writes down of the choices that were made.
  @Suite("The run's recipe") struct RecipeOfRun {
    @Test("an open precision is decided before training and stands in every recipe")
    func precision() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let listener = Listener()
      let run = try await place.train(
        try tinyRequest("mobilenet_v3_large", "precision=auto"),
        observers: [listener]
      )
      #expect(try Recipe(contentsOf: run.recipe).training.precision == .fp32)
      let text = try String(contentsOf: run.recipe, encoding: .utf8)
      #expect(text.contains("#   precision: fp32 ("), "the reason is a comment")
      #expect(text.contains("#   inputSize") == false, "what the user gave is no decision")
      let inside = try #require(try CheckpointFile.readRecipe(run.result.checkpoint))
      #expect(inside.contains("precision: fp32"))
      let last = run.directory.appending(path: "last.pth")
      #expect(try CheckpointFile.readRecipe(last) == inside)
      #expect(run.result.precision == .fp32)
      #expect(listener.messages.contains { $0.hasPrefix("precision: fp32 (") })
      #expect(listener.messages.contains("Weights: random"))
    }

    @Test("a run that fails leaves its recipe and the reason")
    func failure() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let error = await #expect(throws: EngineError.self) {
        try await place.train(
          try tinyRequest("mobilenet_v3_large", epochs: 4, "optimizer.learningRate=1e30")
        )
      }
      let text = try #require(error?.description)
      #expect(text.contains("Lower optimizer.learningRate"))
      let folder = try #require(place.workspace.latestRun)
      #expect(
        try Recipe(contentsOf: folder.appending(path: "recipe.yaml")).model.name
          == "mobilenet_v3_large"
      )
      let log = try String(contentsOf: folder.appending(path: "train.log"), encoding: .utf8)
      #expect(log.contains("WARNING: \(text)"))
    }

    @Test("training starts from a file's weights, and the recipe says where they are")
    func weightsFile() async throws {
      let place = try Playground.classification([.train: 6, .val: 3])
      let first = try await place.train(try tinyRequest("resnet18"))
      let file = first.result.checkpoint
      let listener = Listener()
      // Steps too small to move anything that is written with 3 digits.
      let second = try await place.train(
        try tinyRequest("resnet18", "weights=\(file.path)", "optimizer.learningRate=1e-9"),
        observers: [listener]
      )
      #expect(
        listener.messages.contains { $0.hasPrefix("Weights: 122 of 122 taken from \(file.path)") }
      )
      let (before, after) = (try weights(of: first), try weights(of: second))
      for name in ["conv1.weight", "layer4.1.conv2.weight", "fc.weight"] {
        expectClose(
          try #require(after[name]?.doubles()),
          try #require(before[name]?.doubles()),
          rtol: 1e-4,
          atol: 1e-6
        )
      }
      #expect(
        try Recipe(contentsOf: second.recipe).weights == file.resolvingSymlinksInPath().path
      )

      // Random ones, asked for, need no reason; left open, they have one.
      let none = try place.engine(try tinyRequest("resnet18", "weights=none"))
      #expect(none.recipe.weights == "none" && !none.decisions.contains { $0.setting == "weights" })
      let open = try place.engine(try tinyRequest("resnet18"))
      #expect(open.recipe.weights == "none")
      #expect(open.decisions.contains { $0.setting == "weights" && $0.reason.contains("random") })

      // Weights of another model are refused before anything is trained.
      let error = await #expect(throws: ModelError.self) {
        try await place.train(try tinyRequest("mobilenet_v3_large", "weights=\(file.path)"))
      }
      #expect(error?.description.contains("a checkpoint of resnet18") == true)
    }

    @Test("the newest run is the one before, for a run that starts from it")
    func newest() async throws {
      let place = try Playground.classification([.train: 4, .val: 3])
      let first = try await place.train(try tinyRequest("mobilenet_v3_large"))
      let latest = place.workspace.root.appending(path: "latest/weights.pth")
      let second = try await place.train(
        try tinyRequest("mobilenet_v3_large", "weights=\(latest.path)")
      )
      let wanted = first.result.checkpoint.resolvingSymlinksInPath().path
      #expect(try Recipe(contentsOf: second.recipe).weights == wanted)
      // The same for a model that is opened by the link and trained on.
      let engine = try Engine(model: latest, data: place.location, workspace: place.workspace)
      let listener = Listener()
      _ = try await engine.train(observers: [listener], environment: place.environment)
      let origin = second.result.checkpoint.resolvingSymlinksInPath().path
      #expect(listener.messages.contains("Weights: those of \(origin)"))
    }

    @Test("a trained model learns on, with its own labels and a threshold of its own")
    func again() async throws {
      let place = try Playground.detection([.train: 4, .val: 2])
      let request = try tinyRequest(
        "ssd_mobilenetv2",
        size: 128,
        "postprocessing.confidenceThreshold=0.3"
      )
      let first = try await place.train(request)
      #expect(first.result.info.confidenceThreshold == 0.3)
      let engine = try Engine(
        model: first.result.checkpoint,
        data: place.location,
        workspace: place.workspace
      )
      let listener = Listener()
      let second = try await engine.train(observers: [listener], environment: place.environment)
      #expect(second.result.info.confidenceThreshold == 0.3)
      #expect(listener.messages.contains("Weights: those of \(first.result.checkpoint.path)"))
      #expect(!listener.messages.contains { $0.hasPrefix("Anchors") }, "its head knows its anchors")
      #expect(second.directory != first.directory)
    }
  }
}
