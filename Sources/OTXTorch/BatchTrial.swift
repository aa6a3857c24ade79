import OTXCore
import OTXModels
import OTXNN
import OTXTensor

/// Finds the largest batch whose training stays within a budget of memory.
///
/// Default recipes are made for machines with room; on one without, a smaller batch with a smaller
/// learning rate is better than a process that the kernel kills. This is what every training does
/// unless told otherwise (``AdaptiveBatchSize/auto``): one step on two pictures and one on four, in
/// this process, tell how memory grows. It takes a second, never raises the batch, and stays below
/// 6 GiB even where there is more, for the sake of what else runs on the machine; `safe` and `full`
/// try whole batches and take what the memory limit allows.
struct BatchTrial {
  /// Bytes that training may take by default.
  static let budget = 6 << 30
  /// Batches of fewer pixels fit whatever the network is, and are not tried.
  static let fewestPixels = 1_500_000
  /// Beyond this share of what was measured nothing is added by fragments and caches.
  private static let slack = 1.1

  /// What a step takes, in bytes.
  struct Figures: Equatable {
    /// Whatever the batch.
    var fixed: Double
    var perPicture: Double

    func bytes(of batchSize: Int) -> Double { fixed + perPicture * Double(batchSize) }

    /// The largest batch up to `wanted` within `budget` bytes, at least 2.
    func largestBatch(upTo wanted: Int, within budget: Int) -> Int {
      guard bytes(of: wanted) > Double(budget), perPicture > 0 else { return wanted }
      return min(wanted, max(2, Int((Double(budget) - fixed) / perPicture)))
    }
  }

  /// The options with a batch that fits, and why; `nil` where the recipe's does.
  ///
  /// - Parameters:
  ///   - options: Those of the recipe, with the precision decided.
  ///   - info: The model.
  ///   - model: The network; it is not touched.
  ///   - data: Where the trial's pictures come from.
  ///   - limit: Bytes that the user allows; 0: no wish.
  ///   - make: Builds a network like `model`'s.
  /// - Returns: Options that are settled, and the decision to tell.
  /// - Throws: What the data and the network throw.
  static func settle<Kind: VisionTask>(
    _ options: TrainOptions,
    info: ModelInfo,
    model: any TaskModel<Kind>,
    data: any DataSource<Kind>,
    limit: Int,
    make: (ModelInfo) throws -> any TaskModel<Kind>
  ) throws -> (options: TrainOptions, decision: Decision)? {
    let size = info.preprocessing.inputSize
    let wanted = options.batchSize
    guard options.adaptiveBatchSize == .auto, wanted > 4,
      wanted * size.height * size.width >= fewestPixels,
      let figures = try measure(options, info: info, model: model, data: data, make: make)
    else { return nil }
    let budget = limit > 0 ? min(limit, BatchTrial.budget) : BatchTrial.budget
    let fitting = figures.largestBatch(upTo: wanted, within: budget)
    guard fitting < wanted else { return nil }
    var settled = options
    settled.changeBatchSize(to: fitting)
    let reason =
      "\(wanted) pictures of \(size) would take \(gibibytes(figures.bytes(of: wanted))) in training, and \(gibibytes(Double(budget))) are to be had; the learning rate follows its root from \(options.optimizer.learningRate) to \(settled.optimizer.learningRate)"
    return (settled, Decision(setting: "batchSize", value: "\(fitting)", reason: reason))
  }

  private static func gibibytes(_ bytes: Double) -> String {
    let tenths = Int((bytes / 0x1p30 * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) GiB"
  }

  private static func measure<Kind: VisionTask>(
    _ options: TrainOptions,
    info: ModelInfo,
    model: any TaskModel<Kind>,
    data: any DataSource<Kind>,
    make: (ModelInfo) throws -> any TaskModel<Kind>
  ) throws -> Figures? {
    guard let batch = try data.batches(.train, mode: .training(epoch: 0)).next(), batch.count >= 4
    else { return nil }
    let resident = ProcessMemory.residentBytes()
    let seed = UInt64(bitPattern: Int64(options.seed))
    let copy = try TorchGenerator.seeded(seed) { try make(info) }
    try copy.module.loadStateDictionary(model.module.stateDictionary())
    try copy.module.useChannelsLast()
    copy.module.setTraining(true)
    let input = try InputNormalizer(info.preprocessing)
    func peak(_ count: Int) throws -> Double {
      try Task.checkCancellation()
      let few = try batch.prefix(count)
      let before = try Torch.memory().inUse
      try Torch.resetMemoryPeak()
      let images = try input.tensor(few.images)
      let terms = try TorchGenerator.seeded(seed) {
        try copy.loss(images, few, precision: options.precision)
      }
      try terms.total().backward()
      for (_, parameter) in copy.module.parameters() { try parameter.value.setGrad(nil) }
      return Double(try Torch.memory().peak - before)
    }
    let (two, four) = (try peak(2), try peak(4))
    let weights = copy.module.parameters().reduce(0) { $0 + 4 * $1.parameter.value.elementCount }
    // The optimizer's memory of each weight, and the average's.
    let kept = Double(weights * (2 + (options.emaDecay > 0 ? 2 : 0)))
    let perPicture = max(four - two, 0) / 2
    return Figures(
      fixed: Double(resident) + kept + slack * max(two - 2 * perPicture, 0),
      perPicture: slack * perPicture
    )
  }
}
