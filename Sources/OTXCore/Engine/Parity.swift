/// How far an exported model is from the checkpoint it was made of.
public struct ParityReport: Codable, Sendable, Equatable {
  /// The numbers that the file's weights are stored as: `fp32`, `fp16`.
  public var precision: String?
  /// The largest difference of one number of the raw outputs, in fp32.
  public var maxAbsoluteDifference = 0.0
  /// The same, as a part of the largest number of its output.
  public var maxRelativeDifference = 0.0
  /// The differences of each raw output, in fp32.
  public var outputs: [String: OutputDifference] = [:]
  /// The same at the device's own default precision, where it was measured: other programs get it.
  public var deviceDefaultRelativeDifference: Double?
  /// The largest difference of the written file's last layers with weights, as a part of the
  /// largest number of a layer, in fp32.
  public var fileRelativeDifference: Double?
  /// What differs after post-processing, in fp32; `nil` where there was no data.
  public var predictions: PredictionParity?
  /// The score that was compared: `f-measure`.
  public var metric: String?
  /// Pictures the score was taken on.
  public var sampleCount = 0
  public var checkpointScore: Double?
  /// Difference of the score, in fp32.
  public var metricDifference: Double?
  /// Difference of the score at the device's own default precision.
  public var deviceDefaultMetricDifference: Double?

  public init() {}

  /// Takes outputs of the exported model in, beside the checkpoint's for the same pictures.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when an output is missing, has another shape, or is
  ///   not a number where the checkpoint's is one.
  public mutating func compare(
    _ outputs: [String: ModelOutput],
    with expected: [String: ModelOutput]
  ) throws {
    for (name, difference) in try ParityReport.differences(outputs, from: expected) {
      self.outputs[name, default: OutputDifference()].add(difference)
      maxAbsoluteDifference = max(maxAbsoluteDifference, difference.maxAbsolute)
      maxRelativeDifference = max(maxRelativeDifference, difference.maxRelative)
    }
  }

  /// Takes outputs at the device's own default precision in.
  ///
  /// - Throws: as ``compare(_:with:)`` does.
  public mutating func compareDeviceDefault(
    _ outputs: [String: ModelOutput],
    with expected: [String: ModelOutput]
  ) throws {
    let differences = try ParityReport.differences(outputs, from: expected)
    deviceDefaultRelativeDifference = max(
      deviceDefaultRelativeDifference ?? 0,
      differences.values.map(\.maxRelative).max() ?? 0
    )
  }

  private static func differences(
    _ outputs: [String: ModelOutput],
    from expected: [String: ModelOutput]
  ) throws -> [String: OutputDifference] {
    var differences: [String: OutputDifference] = [:]
    for (name, reference) in expected {
      guard let output = outputs[name] else {
        throw ModelError.exportFailed(
          "the exported model has no output '\(name)' (it has \(outputs.keys.sorted().joined(separator: ", ")))"
        )
      }
      differences[name] = try OutputDifference(of: output, from: reference, named: name)
    }
    return differences
  }
}

/// How far numbers of one output, or of one layer, are from what they should be.
public struct OutputDifference: Codable, Sendable, Equatable {
  /// The largest difference of one number.
  public var maxAbsolute = 0.0
  public var meanAbsolute = 0.0
  /// The largest difference, as a part of the largest number.
  public var maxRelative = 0.0
  /// The root of the mean squared difference, as a part of that of the numbers themselves.
  public var relativeError = 0.0
  /// Numbers that were compared.
  public var valueCount = 0

  public init() {}

  /// Compares an output with what it should be.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when it has another shape, or is not a number where one
  ///   should be.
  public init(of output: ModelOutput, from reference: ModelOutput, named name: String) throws {
    guard output.shape == reference.shape, output.values.count == reference.values.count else {
      throw ModelError.exportFailed(
        "output '\(name)' of the exported model has shape \(output.shape), the checkpoint's \(reference.shape)"
      )
    }
    var (largest, sum, squares, size) = (0.0, 0.0, 0.0, 0.0)
    for (index, (value, wanted)) in zip(output.values, reference.values).enumerated() {
      if wanted.isFinite {
        largest = max(largest, Double(abs(wanted)))
        size += Double(wanted) * Double(wanted)
      }
      if value == wanted || (value.isNaN && wanted.isNaN) { continue }
      guard value.isFinite, wanted.isFinite else {
        throw ModelError.exportFailed(
          "output '\(name)' of the exported model is \(value) at \(index), the checkpoint's \(wanted)"
        )
      }
      let difference = abs(Double(value) - Double(wanted))
      maxAbsolute = max(maxAbsolute, difference)
      sum += difference
      squares += difference * difference
    }
    valueCount = output.values.count
    meanAbsolute = valueCount > 0 ? sum / Double(valueCount) : 0
    maxRelative = largest > 0 ? maxAbsolute / largest : maxAbsolute
    relativeError = (size > 0 ? squares / size : squares).squareRoot()
  }

  /// Takes further numbers of the same output in.
  public mutating func add(_ other: OutputDifference) {
    let count = valueCount + other.valueCount
    if count > 0 {
      let (own, others) = (
        Double(valueCount) / Double(count), Double(other.valueCount) / Double(count)
      )
      meanAbsolute = meanAbsolute * own + other.meanAbsolute * others
      relativeError =
        (relativeError * relativeError * own + other.relativeError * other.relativeError * others)
        .squareRoot()
    }
    maxAbsolute = max(maxAbsolute, other.maxAbsolute)
    maxRelative = max(maxRelative, other.maxRelative)
    valueCount = count
  }
}

/// A layer whose results differ from what they should be.
public struct LayerDifference: Codable, Sendable, Equatable {
  /// `backbone.conv1/conv2d`.
  public var layer: String
  /// What it does, by the exported model's name: `Convolution`.
  public var type: String
  public var difference: OutputDifference

  public init(layer: String, type: String, difference: OutputDifference) {
    self.layer = layer
    self.type = type
    self.difference = difference
  }
}

/// What an exported model says of pictures beside what the model that it was made of says.
public struct PredictionParity: Codable, Sendable, Equatable {
  public var pictureCount = 0
  /// Pictures of which the two say something else: another label, or a box that only one has.
  public var differingCount = 0
  /// The largest difference of the scores of what both found.
  public var maxScoreDifference = 0.0
  /// The largest difference of values, of a model that says values.
  public var maxValueDifference: Double?
  /// Boxes that both found: the same label, and an intersection over union of one half or more.
  public var matchedBoxCount: Int?
  /// Boxes that only one of them found.
  public var unmatchedBoxCount: Int?
  /// Intersection over union of the boxes that both found.
  public var meanIoU: Double?
  public var minIoU: Double?

  public init() {}

  /// Takes one picture in.
  ///
  /// - Parameters:
  ///   - findings: What the exported model says.
  ///   - expected: What the other says.
  ///   - takesFirst: Whether the first finding alone is the answer, as of a multi-class model, which
  ///     names every label.
  public mutating func add(_ findings: [Finding], _ expected: [Finding], takesFirst: Bool = false) {
    pictureCount += 1
    let hasBoxes = (findings + expected).contains { $0.box != nil }
    let differs =
      hasBoxes
      ? addBoxes(findings, expected) : addLabels(findings, expected, takesFirst: takesFirst)
    if differs { differingCount += 1 }
  }

  private mutating func addLabels(
    _ findings: [Finding],
    _ expected: [Finding],
    takesFirst: Bool
  ) -> Bool {
    for finding in findings {
      guard let other = expected.first(where: { $0.label == finding.label }) else { continue }
      maxScoreDifference = max(maxScoreDifference, Double(abs(finding.score - other.score)))
      if let value = finding.value, let wanted = other.value {
        maxValueDifference = max(maxValueDifference ?? 0, abs(value - wanted))
      }
    }
    if takesFirst { return findings.first?.label != expected.first?.label }
    return findings.map(\.label).sorted() != expected.map(\.label).sorted()
  }

  /// Pairs boxes, the nearest first.
  private mutating func addBoxes(_ findings: [Finding], _ expected: [Finding]) -> Bool {
    var pairs: [(iou: Double, own: Int, other: Int)] = []
    for (index, finding) in findings.enumerated() {
      for (place, other) in expected.enumerated() where other.label == finding.label {
        guard let box = finding.box, let wanted = other.box else { continue }
        let iou = Double(box.iou(wanted))
        if iou >= 0.5 { pairs.append((iou, index, place)) }
      }
    }
    pairs.sort { ($1.iou, $0.own, $0.other) < ($0.iou, $1.own, $1.other) }
    var (own, others) = (Set<Int>(), Set<Int>())
    var sum = (meanIoU ?? 0) * Double(matchedBoxCount ?? 0)
    for pair in pairs where !own.contains(pair.own) && !others.contains(pair.other) {
      own.insert(pair.own)
      others.insert(pair.other)
      let scores = abs(findings[pair.own].score - expected[pair.other].score)
      maxScoreDifference = max(maxScoreDifference, Double(scores))
      minIoU = min(minIoU ?? 1, pair.iou)
      sum += pair.iou
    }
    let matched = (matchedBoxCount ?? 0) + own.count
    let lonely = findings.count + expected.count - 2 * own.count
    matchedBoxCount = matched
    unmatchedBoxCount = (unmatchedBoxCount ?? 0) + lonely
    meanIoU = matched > 0 ? sum / Double(matched) : nil
    return lonely > 0
  }
}
