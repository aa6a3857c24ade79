import Foundation
import OTXCore
import OTXModels
import OTXNN
import OTXTensor

extension Trainer {
  /// Fits the last layer to features that are computed once, and scores the whole.
  ///
  /// - Returns: Why training ends.
  func probe() throws -> String {
    guard let classifier = model as? any LogitsTrainable<Kind>, let head = lastLayer() else {
      throw ConfigurationError.invalid(
        "linear_probe needs a classifier that ends with a linear layer; \(info.model) for \(Kind.title) has none: leave the method at supervised"
      )
    }
    model.module.setTraining(false)
    let clock = Stopwatch.now()
    do {
      let train = try samples(.train, before: head, of: classifier)
      let validation = try samples(.val, before: head, of: classifier)
      time.imageCount = train.entities.count
      try tellNeighbours(train, validation)
      let probe = LinearProbe(
        model: classifier,
        seed: UInt64(bitPattern: Int64(options.seed))
      )
      let fit = try probe.fit(train, validation: validation, outputCount: head.outputFeatures)
      try noGrad { () throws(TensorError) in
        try head.weight.value.copy_(fit.weight)
        try head.bias?.value.copy_(fit.bias)
      }
      tell(.message("The last layer is fitted (weight decay \(fit.weightDecay))"))
    } catch is CancellationError {
      return TrainingResult.interrupted
    }
    (step, iteration, time.stepCount) = (stepsPerEpoch, stepsPerEpoch, stepsPerEpoch)
    time.seconds = Stopwatch.now() - clock
    averaged = nil
    _ = try validate()
    return "the last layer is fitted to the features of a frozen backbone"
  }

  /// The linear layer that gives the logits: the last one that has a bias.
  private func lastLayer() -> Linear? {
    let layers = model.module.modules().compactMap { $0.module as? Linear }
    return layers.last.flatMap { $0.bias == nil ? nil : $0 }
  }

  /// The features of a subset: those of an earlier run with the same weights and data, else new ones.
  private func samples(
    _ subset: Subset,
    before head: Linear,
    of classifier: any LogitsTrainable<Kind>
  ) throws -> LinearProbe<Kind>.Samples {
    let cache = try featureFile(subset, before: head)
    if let cache, let known = try? SafeTensorsFile.read(cache),
      let features = known.state["features"],
      let entities = try data.entitiesWithoutPictures(subset),
      features.shape == [entities.count, head.inputFeatures]
    {
      tell(
        .message("Features of \(entities.count) \(subset.rawValue) pictures: those of a run before")
      )
      return .init(features: try Tensor(features), entities: entities)
    }
    let samples = try computeSamples(subset, before: head, of: classifier)
    // Damaged pictures are left out of a stream: then what is kept would not match the list.
    if let cache, try data.entitiesWithoutPictures(subset)?.count == samples.entities.count {
      try? keep(samples.features, at: cache)
    }
    return samples
  }

  private func computeSamples(
    _ subset: Subset,
    before head: Linear,
    of classifier: any LogitsTrainable<Kind>
  ) throws -> LinearProbe<Kind>.Samples {
    var rows: [Tensor] = []
    var entities: [Kind.Entity] = []
    let pixel = Image(size: ImageSize(height: 1, width: 1))
    let batches = try data.batches(subset, mode: .evaluation)
    let count = data.itemCount(subset)
    while let batch = try batches.next() {
      try Task.checkCancellation()
      var seen: [Tensor] = []
      head.onInput = { seen.append($0) }
      defer { head.onInput = nil }
      let outputs = try noGrad { try classifier.outputs(input.tensor(batch.images)) }
      guard let features = seen.last, seen.count == 1, features.rank == 2,
        outputs.first?.value.shape == [batch.count, head.outputFeatures]
      else {
        throw ConfigurationError.invalid(
          "linear_probe needs a classifier whose last linear layer gives its logits; \(info.model) has none"
        )
      }
      rows.append(try features.detach().to(.float32))
      for var entity in batch.entities {
        entity.image = pixel
        entities.append(entity)
      }
      tell(.preparing("features of \(subset.rawValue)", done: entities.count, of: count))
    }
    guard !entities.isEmpty else {
      throw DataError.emptySubset(subset, reason: "there is nothing to compute features of")
    }
    return .init(features: try Tensor.cat(rows, dim: 0), entities: entities)
  }

  /// Says what the features tell without a fit, for tasks of one label a picture.
  private func tellNeighbours(
    _ train: LinearProbe<Kind>.Samples,
    _ validation: LinearProbe<Kind>.Samples
  ) throws {
    guard let known = train.entities as? [MultiClassClassification.Entity],
      let asked = validation.entities as? [MultiClassClassification.Entity]
    else { return }
    let accuracy = try NearestNeighbours.accuracy(
      train.features,
      known.map(\.label),
      validation.features,
      asked.map(\.label),
      labelCount: info.labels.count
    )
    tell(
      .message(
        "By the 20 nearest training pictures alone: accuracy \((accuracy * 10000).rounded() / 10000)"
      )
    )
  }

  // MARK: Kept features

  /// Where the features of a subset are kept: by the weights before the last layer, what pictures are
  /// made into, and the data.
  private func featureFile(_ subset: Subset, before head: Linear) throws -> URL? {
    guard let part = directory.data?.subsets[subset.rawValue] else { return nil }
    var hash = StableHash()
    hash.add("\(info.model) \(info.preprocessing)")
    for number in [part.names, part.pictures, UInt64(part.itemCount)] { hash.add(number) }
    let own = [head.weight, head.bias].compactMap(\.self).map(ObjectIdentifier.init)
    let parameters = model.module.parameters().filter {
      !own.contains(ObjectIdentifier($0.parameter))
    }
    for (name, parameter) in parameters {
      hash.add(name)
      hash.add(bytes: try parameter.value.arrayBuffer().bytes)
    }
    for (_, buffer) in model.module.buffers() {
      hash.add(bytes: try buffer.value.arrayBuffer().bytes)
    }
    return directory.cache.appending(path: "features/\(String(hash.value, radix: 16)).safetensors")
  }

  private func keep(_ features: Tensor, at url: URL) throws {
    try Folder.make(url.deletingLastPathComponent())
    try SafeTensorsFile(
      state: StateDictionary([.init(name: "features", value: try features.arrayBuffer())])
    ).write(to: url)
  }
}
