import Foundation
import OTX
import OTXCore
import OTXModels
import OTXRecipe
import OTXTesting
import OTXWeights
import Testing

extension Facade {
  /// Which weights a recipe's word stands for.
  @Suite("Weight source") struct WeightSources {
    /// A run's weights in the store, for a network.
    private func add(_ run: TrainingRun, to place: Playground, for name: String) throws -> String {
      try place.store.add(run.directory.appending(path: "weights.pth"), for: name).id
    }

    @Test("auto takes the store's weights of the network, and says so; the recipe keeps their name")
    func auto() async throws {
      let place = try Playground.classification()
      let first = try await place.train(try tinyRequest("resnet18"))
      let id = try add(first, to: place, for: "resnet18")
      let second = try await place.train(
        try tinyRequest("resnet18", "optimizer.learningRate=1e-9", "optimizer.weightDecay=0")
      )
      let recipe = try Recipe(contentsOf: second.recipe)
      #expect(recipe.weights == id)
      let log = try String(
        contentsOf: second.directory.appending(path: "train.log"),
        encoding: .utf8
      )
      #expect(log.contains("weights: \(id) (the weight store has these of resnet18)"))
      let (before, after) = (try weights(of: first), try weights(of: second))
      let name = "layer4.1.conv2.weight"
      let (old, new) = (try #require(before[name]?.doubles()), try #require(after[name]?.doubles()))
      expectClose(new, old, rtol: 1e-3, atol: 1e-5)
      // By the item's name, and by the network's.
      for word in [id, "resnet18"] {
        let engine = try place.engine(try tinyRequest("resnet18", "weights=\(word)"))
        #expect(engine.recipe.weights == id)
      }
      let none = try place.engine(try tinyRequest("resnet18", "weights=none"))
      #expect(none.recipe.weights == "none")
    }

    @Test("a detector takes its backbone's")
    func backbone() throws {
      let place = try Playground.detection()
      let network = try NetworkWeights.shapes(of: "mobilenet_v2", labelCount: 1000)
      let state = StateDictionary(
        network.map { name, shape in
          let count = shape.reduce(1, *)
          let zeros = ArrayBuffer([Float](repeating: 0, count: count), shape: shape)
          return .init(name: name, value: zeros)
        }
      )
      let file = place.folder.url.appending(path: "mobilenet.pth")
      try CheckpointFile(state: state).write(to: file)
      let item = try place.store.add(file, for: "mobilenet_v2")
      let engine = try place.engine(try tinyRequest("ssd_mobilenetv2"))
      #expect(engine.recipe.weights == item.id)
      #expect(engine.decisions.contains { $0.setting == "weights" && $0.value == item.id })
    }

    @Test(
      "every backbone has a row of published weights",
      arguments: ModelZoo.backbones.map(\.name)
    )
    func manifest(name: String) throws {
      let row = try #require(PublishedWeights.all.first { $0.name == name })
      let entry = try #require(ModelZoo.backbones.first { $0.name == name })
      let wanted = entry.descriptor.preprocessing
      expectClose(row.mean, wanted.mean, rtol: 1e-3, atol: 1e-3)
      expectClose(row.std, wanted.std, rtol: 1e-3, atol: 1e-3)
    }

    @Test("what is published and not here is an error that says how to get it")
    func notStored() throws {
      let place = try Playground.classification()
      let error = #expect(throws: WeightStoreError.self) {
        try place.engine(try tinyRequest("resnet18", "weights=resnet18-f37072fd"))
      }
      #expect(error?.description.contains("otx weights download resnet18'") == true)
      let offline = #expect(throws: WeightStoreError.self) {
        try place.engine(try tinyRequest("resnet18", "weights=download"))
      }
      #expect(offline?.description.contains("--offline") == true)
      let open = try place.engine(try tinyRequest("resnet18"))
      let decision = try #require(open.decisions.first { $0.setting == "weights" })
      #expect(decision.value == "none")
      #expect(decision.reason.contains("'otx weights download resnet18' fetches published ones"))
      let slip = #expect(throws: ModelError.self) {
        try place.engine(try tinyRequest("resnet18", "weights=resnet81"))
      }
      #expect(slip?.description.contains("did you mean 'resnet18'") == true, "\(slip as Any)")
    }
  }
}
