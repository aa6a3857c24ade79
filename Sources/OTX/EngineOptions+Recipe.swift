import OTXCore

extension EngineOptions {
  /// How a recipe wants its engine to run.
  init(_ options: TrainOptions, memoryLimit: Int) {
    self.init()
    device = options.device
    threads = options.threads
    pinThreads = options.pinThreads
    precision = options.precision
    kernels = options.kernels
    seed = options.seed
    deterministic = options.deterministic
    self.memoryLimit = memoryLimit
  }
}
