import Foundation
import OTXCore
import OTXData
import OTXOpenVINO
import Synchronization

extension OptimizationJob {
  typealias Layers = Set<PostTrainingQuantizer.Layer>

  /// Quantises the model into `aside`.
  func quantize(in aside: URL, scoredOn subset: Subset?) async throws -> OptimizationResult {
    let start = ContinuousClock.now
    let quantizer = try makeQuantizer()
    let found = quantizer.quantizedLayers().count
    guard found > 0 else {
      throw ModelError.exportFailed(
        "\(source.path) has no operation that computes with whole numbers"
      )
    }
    observers.tell(.message("quantising \(found) operations"))
    let pictures = try await calibrate(quantizer, without: [[]])
    try Task.checkCancellation()
    var work = QuantizedModel(quantizer: quantizer, xml: aside.appending(path: "openvino.xml"))
    try write(&work)
    var result = OptimizationResult(
      model: try written(in: aside),
      type: .ptq,
      metric: Kind.performanceMetric,
      calibrationItemCount: pictures
    )
    result.quantizationSeconds = (ContinuousClock.now - start) / .seconds(1)
    result.peakMemoryBytes = SystemMemory.peakBytes()
    let before = try await subset.asyncMap { try await score(source, on: $0) }
    if options.keepsSpeed { try await keepSpeed(&work, into: &result) }
    if let subset, let before {
      result.before = before.value
      result.validationItemCount = before.itemCount
      try await keepScore(&work, before: before.value, on: subset, into: &result)
    }
    result.quantizedOperationCount = quantizer.quantizedLayers(without: work.leftOut).count
    guard result.quantizedOperationCount > 0 else {
      throw ModelError.exportFailed(
        "no operation can be quantised within the allowed drop of \(Self.text(options.maxDrop)); allow more with --max-drop"
      )
    }
    result.model = try written(in: aside)
    try measureLatencies(&result)
    return result
  }

  private func makeQuantizer() throws -> PostTrainingQuantizer {
    let configuration = try OptimizationConfiguration(of: source)
    for key in configuration.unknownKeys {
      observers.tell(
        .warning("\(source.lastPathComponent): '\(key)' of its optimization_config is not used")
      )
    }
    if try ModelFiles.runtimeInfo(of: source, at: ["model_info", "mean_values"]) == nil {
      observers.tell(
        .warning(
          "\(source.lastPathComponent) does not say how its pictures are normalised (mean_values and scale_values of its model_info): they are given as numbers of 0 to 255"
        )
      )
    }
    var quantizerOptions = configuration.options(options)
    quantizerOptions.threads = options.threads
    return try PostTrainingQuantizer(
      reading: source,
      preprocessing: info.preprocessing,
      options: quantizerOptions
    )
  }

  /// Writes the model as it is to be now.
  func write(_ work: inout QuantizedModel) throws {
    try work.quantizer.write(
      to: work.xml,
      without: work.leftOut,
      entries: OptimizationConfiguration.entries(options)
    )
  }

  /// Takes ranges from training pictures, as far as they are not known.
  ///
  /// - Returns: Pictures that were looked at; 0 where nothing was to be known.
  @discardableResult
  func calibrate(_ quantizer: PostTrainingQuantizer, without choices: [Layers]) async throws -> Int
  {
    guard !quantizer.isCalibrated(without: choices) else { return 0 }
    let damage = Mutex<Set<String>>([])
    let (data, subset) = try await engine.calibrationData(count: options.subsetSize) { problem in
      _ = damage.withLock { $0.insert("\(problem.location): \(problem.message)") }
    }
    let count = data.itemCount(subset)
    if subset != .train {
      let damaged = engine.damagedTrainingPictureCount
      guard damaged == 0 else {
        throw DataError.emptySubset(
          .train,
          reason: "its pictures are damaged (\(damaged)); ranges need some that can be read"
        )
      }
      observers.tell(
        .warning("there are no training pictures: ranges come from those of '\(subset)'")
      )
    }
    if count < 10 {
      observers.tell(
        .warning("ranges come from \(count) picture\(count == 1 ? "" : "s"); 300 are better")
      )
    }
    var done = 0
    do {
      try quantizer.calibrate(without: choices) {
        let batches = try data.batches(subset, mode: .evaluation)
        return {
          try Task.checkCancellation()
          return try batches.next()?.images
        }
      } progress: { finished in
        done = finished
        observers.tell(.preparing("ranges", done: finished, of: count))
      }
    } catch DataError.emptySubset {
      done = 0
    }
    let lines = damage.withLock { $0 }.sorted()
    for line in lines { observers.tell(.warning(line)) }
    if done < count, done > 0 {
      observers.tell(
        .warning("\(count - done) of \(count) pictures cannot be read; ranges come from the others")
      )
    }
    guard done > 0 else {
      throw DataError.emptySubset(subset, reason: "none of its pictures can be read")
    }
    return done
  }

  /// A few of the calibration pictures.
  func samples(_ count: Int) async throws -> [ImageBatch] {
    let (data, subset) = try await engine.calibrationData(count: count) { _ in }
    let batches = try data.batches(subset, mode: .evaluation)
    var pictures: [ImageBatch] = []
    while pictures.count < count, let batch = try batches.next() { pictures.append(batch.images) }
    return pictures
  }
}

/// A model on its way to be quantised.
struct QuantizedModel {
  let quantizer: PostTrainingQuantizer
  let xml: URL
  /// Layers that stay in real numbers.
  var leftOut: Set<PostTrainingQuantizer.Layer> = []
}

extension Optional {
  /// What `body` makes of the value, if there is one.
  fileprivate func asyncMap<Result>(
    _ body: (Wrapped) async throws -> Result
  ) async rethrows -> Result? {
    guard let self else { return nil }
    return try await body(self)
  }
}
