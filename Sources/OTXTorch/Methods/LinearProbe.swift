import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor

/// The last layer of a classifier, fitted to what the network knows before it.
///
/// The features `[N, D]` are standardised, the layer is trained on them by the model's own loss (AdamW,
/// a rate that falls to nothing) once for each of several weight decays, and the one with the least
/// loss on the validation subset is kept, the standardisation folded into it. In the spirit of Alain
/// and Bengio, Understanding intermediate layers using linear classifier probes, 2016.
struct LinearProbe<Kind: VisionTask> {
  /// What is known of one subset.
  struct Samples {
    /// `[N, D]`, in 32 bits.
    var features: Tensor
    /// With pictures of one pixel, `N` of them.
    var entities: [Kind.Entity]

    /// The rows at `indices`, and what is known of them.
    func batch(_ indices: [Int]) throws -> (features: Tensor, batch: Kind.Batch) {
      (
        try features.indexSelect(dim: 0, Tensor(indices, shape: [indices.count])),
        try Kind.Batch(collating: indices.map { entities[$0] })
      )
    }
  }

  /// A layer and how well it does.
  struct Fit {
    var weightDecay: Double
    /// `[K, D]`.
    var weight: Tensor
    /// `[K]`.
    var bias: Tensor
    /// On the validation subset.
    var loss: Double
  }

  static var epochCount: Int { 60 }
  static var batchSize: Int { 256 }
  static var learningRate: Double { 0.01 }
  static var weightDecays: [Double] { [0.001, 0.1, 3] }

  let model: any LogitsTrainable<Kind>
  let seed: UInt64

  /// The best layer of `outputCount` outputs for raw features.
  ///
  /// - Throws: `TensorError`; `CancellationError` when the task is cancelled.
  func fit(_ train: Samples, validation: Samples, outputCount: Int) throws -> Fit {
    let mean = try train.features.mean(dims: [0])
    let centred = try train.features - mean
    let spread = try (centred * centred).mean(dims: [0]).sqrt()
    // A feature that never changes says nothing; it is not to be blown up either. What is little is
    // seen by the others: those of a random network are tiny together.
    let deviation = try spread.maximum(spread.mean() * 1e-3).clamp(min: 1e-30)
    func standardised(_ samples: Samples) throws -> Samples {
      Samples(
        features: try (samples.features - mean) / deviation,
        entities: samples.entities
      )
    }
    let (own, others) = (try standardised(train), try standardised(validation))
    var best: Fit?
    for decay in LinearProbe.weightDecays {
      let fit = try fit(own, others, outputCount: outputCount, weightDecay: decay)
      if fit.loss < best?.loss ?? .infinity { best = fit }
    }
    guard var best else {
      throw EngineError.trainingFailed(
        "the loss of the last layer is not a number",
        advice: "Look at the weights that the backbone starts from."
      )
    }
    best.weight = try best.weight / deviation
    best.bias = try best.bias - best.weight.matmul(mean)
    return best
  }

  private func fit(
    _ train: Samples,
    _ validation: Samples,
    outputCount: Int,
    weightDecay: Double
  ) throws -> Fit {
    let (count, width) = (train.entities.count, train.features.size(1))
    let weight = try Parameter(.zeros([outputCount, width]))
    let bias = try Parameter(.zeros([outputCount]))
    let optimizer = AdamW(
      [
        ParameterGroup([("weight", weight)]),
        ParameterGroup([("bias", bias)], weightDecayFactor: 0),
      ],
      weightDecay: weightDecay
    )
    var generator = CounterGenerator(seed: seed, 0x7072_6f62)
    let size = min(LinearProbe.batchSize, count)
    let stepCount = LinearProbe.epochCount * ((count + size - 1) / size)
    var step = 0
    for _ in 0..<LinearProbe.epochCount {
      let order = (0..<count).shuffled(using: &generator)
      for start in stride(from: 0, to: count, by: size) {
        try Task.checkCancellation()
        let (features, batch) = try train.batch(Array(order[start..<min(start + size, count)]))
        try optimizer.zeroGradients()
        try loss(features, batch, weight.value, bias.value).backward()
        let share = Double(step) / Double(stepCount)
        try optimizer.step(learningRate: LinearProbe.learningRate * 0.5 * (1 + cos(.pi * share)))
        step += 1
      }
    }
    let found = (try weight.value.detach(), try bias.value.detach())
    let loss = try noGrad { try meanLoss(validation, found.0, found.1) }
    return Fit(weightDecay: weightDecay, weight: found.0, bias: found.1, loss: loss)
  }

  private func loss(
    _ features: Tensor,
    _ batch: Kind.Batch,
    _ weight: Tensor,
    _ bias: Tensor
  ) throws -> Tensor {
    try model.loss(ofLogits: features.linear(weight, bias: bias), batch).total()
  }

  private func meanLoss(_ samples: Samples, _ weight: Tensor, _ bias: Tensor) throws -> Double {
    let (count, size) = (samples.entities.count, 1024)
    var sum = 0.0
    for start in stride(from: 0, to: count, by: size) {
      let indices = Array(start..<min(start + size, count))
      let (features, batch) = try samples.batch(indices)
      sum += try loss(features, batch, weight, bias).item() * Double(indices.count)
    }
    return sum / Double(count)
  }
}

/// Classification by the nearest training samples: how much features tell without any training.
///
/// As Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR 2018:
/// cosine similarity, `neighbourCount` votes weighted by `exp(similarity / 0.07)`.
enum NearestNeighbours {
  static let temperature = 0.07

  /// The share of `queries` whose label the vote finds.
  ///
  /// - `features`, `queries`: `[N, D]`, `[M, D]`.
  static func accuracy(
    _ features: Tensor,
    _ labels: [Int],
    _ queries: Tensor,
    _ truth: [Int],
    labelCount: Int,
    neighbourCount: Int = 20
  ) throws -> Double {
    let known = try unit(features).transpose(0, 1)
    let votes = min(neighbourCount, labels.count)
    var right = 0
    for start in stride(from: 0, to: truth.count, by: 256) {
      let length = min(256, truth.count - start)
      let rows = try unit(queries.narrow(dim: 0, start: start, length: length))
      let nearest = try rows.matmul(known).topk(votes, dim: 1)
      let (similarities, places) = (
        try nearest.values.contiguous().floats(), try nearest.indices.to(.float32).floats()
      )
      for row in 0..<length {
        var scores = [Double](repeating: 0, count: labelCount)
        for vote in (row * votes)..<((row + 1) * votes) {
          scores[labels[Int(places[vote])]] += exp(Double(similarities[vote]) / temperature)
        }
        let found = scores.indices.max { scores[$0] < scores[$1] }
        if found == truth[start + row] { right += 1 }
      }
    }
    return Double(right) / Double(max(truth.count, 1))
  }

  private static func unit(_ rows: Tensor) throws -> Tensor {
    try rows / (rows * rows).sum(dims: [1], keepDim: true).sqrt().clamp(min: 1e-12)
  }
}
