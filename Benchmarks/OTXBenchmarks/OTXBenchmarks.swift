import ArgumentParser

/// Figures as ratios against a peer in the same run; see `Benchmarks/README.md`.
@main
struct OTXBenchmarks: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "otx-bench",
    abstract: "Compares this library with plain PyTorch, alternately in one run.",
    subcommands: [
      TrainingStep.self, TrainingSteps.self, BestSteps.self, Parity.self, Validation.self,
      Decoding.self,
      Augment.self, COCOIndex.self, Loading.self, Indexing.self, Fuzzing.self, FuzzCases.self,
      LargePicture.self, Configuring.self, Tuning.self, TuningCrops.self,
    ]
  )
}
