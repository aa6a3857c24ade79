import Foundation
import OTX
import OTXCore
import OTXData
import OTXRecipe
import OTXTesting
import Testing

extension Facade {
  /// The same recipe gives the same weights, bit by bit.
  ///
  /// In processes of their own: the tests around these draw from libtorch's only generator.
  @Suite("Repetition") struct Repetition {
    @Test("whatever the number of loading threads, and from the recipe that a run left")
    func classification() async throws {
      await #expect(processExitsWith: .success) {
        let place = try Playground.classification([.train: 10, .val: 3])
        // This network has dropout; its augmentations draw, too.
        func request(_ workers: Int) throws -> RecipeRequest {
          try tinyRequest("mobilenet_v3_large", epochs: 2, "data.workerCount=\(workers)")
        }
        let first = try await place.train(request(1))
        let wanted = try weights(of: first)
        #expect(wanted.count > 200)
        #expect(try await weights(of: place.train(request(1))) == wanted)
        #expect(try await weights(of: place.train(request(3))) == wanted)

        let recipe = try Recipe(contentsOf: first.recipe)
        #expect(try await weights(of: place.train(RecipeRequest(recipe: recipe))) == wanted)
        #expect(try place.engine(RecipeRequest(recipe: recipe)).recipe == recipe)

        // Another seed is another training.
        let other = try tinyRequest("mobilenet_v3_large", epochs: 2, "seed=1")
        #expect(try await weights(of: place.train(other)) != wanted)
      }
    }

    @Test("a detector, twice")
    func detection() async throws {
      await #expect(processExitsWith: .success) {
        let place = try Playground.detection([.train: 6, .val: 2])
        let request = try tinyRequest("ssd_mobilenetv2", size: 128)
        let wanted = try await weights(of: place.train(request))
        #expect(try await weights(of: place.train(request)) == wanted)
      }
    }

    @Test("two engines that train at once do not take each other's random numbers")
    func atOnce() async throws {
      await #expect(processExitsWith: .success) {
        let place = try Playground.classification([.train: 8, .val: 3])
        let request = try tinyRequest("mobilenet_v3_large")
        let wanted = try await weights(of: place.train(request))
        async let one = place.train(request)
        async let other = place.train(request)
        #expect(try await weights(of: one) == wanted)
        #expect(try await weights(of: other) == wanted)
      }
    }
  }
}
