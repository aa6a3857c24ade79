public import OTXCore
public import OTXTensor

extension AnchorPredictions {
  /// The class-probability map of a detector: for each label and cell the highest probability that an
  /// anchor of any level gives, in the cells of the finest level.
  ///
  /// As Python OTX 2.6 has it, but for the levels: there their mean is taken, which fades an object
  /// that one level alone finds.
  ///
  /// - Parameters:
  ///   - levels: Of the anchors, in their order.
  ///   - features: What the head saw, `[N, C, h, w]` each.
  ///   - method: Class probabilities, or the mean of the finest level's features.
  /// - Returns: ``ExplainOutput``'s outputs.
  /// - Throws: `TensorError`, ``ModelError/mismatch(_:)`` for a detector without levels.
  func explained(
    _ levels: [AnchorLevel],
    features: [Tensor],
    method: ExplainMethod
  ) throws -> [NamedTensor] {
    var means: [Tensor] = []
    for level in features { means.append(try level.adaptiveAvgPool2d(1).flatten(startDim: 1)) }
    guard let finest = levels.max(by: { $0.rows * $0.columns < $1.rows * $1.columns }),
      let first = features.first
    else { throw ModelError.mismatch("a detector without levels cannot be explained") }
    let maps: Tensor
    switch method {
    case .activationMap: maps = try first.to(.float32).mean(dim: 1)
    case .auto: maps = try probabilityMaps(levels, finest)
    }
    return [
      NamedTensor(ExplainOutput.saliencyMap, try scaledMaps(maps)),
      NamedTensor(ExplainOutput.featureVector, try .cat(means, dim: 1).to(.float32)),
    ]
  }

  private func probabilityMaps(_ levels: [AnchorLevel], _ finest: AnchorLevel) throws -> Tensor {
    var start = 0
    var whole: Tensor?
    for level in levels {
      // [N, h * w * a, K] to [N, K, h, w]; `reshape`, since OpenVINO refuses `unflatten` of one cell.
      let labelCount = scores.size(2)
      var map = try scores.narrow(dim: 1, start: start, length: level.anchorCount)
        .reshape([-1, level.rows * level.columns, level.count, labelCount]).amax(dims: [2])
        .transpose(1, 2).reshape([-1, labelCount, level.rows, level.columns])
      start += level.anchorCount
      if (level.rows, level.columns) != (finest.rows, finest.columns) {
        map = try map.upsampleBilinear(size: Size2D(height: finest.rows, width: finest.columns))
      }
      whole = try whole?.maximum(map) ?? map
    }
    guard let whole else { throw ModelError.mismatch("a detector without levels") }
    return whole
  }
}

extension SSD: ExplainableModel {
  public func explainedOutputs(_ images: Tensor, method: ExplainMethod) throws -> [NamedTensor] {
    let output = try network(networkInput(images))
    return try outputs(of: output)
      + decoded(output).explained(output.grid.levels, features: output.features, method: method)
  }
}

extension ATSS: ExplainableModel {
  public func explainedOutputs(_ images: Tensor, method: ExplainMethod) throws -> [NamedTensor] {
    let output = try network(networkInput(images))
    return try outputs(of: output)
      + decoded(output).explained(output.grid.levels, features: output.features, method: method)
  }
}

extension YOLOX: ExplainableModel {
  public func explainedOutputs(_ images: Tensor, method: ExplainMethod) throws -> [NamedTensor] {
    let output = try network(networkInput(images))
    return try outputs(of: output)
      + decoded(output).explained(output.grid.levels, features: output.features, method: method)
  }
}
