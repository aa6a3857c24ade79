import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor

/// Finds out which arithmetic trains a network fastest on this machine.
///
/// bf16 is 2.5 times faster than fp32 for some networks and slower for others, on the same
/// processor, so `auto` is a measurement: one warm-up and one timed step of each on at most two
/// pictures, on a copy of the model, remembered for the next run.
struct PrecisionTrial {
  /// What was chosen, and why.
  struct Decision: Equatable {
    var precision: Precision
    var reason: String
  }

  private let info: ModelInfo
  private let threads: Int
  private let library: String
  private let kernels: String
  private let file: URL
  private let processor: Processor

  init(info: ModelInfo, cache: URL, processor: Processor = .current) throws {
    self.info = info
    threads = try Torch.threadCount()
    library = try Torch.version()
    // The number rises when kernels change their speed: what was measured with others does not hold.
    kernels = try Torch.usesOwnKernels() ? "\(Torch.instructionSet()) 4" : "libtorch's"
    self.processor = processor
    file = cache.appending(path: "precision.json")
  }

  /// Chooses between fp32 and bf16.
  ///
  /// - Parameters:
  ///   - model: The network that will be trained; it is not touched.
  ///   - data: Where the trial's pictures come from.
  ///   - seed: The run's.
  ///   - make: Builds a network like `model`'s.
  /// - Returns: The faster one, fp32 where that cannot be known.
  /// - Throws: What the data and the network throw.
  func decide<Kind: VisionTask>(
    model: any TaskModel<Kind>,
    data: any DataSource<Kind>,
    seed: Int,
    make: (ModelInfo) throws -> any TaskModel<Kind>
  ) throws -> Decision {
    guard processor.hasBFloat16 else {
      return Decision(precision: .fp32, reason: "\(processor.name) has no bf16 arithmetic")
    }
    if let known = remembered()[key] {
      return Decision(
        precision: known.precision,
        reason: reason(known, suffix: "measured before")
      )
    }
    guard let figures = try measure(copying: model, data: data, seed: seed, make: make) else {
      return Decision(
        precision: .fp32,
        reason: "too little data for a trial of bf16 to pay"
      )
    }
    remember(figures)
    return Decision(precision: figures.precision, reason: reason(figures, suffix: "measured now"))
  }

  /// Seconds of one training step on a few pictures.
  struct Figures: Codable, Equatable {
    var fp32: Double
    var bf16: Double
    // A tie goes to the safer arithmetic.
    var precision: Precision { bf16 < 0.95 * fp32 ? .bf16 : .fp32 }
  }

  /// What a measurement holds for: another network, size, machine or library is measured anew.
  private var key: String {
    [
      info.model, info.backbone, info.preprocessing.inputSize.description, processor.name,
      "\(threads) threads", "libtorch \(library)", "kernels \(kernels)",
    ].joined(separator: " | ")
  }

  private func reason(_ figures: Figures, suffix: String) -> String {
    let ratio = String(format: "%.2f", figures.fp32 / figures.bf16)
    return
      "bf16 runs at \(ratio) times the speed of fp32 for \(info.model) at \(info.preprocessing.inputSize) on \(processor.name); \(suffix)"
  }

  /// - Returns: `nil` when the trial would take more than 5 % of the first epoch.
  private func measure<Kind: VisionTask>(
    copying model: any TaskModel<Kind>,
    data: any DataSource<Kind>,
    seed: Int,
    make: (ModelInfo) throws -> any TaskModel<Kind>
  ) throws -> Figures? {
    let trialCount = 2
    // Four steps of two pictures, two of them warm-ups that count double or worse.
    guard data.itemCount(.train) >= 160 else { return nil }
    guard let batch = try data.batches(.train, mode: .training(epoch: 0)).next() else { return nil }
    let small = try batch.prefix(trialCount)
    let seed = UInt64(bitPattern: Int64(seed))
    let copy = try TorchGenerator.seeded(seed) { try make(info) }
    try copy.module.loadStateDictionary(model.module.stateDictionary())
    try copy.module.useChannelsLast()
    copy.module.setTraining(true)
    let images = try InputNormalizer(info.preprocessing).tensor(small.images)
    func seconds(_ precision: Precision) throws -> Double {
      var times: [Double] = []
      for _ in 0..<2 {
        try Task.checkCancellation()
        var clock = Stopwatch()
        let terms = try TorchGenerator.seeded(seed) {
          try copy.loss(images, small, precision: precision)
        }
        try terms.total().backward()
        for (_, parameter) in copy.module.parameters() { try parameter.value.setGrad(nil) }
        times.append(clock.lap())
      }
      return times[1]
    }
    return Figures(fp32: try seconds(.fp32), bf16: try seconds(.bf16))
  }

  private func remembered() -> [String: Figures] {
    guard let data = try? Data(contentsOf: file) else { return [:] }
    return (try? JSONDecoder().decode([String: Figures].self, from: data)) ?? [:]
  }

  /// A cache that cannot be written costs a measurement next time, nothing else.
  private func remember(_ figures: Figures) {
    var all = remembered()
    all[key] = figures
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try? FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(),
      withIntermediateDirectories: true
    )
    if let data = try? encoder.encode(all) { try? data.write(to: file, options: .atomic) }
  }
}

extension TaskModel {
  /// The losses of a batch, computed in `precision`.
  func loss(
    _ images: Tensor,
    _ batch: Kind.Batch,
    precision: Precision
  ) throws -> LossTerms {
    guard let dtype = precision.autocastType else { return try loss(images, batch) }
    return try autocast(dtype) { try loss(images, batch) }
  }
}

extension Precision {
  /// The type that operators run in under autocast; `nil` runs them as they are.
  var autocastType: DType? {
    switch self {
    case .bf16: .bfloat16
    case .fp16: .float16
    case .auto, .fp32: nil
    }
  }
}
