import Glibc
import OTXCore
import OTXModels
import OTXNN
import OTXTensor

/// A model with one batch, and the step that is timed.
///
/// The same as in `training_step.py`: gradients cleared, forward and loss (under autocast for
/// bf16), backward, SGD, the loss read back.
final class Workload {
  private let lossOfBatch: () throws -> Tensor
  /// The network's forward pass, and the loss of what it gave; for detectors.
  private var forward: (() throws -> (() throws -> Tensor))?
  private let optimizer: SGD
  private let precision: String

  struct Options {
    var model: String
    var precision: String
    var batchSize: Int
    var height: Int
    var width: Int
    var threads: Int
    var channelsLast: Bool
  }

  init(_ options: Options) throws {
    precision = options.precision
    try Torch.setThreadCount(options.threads)
    try Torch.seed(0)
    let size = ImageSize(height: options.height, width: options.width)
    var images = try Tensor.randn([options.batchSize, 3, size.height, size.width])
    if options.channelsLast { images = try images.to(.channelsLast) }
    let tree: any ParameterTree
    if Workload.detectorSize(options.model) != nil {
      let model = try Workload.make(options.model, size, Detection.self)
      let batch = try Detection.Batch(collating: Workload.boxes(options))
      let pictures = images
      (tree, lossOfBatch) = (model.module, { try model.loss(pictures, batch).total() })
      if let adapted = model as? any AdaptedModel<Detection> {
        forward = Workload.forward(adapted, pictures, batch)
      }
    } else {
      let model = try Workload.make(options.model, size, MultiClassClassification.self)
      let batch = try MultiClassClassification.Batch(
        collating: (0..<options.batchSize).map { index in
          .init(
            image: Image(size: ImageSize(height: 1, width: 1)),
            frame: ImageFrame(itemID: "", originalSize: size),
            label: index % 3
          )
        }
      )
      let pictures = images
      (tree, lossOfBatch) = (model.module, { try model.loss(pictures, batch).total() })
    }
    tree.setTraining(true)
    if options.channelsLast { try tree.useChannelsLast() }
    optimizer = SGD(
      [ParameterGroup(tree.parameters())],
      momentum: 0.9,
      weightDecay: 1e-4
    )
  }

  /// The default input of a detector; `nil` for other models.
  static func detectorSize(_ name: String) -> ImageSize? {
    ModelZoo.descriptors.first { $0.name == name && $0.task == .detection }?.preprocessing.inputSize
  }

  static func make<Kind: VisionTask>(
    _ name: String,
    _ size: ImageSize,
    _ kind: Kind.Type
  ) throws -> any TaskModel<Kind> {
    guard let descriptor = ModelZoo.descriptors.first(where: { $0.name == name }) else {
      throw ModelError.unknownModel(name, known: ModelZoo.descriptors.map(\.name))
    }
    var preprocessing = descriptor.preprocessing
    preprocessing.inputSize = size
    let info = ModelInfo(
      model: name,
      backbone: descriptor.backbones.first ?? name,
      task: Kind.taskType,
      labels: LabelInfo(names: ["label 0", "label 1", "label 2"]),
      preprocessing: preprocessing
    )
    return try ModelZoo.make(info, kind)
  }

  /// Thirteen boxes a picture; `training_step.py` has the same.
  private static func boxes(_ options: Options) -> [Detection.Entity] {
    (0..<options.batchSize).map { n in
      let objects = (0..<13).map { j in
        let x1 = (n * 37 + j * 61) % (options.width - 100)
        let y1 = (n * 53 + j * 97) % (options.height - 100)
        return Detection.LabeledBox(
          box: BoundingBox(
            x1: Float(x1),
            y1: Float(y1),
            x2: Float(x1 + 20 + (j * 29 + n * 7) % 80),
            y2: Float(y1 + 20 + (j * 43 + n * 11) % 80)
          ),
          label: (j + n) % 3
        )
      }
      return Detection.Entity(
        image: Image(size: ImageSize(height: 1, width: 1)),
        frame: ImageFrame(
          itemID: "",
          originalSize: ImageSize(height: options.height, width: options.width)
        ),
        objects: objects
      )
    }
  }

  /// Runs `count` steps; returns each one's seconds, those of all cores together, and the last
  /// loss.
  func steps(_ count: Int) throws -> (seconds: [Double], cpuSeconds: [Double], loss: Double) {
    var (seconds, cpuSeconds): ([Double], [Double]) = ([], [])
    var loss = Double.nan
    for _ in 0..<count {
      let clock = ContinuousClock()
      let cpuStart = cpuTime()
      let time = try clock.measure { loss = try step() }
      seconds.append(time / .seconds(1))
      cpuSeconds.append(cpuTime() - cpuStart)
    }
    return (seconds, cpuSeconds, loss)
  }

  private static func forward<Model: AdaptedModel>(
    _ model: Model,
    _ images: Tensor,
    _ batch: Detection.Batch
  ) -> () throws -> (() throws -> Tensor) where Model.Kind == Detection {
    {
      let output = try model.network(model.networkInput(images))
      return { try model.loss(of: output, batch).total() }
    }
  }

  /// Seconds of each part of one step in 32 bits.
  func parts() throws -> [(name: String, seconds: Double)] {
    guard let forward else { return [] }
    let clock = ContinuousClock()
    var found: [(name: String, seconds: Double)] = []
    func time<Answer>(_ name: String, _ body: () throws -> Answer) throws -> Answer {
      let start = clock.now
      let answer = try body()
      found.append((name, (clock.now - start) / .seconds(1)))
      return answer
    }
    try optimizer.zeroGradients()
    let lossOfOutput = try time("network") { try forward() }
    let loss = try time("loss, with the assignment") {
      let loss = try lossOfOutput()
      _ = try loss.item()
      return loss
    }
    try time("backward") { try loss.backward() }
    try time("optimizer") { try optimizer.step(learningRate: 0.001) }
    return found
  }

  /// Seconds that all threads of this process have computed.
  private func cpuTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private func step() throws -> Double {
    try optimizer.zeroGradients()
    let loss =
      precision == "bf16" ? try autocast(.bfloat16) { try lossOfBatch() } : try lossOfBatch()
    try loss.backward()
    try optimizer.step(learningRate: 0.001)
    return try loss.item()
  }
}
