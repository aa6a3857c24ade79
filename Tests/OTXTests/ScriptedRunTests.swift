import Foundation
import OTXTensor
import OTXTesting
import Testing

@testable import OTX

extension Facade {
  /// A TorchScript file goes the road of every model.
  @Suite("A TorchScript file") struct ScriptedRuns {
    /// Cancels the task that trains after a step.
    private final class Stopper: TrainingObserver {
      func observe(_ event: TrainingEvent) {
        guard case .step(let figures) = event, figures.iteration == 4 else { return }
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }

    /// A small network as a file, written without Python.
    private func network(in place: Playground, outputs: Int = 3) throws -> URL {
      let source = """
        def forward(self, x: Tensor) -> Tensor:
          x = torch.conv2d(x, self.stem.weight, None, [4, 4], [1, 1])
          x = torch.batch_norm(x, self.norm.weight, self.norm.bias, self.norm.running_mean,
                               self.norm.running_var, self.training, 0.1, 1e-05, True)
          return torch.linear(torch.relu_(x).mean([2, 3]), self.fc.weight, self.fc.bias)
        """
      func weight(_ name: String, _ shape: [Int]) throws -> Script.Entry {
        let value = try Tensor(Formula.weight(name, shape, k: 1), shape: shape)
        return .init(name, try value.requiresGrad_())
      }
      let script = try Script(
        source: source,
        [
          weight("stem.weight", [8, 3, 3, 3]), weight("norm.weight", [8]), weight("norm.bias", [8]),
          .init("norm.running_mean", try Tensor.zeros([8]), isParameter: false),
          .init("norm.running_var", try Tensor.ones([8]), isParameter: false),
          weight("fc.weight", [outputs, 8]), weight("fc.bias", [outputs]),
        ]
      )
      let file = place.folder.url.appending(path: "my_net.pt")
      try script.data().write(to: file)
      return file
    }

    @Test("it trains; what is left needs the file no more")
    func road() async throws {
      let place = try Playground.classification([.train: 12, .val: 6])
      let file = try network(in: place)
      let request = try tinyRequest(file.path, epochs: 2, "optimizer.learningRate=0.1")
      let listener = Listener()
      let run = try await place.train(request, observers: [listener])
      #expect(run.result.info.model == "torchscript")
      #expect(listener.lines.contains { $0.contains("those of the network") })
      let recipe = try String(contentsOf: run.recipe, encoding: .utf8)
      #expect(recipe.contains(file.resolvingSymlinksInPath().path))
      let saved = try weights(of: run)
      #expect(
        saved.names == [
          "stem.weight", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
          "fc.weight", "fc.bias",
        ]
      )
      let start = Formula.weight("fc.weight", [3, 8], k: 1).map(Double.init)
      #expect(saved["fc.weight"]?.doubles() != start, "nothing was learned")

      // The file goes, and the run moves.
      try FileManager.default.removeItem(at: file)
      let moved = place.folder.url.appending(path: "elsewhere")
      try FileManager.default.moveItem(at: run.directory, to: moved)
      let trained = try Engine(model: moved, data: place.location)
      let scores = try await trained.evaluate(on: .val)
      #expect(scores.report.values == run.result.best.values)
      let exported = try await trained.export(to: place.folder.url.appending(path: "openvino"))
      #expect(exported.parity.maxRelativeDifference <= 1e-4)
      let deployed = try Engine(model: exported.model.xml, data: place.location)
      #expect(try await deployed.evaluate(on: .val).performance == scores.performance)
    }

    @Test("a stopped run goes on without the file, to the same weights")
    func resumed() async throws {
      let place = try Playground.classification([.train: 12, .val: 4])
      let file = try network(in: place)
      let request = try tinyRequest(file.path, epochs: 3, "emaDecay=0.9")
      let whole = try await place.train(request)
      let stopped = try await Task { try await place.train(request, observers: [Stopper()]) }.value
      #expect(stopped.result.isInterrupted)
      try FileManager.default.removeItem(at: file)
      let run = try await Engine(resuming: stopped.directory).train(environment: place.environment)
      #expect(try weights(of: run) == weights(of: whole))
    }

    @Test("in 16 bits, too")
    func brainFloat() async throws {
      let place = try Playground.classification([.train: 4, .val: 3])
      let request = try tinyRequest(try network(in: place).path, "precision=bf16")
      let run = try await place.train(request)
      #expect(run.result.precision == .bf16)
      #expect(try weights(of: run)["fc.weight"]?.elementType == .float32)
    }

    @Test("what does not fit the data is refused before there is a run")
    func refusals() async throws {
      let place = try Playground.classification([.train: 4, .val: 3])
      let file = try network(in: place, outputs: 4)
      let error = await #expect(throws: ModelError.self) {
        try await place.train(try tinyRequest(file.path))
      }
      #expect(error?.description.contains("4 values") == true)
      #expect(error?.description.contains("3 labels") == true)
      #expect(place.workspace.latestRun == nil)

      // Weights are no network.
      let plain = try await place.train(try tinyRequest("resnet18"))
      let other = #expect(throws: ModelError.self) {
        try place.engine(try tinyRequest(plain.result.checkpoint.path))
      }
      #expect(other?.description.contains("--weights") == true)
      let missing = #expect(throws: ModelError.self) {
        try place.engine(try tinyRequest("nowhere.pt"))
      }
      #expect(missing?.description.contains("no such file") == true)
    }
  }
}
