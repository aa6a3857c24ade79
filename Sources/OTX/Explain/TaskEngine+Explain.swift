public import Foundation
public import OTXCore
import OTXData
import OTXImage

extension TaskEngine {
  /// Finds out what the model looks at in picture files, and hands the maps over one file after the
  /// other.
  ///
  /// - Parameters:
  ///   - images: The files.
  ///   - options: Which maps.
  ///   - onDamage: Told of each file that cannot be read, which is left out then; `nil` makes it an
  ///     error. Called on a thread of the loader.
  ///   - body: Gets the maps of each file.
  /// - Throws: ``ModelError/mismatch(_:)`` for a model that has no maps: one of a TorchScript file, an
  ///   exported one without them, or one that sees pictures in tiles. ``DataError`` naming the file
  ///   that cannot be read, unless `onDamage` takes it.
  public func explain(
    _ images: [URL],
    options: ExplainOptions = ExplainOptions(),
    onDamage: (@Sendable (DatasetProblem) -> Void)? = nil,
    body: (PictureExplanation) throws -> Void
  ) async throws {
    guard let explainer = sub as? any ExplainingEngine<Kind> else {
      throw EngineError.jobNotSupported("explain", by: backend)
    }
    let info = await sub.info
    guard info.tiling == nil, recipe.data.tiling.settled == nil else {
      throw ModelError.mismatch(
        "the model sees pictures in tiles, which have no map in common; cut tiles out as pictures and explain those"
      )
    }
    guard !options.judges || Kind.taskType != .regression else {
      throw ModelError.mismatch("maps of a regression are not judged: values have no scores")
    }
    let items = images.map { DatasetItem(id: $0.path, image: .file($0), annotations: []) }
    let data = try DataModule<Kind>(
      dataset: Dataset(
        format: "pictures",
        root: URL(filePath: "/"),
        labels: info.labels,
        items: [.unlabeled: items]
      ),
      labels: info.labels,
      preprocessing: info.preprocessing,
      batchSize: 1,
      strict: onDamage == nil,
      onProblem: onDamage
    )
    let files = Dictionary(images.map { ($0.path, $0) }) { first, _ in first }
    let batches = try data.batches(.unlabeled, mode: .evaluation)
    while let batch = try batches.next() {
      try Task.checkCancellation()
      guard let frame = batch.frames.first else { continue }
      let outputs = try await explainer.explain(batch, method: options.method)
      let predictions = try Kind.predictions(from: outputs, frames: batch.frames, info: info)
      let findings = predictions.first.map { Kind.findings($0, labels: info.labels) } ?? []
      let features = try outputs.output(ExplainOutput.featureVector)
      var maps = try SaliencyMap.maps(
        try outputs.output(ExplainOutput.saliencyMap),
        findings: findings,
        frame: frame,
        info: info,
        options: options
      )
      if options.judges {
        let judge = SaliencyJudge<Kind>(
          batch: batch,
          info: info,
          stepCount: max(options.judgementSteps, 1)
        )
        for index in maps.indices where maps[index].label != nil {
          maps[index].judgement = try await judge.judge(maps[index], with: explainer)
        }
      }
      try body(
        PictureExplanation(
          image: files[frame.itemID] ?? URL(filePath: frame.itemID),
          size: frame.originalSize,
          maps: maps,
          featureVector: features.values
        )
      )
    }
  }
}

extension SaliencyMap {
  /// The maps that `options` ask for, of the output for one picture.
  fileprivate static func maps(
    _ output: ModelOutput,
    findings: [Finding],
    frame: ImageFrame,
    info: ModelInfo,
    options: ExplainOptions
  ) throws -> [SaliencyMap] {
    let hasLabels = output.shape.count == 4
    let sides = output.shape.suffix(2)
    let count = hasLabels ? info.labels.count : 1
    guard output.shape.count == (hasLabels ? 4 : 3), output.shape.first == 1,
      !hasLabels || output.shape[1] == count, let height = sides.first, let width = sides.last,
      output.values.count == count * height * width, height > 0, width > 0
    else {
      throw ModelError.unexpectedOutputShape(
        ExplainOutput.saliencyMap,
        shape: output.shape,
        expected: "[1, \(info.labels.count), h, w] or [1, h, w]"
      )
    }
    func map(_ index: Int, _ label: String?) -> SaliencyMap {
      SaliencyMap(
        label: label,
        score: findings.filter { $0.label == label }.map(\.score).max(),
        size: ImageSize(height: height, width: width),
        values: output.values[index * height * width..<(index + 1) * height * width]
          .map { UInt8(min(max($0, 0), 255)) },
        frame: frame,
        inputSize: info.preprocessing.inputSize
      )
    }
    guard hasLabels else { return [map(0, nil)] }
    let names = info.labels.names
    var wanted = names
    if options.target == .predictions {
      let found = findings.sorted { $0.score > $1.score }
      var labels = found.filter { $0.score >= options.confidenceThreshold }.map(\.label)
      if labels.isEmpty { labels = found.prefix(1).map(\.label) }
      wanted = labels.enumerated().filter { labels.firstIndex(of: $1) == $0 }.map(\.element)
    }
    return wanted.compactMap { name in info.labels.index(of: name).map { map($0, name) } }
  }
}

/// Runs a model on one picture with parts taken away and put back.
private struct SaliencyJudge<Kind: VisionTask> {
  let batch: Kind.Batch
  let info: ModelInfo
  let stepCount: Int

  func judge(
    _ map: SaliencyMap,
    with engine: any ExplainingEngine<Kind>
  ) async throws -> SaliencyJudgement {
    let size = batch.images.size
    let picture = Image(size: size, pixels: batch.images.pixels)
    // The map over the network's input, whose pixels are changed.
    let whole = SaliencyMap(
      label: map.label,
      score: map.score,
      size: map.size,
      values: map.values,
      frame: ImageFrame(itemID: "", originalSize: size),
      inputSize: size
    )
    let values = whole.pixels(cropsPadding: false)
    // Equal ones in order of place, so that the result repeats.
    let order = values.indices.sorted { (values[$1], $0) < (values[$0], $1) }
    var grey = picture
    let mean = info.preprocessing.mean.map { UInt8(min(max($0, 0), 255).rounded()) }
    for index in grey.pixels.indices { grey.pixels[index] = mean[index % 3] }
    let blurred = try picture.blurred()
    return SaliencyJudgement(
      deletion: try await area(order, from: picture, to: grey, map.label, engine),
      insertion: try await area(order, from: blurred, to: picture, map.label, engine)
    )
  }

  /// The area under the label's score while pixels of one picture become those of another.
  private func area(
    _ order: [Int],
    from start: Image,
    to end: Image,
    _ label: String?,
    _ engine: any ExplainingEngine<Kind>
  ) async throws -> Double {
    var image = start
    var scores = [try await score(image, label, engine)]
    for step in 0..<stepCount {
      try Task.checkCancellation()
      for pixel in order[order.count * step / stepCount..<order.count * (step + 1) / stepCount] {
        for channel in 3 * pixel..<3 * pixel + 3 { image.pixels[channel] = end.pixels[channel] }
      }
      scores.append(try await score(image, label, engine))
    }
    let ends = (scores[0] + scores[stepCount]) / 2
    return (scores.reduce(0, +) - ends) / Double(stepCount)
  }

  private func score(
    _ image: Image,
    _ label: String?,
    _ engine: any ExplainingEngine<Kind>
  ) async throws -> Double {
    let frame = ImageFrame(itemID: batch.frames.first?.itemID ?? "", originalSize: image.size)
    let changed = try Kind.Batch(collating: [Kind.unlabeled(image, frame: frame)])
    let found = try await engine.predict(changed).first
    let findings = found.map { Kind.findings($0, labels: info.labels) } ?? []
    return Double(findings.filter { $0.label == label }.map(\.score).max() ?? 0)
  }
}

extension Image {
  /// Without any detail: the picture shrunk to a sixteenth and stretched again.
  fileprivate func blurred() throws -> Image {
    let small = ImageSize(height: max(height / 16, 1), width: max(width / 16, 1))
    return try resized(to: small, interpolation: .area).resized(to: size)
  }
}
