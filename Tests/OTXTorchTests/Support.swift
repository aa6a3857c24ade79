import Foundation
import OTXCore
import OTXData
import OTXModels
import OTXNN
import OTXTensor
import OTXTesting
import Synchronization
import Testing

@testable import OTXTorch

/// Everything that trains: one test after the other, since libtorch's settings are the process's.
@Suite("Training", .serialized) enum Training {}

/// One number that training moves.
final class RampNetwork: ParameterTree {
  let position: Parameter
  init(_ start: Double) throws { position = try Parameter(Tensor([Float(start)], shape: [1])) }
}

/// A model whose whole course is known beforehand.
///
/// Its loss is `slope * position`, so that plain SGD moves `position` down by `rate * slope` a step,
/// and its accuracy on the ten validation pictures falls with the distance from `peak`: 0.1 for each
/// `0.1`. Below `floor` the loss is not a number.
final class Ramp: TaskModel {
  typealias Kind = MultiClassClassification
  let network: RampNetwork
  let slope: Double
  let peak: Double
  let floor: Double
  var module: any ParameterTree { network }

  init(start: Double = 1, slope: Double = 1, peak: Double = 0, floor: Double = -100) throws {
    network = try RampNetwork(start)
    self.slope = slope
    self.peak = peak
    self.floor = floor
  }

  func loss(_ images: Tensor, _ batch: MultiClassClassification.Batch) throws -> LossTerms {
    let position = network.position.value
    let poison = try (position - floor).sqrt() * 0
    return LossTerms([NamedTensor("loss_cls", try (position * slope + poison).sum())])
  }

  func outputs(_ images: Tensor) throws -> [NamedTensor] {
    let count = images.size(0)
    let quality = try 1 - (network.position.value - peak).abs()
    let hurdles = try Tensor((0..<count).map { (Float($0) + 0.5) / 10 }, shape: [count, 1])
    let right = try quality.reshape([1, 1]) - hurdles
    return [NamedTensor("logits", try Tensor.cat([right, right * -1], dim: 1))]
  }
}

/// A convolution, batch normalisation and dropout: all that training could disturb.
final class SmallNetwork: Layer {
  let convolution: Conv2d
  let normalization: BatchNorm2d
  let dropout: Dropout
  let output: Linear

  init(_ labelCount: Int) throws {
    convolution = try Conv2d(3, 4, kernelSize: 3, stride: 2, padding: 1)
    normalization = try BatchNorm2d(4)
    dropout = Dropout(0.5)
    output = try Linear(4, labelCount)
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    let features = try normalization(convolution(input)).relu()
    return try output(dropout(features.mean(dims: [2, 3])))
  }
}

/// A network of nobody's, made a classifier.
final class SmallClassifier: AdaptedModel {
  typealias Kind = MultiClassClassification
  let network: SmallNetwork
  init(labelCount: Int) throws { network = try SmallNetwork(labelCount) }

  func loss(of output: Tensor, _ batch: MultiClassClassification.Batch) throws -> LossTerms {
    let labels = try Tensor(batch.entities.map(\.label))
    return LossTerms([NamedTensor("loss_cls", try crossEntropy(output.to(.float32), labels))])
  }
  func outputs(of output: Tensor) throws -> [NamedTensor] {
    [NamedTensor(MultiClassClassification.Output.logits, output)]
  }

  static let entry = ZooModel<MultiClassClassification>(
    ModelDescriptor(
      name: "small",
      title: "Small",
      task: .multiClassClassification,
      backbones: ["small"],
      preprocessing: Preprocessing(inputSize: ImageSize(height: 16, width: 16)),
      sizeMultiple: 8,
      hasDynamicSize: true,
      parameterCount: 200,
      gigaMultiplyAdds: 0.001
    )
  ) { info in
    try SmallClassifier(labelCount: info.labels.count)
  }
}

/// What is known of a model of two labels.
func classifierInfo(_ model: String = "small", size: Int = 16) -> ModelInfo {
  ModelInfo(
    model: model,
    backbone: model,
    task: .multiClassClassification,
    labels: LabelInfo(names: ["a", "b"]),
    preprocessing: Preprocessing(inputSize: ImageSize(height: size, width: size))
  )
}

/// Pictures in memory, labelled by turns; all of label `a` where `isUniform`.
func classifierData(
  train: Int = 4,
  val: Int = 10,
  batchSize: Int = 2,
  size: Int = 16,
  isUniform: Bool = false,
  workerCount: Int = 0
) throws -> DataModule<MultiClassClassification> {
  func items(_ count: Int, _ subset: String) -> [DatasetItem] {
    (0..<count).map { index in
      var image = Image(size: ImageSize(height: size, width: size))
      let tint: [UInt8] = index % 2 == 0 ? [200, 40, 40] : [40, 40, 200]
      for offset in image.pixels.indices {
        image.pixels[offset] = tint[offset % 3] &+ UInt8(truncatingIfNeeded: offset &* index % 37)
      }
      return DatasetItem(
        id: "\(subset)-\(index)",
        image: .memory(image),
        annotations: [.label(isUniform || index % 2 == 0 ? "a" : "b")]
      )
    }
  }
  let dataset = Dataset(
    format: "memory",
    root: URL(filePath: "/"),
    labels: LabelInfo(names: ["a", "b"]),
    items: [.train: items(train, "train"), .val: items(val, "val")]
  )
  return try DataModule(
    dataset: dataset,
    preprocessing: Preprocessing(inputSize: ImageSize(height: size, width: size)),
    augmentations: [.horizontalFlip(probability: 0.5)],
    batchSize: batchSize,
    workerCount: workerCount
  )
}

/// Plain gradient descent: one step moves a ``Ramp`` by exactly the learning rate.
func plainOptions(epochs: Int, rate: Double = 0.1) -> TrainOptions {
  var options = TrainOptions()
  options.maxEpochs = epochs
  options.precision = .fp32
  options.optimizer.learningRate = rate
  options.optimizer.momentum = 0
  options.optimizer.weightDecay = 0
  options.schedule.name = .constant
  options.earlyStopping.enabled = false
  options.adaptiveScheduling = false
  return options
}

/// Remembers what it was told.
final class Listener: TrainingObserver {
  private let heard = Mutex<[TrainingEvent]>([])
  private let onEvent: (@Sendable (TrainingEvent) -> Void)?

  init(onEvent: (@Sendable (TrainingEvent) -> Void)? = nil) { self.onEvent = onEvent }

  func observe(_ event: TrainingEvent) {
    heard.withLock { $0.append(event) }
    onEvent?(event)
  }

  var events: [TrainingEvent] { heard.withLock { $0 } }
  var messages: [String] {
    events.compactMap { if case .message(let text) = $0 { text } else { nil } }
  }
  var warnings: [String] {
    events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
  }
  var steps: [TrainingStep] {
    events.compactMap { if case .step(let step) = $0 { step } else { nil } }
  }
  var validations: [(epoch: Int, report: MetricReport, isBest: Bool)] {
    events.compactMap {
      if case .validated(let epoch, let report, let isBest) = $0 {
        (epoch, report, isBest)
      } else {
        nil
      }
    }
  }
}

/// A training run of a model in a folder of its own.
struct TestRun {
  let folder: TemporaryFolder
  var directory: RunDirectory
  let listener: Listener

  init(onEvent: (@Sendable (TrainingEvent) -> Void)? = nil) throws {
    folder = try TemporaryFolder()
    directory = RunDirectory(
      root: folder.url,
      models: folder.url,
      cache: folder.url.appending(path: "cache"),
      recipeText: "model: test\n"
    )
    listener = Listener(onEvent: onEvent)
  }

  /// Trains `model` on pictures of one label, unless other data is given.
  @discardableResult
  func train<Kind: VisionTask>(
    _ model: any TaskModel<Kind>,
    _ options: TrainOptions,
    info: ModelInfo = classifierInfo(),
    data: any DataSource<Kind>,
    confidenceThreshold: Float? = nil
  ) throws -> TrainingResult {
    try Trainer(
      model: model,
      info: info,
      data: data,
      options: options,
      confidenceThreshold: confidenceThreshold,
      directory: directory,
      observers: [listener]
    ).run()
  }

  /// As above, for a ramp: two steps an epoch.
  @discardableResult
  func train(_ ramp: Ramp, _ options: TrainOptions) throws -> TrainingResult {
    try train(ramp, options, data: try classifierData(train: 20, batchSize: 10, isUniform: true))
  }

  /// The number that a ramp's checkpoint holds.
  func savedPosition() throws -> Double {
    let state = try CheckpointFile.read(directory.bestCheckpoint).state
    return try #require(state["position"]?.doubles()?.first)
  }

  /// A tensor of `last.pth`, by the keys on the way to it.
  func last(_ keys: String...) throws -> ArrayBuffer? {
    var value: PickleValue? = try PickleFile.read(directory.lastCheckpoint)
    for key in keys { value = value?[key] }
    guard case .tensor(let buffer)? = value else { return nil }
    return buffer
  }
}
