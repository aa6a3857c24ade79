import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXNN
import OTXTensor
import OTXTesting
import OTXTuning

/// The search on real trainings: a small network on pictures of objects, four hyper-parameters.
///
/// The peer is random search: so many whole trainings, the best of which is the goal. The search has a
/// part of their epochs, and both take a network's validation score after its last epoch alone.
struct TuningCrops: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tuning-crops",
    abstract: "Epochs that a search needs for the best of many random whole trainings.",
    discussion: "DATA is a folder with a folder for each label, as Scripts/cell-crops.sh makes."
  )

  @ArgumentParser.Argument(help: "A classification dataset.", transform: { URL(filePath: $0) })
  var data: URL
  @Option(help: "Searches.")
  var seeds = 5
  @Option(help: "The first seed.")
  var firstSeed = 0
  @Option(help: "Whole trainings of the random search.")
  var trainings = 40
  @Option(help: "Epochs of a whole training.")
  var epochs = 18
  @Option(help: "Epochs of the search's lowest rung; 0: a ninth of a whole training.")
  var firstRung = 0
  @Option(help: "The part of the random search's epochs that the search may spend.")
  var part = 0.25
  @Option(help: "Pictures to train on.")
  var pictures = 240
  @Option(help: "Pictures to validate on.")
  var validationPictures = 960
  @Flag(help: "Print the search's trials, too.")
  var trials = false

  func run() throws {
    try Torch.setDeterminism(.on)
    let (train, validation) = try crops()
    print(
      "\(train.count) pictures to train on, \(validation.count) to validate on; whole trainings of \(epochs) epochs; validation loss, less is better"
    )
    print("| seed | random, best of \(trainings) | epochs | search | epochs | reached after |")
    print("| --- | --- | --- | --- | --- | --- |")
    var reachedCount = 0
    for seed in firstSeed..<firstSeed + seeds {
      let halving = try Halving(minimumResource: epochs, maximumResource: epochs)
      let random = try search(halving, epochs * trainings, seed: seed, isRandom: true) {
        try CropTraining(train, validation, $0, epochs: epochs)
      }
      let goal = random.scores.map(\.score).min() ?? .infinity
      let limit = Int(Double(epochs * trainings) * part)
      let climbing = try Halving(
        minimumResource: firstRung > 0 ? firstRung : max(epochs / 9, 1),
        maximumResource: epochs
      )
      let ours = try search(climbing, limit, seed: seed, isRandom: false) {
        try CropTraining(train, validation, $0, epochs: epochs)
      }
      let best = ours.scores.map(\.score).min() ?? .infinity
      let reached = ours.scores.first { $0.score <= goal }?.spent
      if reached != nil { reachedCount += 1 }
      print(
        "| \(seed) | \(fixed(goal, 4)) | \(random.spent) | \(fixed(best, 4)) | \(ours.spent) | "
          + (reached.map { "\($0) epochs, \(fixed(Double($0) / Double(random.spent), 2))" } ?? "-")
          + " |"
      )
      fflush(nil)
    }
    print("reached in \(reachedCount) of \(seeds) searches")
    if reachedCount * 2 <= seeds { throw ExitCode(1) }
  }

  /// - Returns: The scores of whole trainings with the epochs spent until then, and all epochs.
  private func search(
    _ halving: Halving,
    _ limit: Int,
    seed: Int,
    isRandom: Bool,
    begin: (Trial) throws -> CropTraining
  ) throws -> (scores: [(score: Double, spent: Int)], spent: Int) {
    // Chance of its own: else both would begin with the same trials.
    let chance = UInt64(isRandom ? seed + 1_000_000 : seed)
    var study = try Study(
      space: CropTraining.space,
      halving: halving,
      budget: Budget(resource: limit),
      isMaximized: false,
      seed: chance
    )
    if isRandom { study.startCount = .max }
    var trainings: [Int: CropTraining] = [:]
    var scores: [(score: Double, spent: Int)] = []
    while let (trial, rung) = study.next() {
      let training = try trainings[trial.id] ?? begin(trial)
      let score = try training.run(to: rung.resource)
      trainings[trial.id] = rung.resource < epochs ? training : nil
      // A training that came apart has no score; random search has such, too.
      study.finish(trial.id, rung, score: score)
      if rung.resource == epochs, score.isFinite { scores.append((score, study.spentResource)) }
    }
    if trials, !isRandom {
      for trial in study.trials {
        let values = trial.values.sorted { $0.key < $1.key }
          .map { "\($0.key) \(fixed($0.value.number ?? 0, 5))" }.joined(separator: ", ")
        print("  \(trial.id): \(values): \(trial.scores.map { fixed($0, 4) })")
      }
    }
    return (scores, study.spentResource)
  }

  private func crops() throws -> (train: Crops, validation: Crops) {
    let dataset = try DatasetReader.read(.root(data, format: nil))
    let names = dataset.labels.names
    func take(_ subset: Subset, _ pictures: Int) throws -> Crops {
      let items = dataset.items[subset] ?? []
      guard !items.isEmpty else { throw ValidationError("\(data.path) has no \(subset) subset") }
      // Every label's share, whatever the order of the files.
      let step = max(1, items.count / pictures)
      let chosen = stride(from: 0, to: items.count, by: step).prefix(pictures).map { items[$0] }
      var (bytes, classes): ([UInt8], [Int]) = ([], [])
      for item in chosen {
        guard let label = item.annotations.first?.label, let index = names.firstIndex(of: label)
        else { continue }
        bytes += try item.picture().resized(to: ImageSize(height: Crops.side, width: Crops.side))
          .pixels
        classes.append(index)
      }
      return try Crops(bytes, classes)
    }
    return (try take(.train, pictures), try take(.val, validationPictures))
  }
}

/// Small pictures and their classes, as tensors.
private struct Crops {
  static let side = 20
  /// `[N, 3, side, side]`, -1 to 1.
  let pictures: Tensor
  /// `[N]`, `int64`.
  let classes: Tensor
  let count: Int
  let classCount: Int

  init(_ bytes: [UInt8], _ classes: [Int]) throws {
    count = classes.count
    classCount = (classes.max() ?? 0) + 1
    pictures =
      try
      (Tensor(bytes, shape: [count, Crops.side, Crops.side, 3]).permute([0, 3, 1, 2])
      .to(.float32) / 127.5 - 1).contiguous()
    self.classes = try Tensor(classes, shape: [count])
  }
}

/// Three convolutions with batch normalisation, and a classifier.
private final class CropNetwork: Layer {
  let conv1: Conv2d
  let bn1: BatchNorm2d
  let conv2: Conv2d
  let bn2: BatchNorm2d
  let conv3: Conv2d
  let bn3: BatchNorm2d
  let fc: Linear

  init(classCount: Int) throws(TensorError) {
    conv1 = try Conv2d(3, 8, kernelSize: 3, stride: 2, padding: 1, bias: false)
    bn1 = try BatchNorm2d(8)
    conv2 = try Conv2d(8, 16, kernelSize: 3, stride: 2, padding: 1, bias: false)
    bn2 = try BatchNorm2d(16)
    conv3 = try Conv2d(16, 32, kernelSize: 3, stride: 2, padding: 1, bias: false)
    bn3 = try BatchNorm2d(32)
    fc = try Linear(32, classCount)
  }

  func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    let first = try bn1(conv1(input)).relu()
    let second = try bn2(conv2(first)).relu()
    return try fc(bn3(conv3(second)).relu().mean(dims: [2, 3]))
  }
}

/// One trial's training, which can stop after any epoch and go on.
private final class CropTraining {
  static let space = SearchSpace([
    HyperParameter("rate", .logUniform(low: 1e-4, high: 1), initial: .number(0.01)),
    HyperParameter("momentum", .uniform(low: 0, high: 0.99), initial: .number(0.9)),
    HyperParameter("decay", .logUniform(low: 1e-6, high: 0.1), initial: .number(1e-4)),
    HyperParameter(
      "batch",
      .quantizedLogUniform(low: 8, high: 64, step: 8),
      initial: .number(32)
    ),
  ])

  private let (train, validation): (Crops, Crops)
  private let (rate, batch): (Double, Int)
  private let network: CropNetwork
  private let optimizer: SGD
  private let epochs: Int
  private let seed: UInt64
  private var done = 0

  init(_ train: Crops, _ validation: Crops, _ trial: Trial, epochs: Int) throws {
    func value(_ name: String) -> Double { trial.values[name]?.number ?? 0 }
    (self.train, self.validation, self.epochs) = (train, validation, epochs)
    (rate, batch) = (value("rate"), Int(value("batch")))
    seed = UInt64(trial.id)
    try Torch.seed(seed)
    network = try CropNetwork(classCount: max(train.classCount, validation.classCount))
    optimizer = SGD(
      [ParameterGroup(network.parameters())],
      momentum: value("momentum"),
      weightDecay: value("decay")
    )
  }

  /// - Returns: The validation loss after so many epochs; infinite where the training came apart.
  func run(to epoch: Int) throws -> Double {
    network.setTraining(true)
    while done < epoch {
      // Half a cosine over the whole training.
      let current = rate * 0.5 * (1 + cos(.pi * Double(done) / Double(epochs)))
      var generator = CounterGenerator(seed: seed, UInt64(done))
      let order = (0..<train.count).shuffled(using: &generator)
      // The last, smaller batch is left out.
      for start in stride(from: 0, through: order.count - batch, by: batch) {
        let rows = Array(order[start..<start + batch])
        let indices = try Tensor(rows, shape: [rows.count])
        try optimizer.zeroGradients()
        let logits = try network(train.pictures.indexSelect(dim: 0, indices))
        let loss = try crossEntropy(logits, train.classes.indexSelect(dim: 0, indices))
        try loss.backward()
        try optimizer.step(learningRate: current)
      }
      done += 1
    }
    network.setTraining(false)
    let loss = try noGrad { () throws(TensorError) in
      try crossEntropy(network(validation.pictures), validation.classes).item()
    }
    return loss.isFinite ? loss : .infinity
  }
}
