import Foundation
import OTXCore
import OTXData
import OTXTesting
import Testing

@testable import OTXTorch

extension Training {
  /// What a release wrote keeps loading: `Goldens/checkpoint-VERSION.json`, one a release.
  ///
  /// `OTX_WRITE_CHECKPOINT=FILE swift test --filter ReleasedCheckpoints` writes the golden of this
  /// release; a golden is never made anew.
  @Suite("Checkpoints of releases") struct ReleasedCheckpoints {
    private struct Release: Codable {
      /// The files of a run of one epoch on ``classifierData``.
      var weights: Data
      var last: Data
      /// What the weights say of the validation pictures.
      var probabilities: [[Float]]
    }

    private static let target = ProcessInfo.processInfo.environment["OTX_WRITE_CHECKPOINT"]

    private var options: TrainOptions {
      var options = plainOptions(epochs: 1)
      options.optimizer.momentum = 0.9
      options.emaDecay = 0.8
      return options
    }

    private func probabilities(of checkpoint: URL) async throws -> [[Float]] {
      let engine = try TorchBackend(models: [SmallClassifier.entry]).makeEngine(
        MultiClassClassification.self,
        from: .checkpoint(checkpoint),
        options: EngineOptions()
      )
      let batches = try classifierData(val: 4).batches(.val, mode: .evaluation)
      var found: [[Float]] = []
      while let batch = try batches.next() {
        found += try await engine.predict(batch).map(\.probabilities)
      }
      return found
    }

    @Test("the golden of this release is written", .enabled(if: target != nil))
    func write() async throws {
      let run = try TestRun()
      try run.train(SmallClassifier(labelCount: 2), options, data: try classifierData())
      let release = Release(
        weights: try Data(contentsOf: run.directory.bestCheckpoint),
        last: try Data(contentsOf: run.directory.lastCheckpoint),
        probabilities: try await probabilities(of: run.directory.bestCheckpoint)
      )
      let url = URL(filePath: try #require(Self.target))
      try JSONEncoder().encode(release).write(to: url)
    }

    @Test("each is opened, says the same, and its run goes on")
    func load() async throws {
      let folder = try #require(Bundle.module.url(forResource: "Goldens", withExtension: nil))
      let goldens = try FileManager.default.contentsOfDirectory(
        at: folder,
        includingPropertiesForKeys: nil
      ).filter { $0.lastPathComponent.hasPrefix("checkpoint-") }
      #expect(!goldens.isEmpty)
      for golden in goldens {
        let release = try JSONDecoder().decode(Release.self, from: Data(contentsOf: golden))
        let run = try TestRun()
        try release.weights.write(to: run.directory.bestCheckpoint)
        try release.last.write(to: run.directory.lastCheckpoint)
        let found = try await probabilities(of: run.directory.bestCheckpoint)
        #expect(found.count == release.probabilities.count)
        for (mine, theirs) in zip(found, release.probabilities) {
          expectClose(mine, theirs, rtol: 1e-4, atol: 1e-5, golden.lastPathComponent)
        }
        var directory = run.directory
        directory.start = .resumed
        var longer = options
        longer.maxEpochs = 2
        let result = try Trainer(
          model: try SmallClassifier(labelCount: 2),
          info: classifierInfo(),
          data: try classifierData(),
          options: longer,
          confidenceThreshold: nil,
          directory: directory,
          observers: [run.listener]
        ).run()
        #expect(result.epochs == 2 && run.listener.steps.map(\.iteration) == [3, 4])
      }
    }
  }
}
