public import Foundation

/// The files of an exported model.
public struct ExportedModel: Codable, Sendable, Equatable {
  /// The model; its weights stand beside it in `bin`.
  public var xml: URL
  public var bin: URL
  /// What the model carries with it.
  public var info: ModelInfo

  public init(xml: URL, bin: URL, info: ModelInfo) {
    self.xml = xml
    self.bin = bin
    self.info = info
  }

  /// Bytes of the model `xml` and its weights.
  package static func byteCount(of xml: URL) -> Int {
    [xml, xml.deletingPathExtension().appendingPathExtension("bin")].reduce(0) { sum, file in
      sum + ((try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0)
    }
  }

  /// Moves every file of the folder `source`, this model among them, into `target`, replacing what
  /// has the same name there.
  ///
  /// The model's description comes last: until then the folder holds no model, or the old one with
  /// its old weights unless those have the same name.
  public func moved(from source: URL, to target: URL) throws -> ExportedModel {
    let names = try FileManager.default.contentsOfDirectory(atPath: source.path)
    let last = xml.lastPathComponent
    for name in names.filter({ $0 != last }).sorted() + [last] {
      let (from, to) = (source.appending(path: name), target.appending(path: name))
      guard rename(from.path, to.path) == 0 else {
        throw ModelError.exportFailed(
          "\(name) cannot be moved to \(target.path): \(String(cString: strerror(errno)))"
        )
      }
    }
    var moved = self
    moved.xml = target.appending(path: last)
    moved.bin = target.appending(path: bin.lastPathComponent)
    return moved
  }
}

/// How far an exported model is from the checkpoint it was made of.
public struct ParityReport: Codable, Sendable, Equatable {
  /// The largest difference of one number of the raw outputs, in fp32.
  public var maxAbsoluteDifference = 0.0
  /// The same, as a part of the largest number of its output.
  public var maxRelativeDifference = 0.0
  /// The same at the device's own default precision, where it was measured: other programs get it.
  public var deviceDefaultRelativeDifference: Double?
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
    let difference = try ParityReport.difference(outputs, from: expected)
    maxAbsoluteDifference = max(maxAbsoluteDifference, difference.absolute)
    maxRelativeDifference = max(maxRelativeDifference, difference.relative)
  }

  /// Takes outputs at the device's own default precision in.
  ///
  /// - Throws: as ``compare(_:with:)`` does.
  public mutating func compareDeviceDefault(
    _ outputs: [String: ModelOutput],
    with expected: [String: ModelOutput]
  ) throws {
    let difference = try ParityReport.difference(outputs, from: expected)
    deviceDefaultRelativeDifference = max(
      deviceDefaultRelativeDifference ?? 0,
      difference.relative
    )
  }

  /// The largest difference of two sets of outputs: of one number, and as a part of the largest
  /// number of its output.
  private static func difference(
    _ outputs: [String: ModelOutput],
    from expected: [String: ModelOutput]
  ) throws -> (absolute: Double, relative: Double) {
    var worst = (absolute: 0.0, relative: 0.0)
    for (name, reference) in expected {
      guard let output = outputs[name] else {
        throw ModelError.exportFailed(
          "the exported model has no output '\(name)' (it has \(outputs.keys.sorted().joined(separator: ", ")))"
        )
      }
      guard output.shape == reference.shape, output.values.count == reference.values.count else {
        throw ModelError.exportFailed(
          "output '\(name)' of the exported model has shape \(output.shape), the checkpoint's \(reference.shape)"
        )
      }
      var (difference, largest) = (0.0, 0.0)
      for (index, (value, wanted)) in zip(output.values, reference.values).enumerated() {
        if value == wanted || (value.isNaN && wanted.isNaN) {
          if wanted.isFinite { largest = max(largest, Double(abs(wanted))) }
          continue
        }
        guard value.isFinite, wanted.isFinite else {
          throw ModelError.exportFailed(
            "output '\(name)' of the exported model is \(value) at \(index), the checkpoint's \(wanted)"
          )
        }
        difference = max(difference, Double(abs(value - wanted)))
        largest = max(largest, Double(abs(wanted)))
      }
      worst.absolute = max(worst.absolute, difference)
      worst.relative = max(worst.relative, largest > 0 ? difference / largest : difference)
    }
    return worst
  }
}
