public import Foundation
public import OTXCore
import OTXData
import OTXOpenVINO

extension Engine {
  /// Scores the model.
  ///
  /// - Parameters:
  ///   - subset: `.test` falls back to `.val` where the data has no test subset.
  ///   - threshold: The confidence threshold; `nil` takes the one chosen on the validation subset.
  ///   - report: The HTML file to write with what there is to see beyond the scores: curves,
  ///     confusion, pictures; `nil` writes none.
  ///   - progress: Told how many items are done, and of how many.
  /// - Returns: The scores, and the subset they are of.
  /// - Throws: ``DataError`` for data that cannot be read, ``ModelError/mismatch(_:)`` for labels
  ///   that the model does not know, ``FileError`` for a report that cannot be written.
  public func evaluate(
    on subset: Subset = .test,
    confidenceThreshold threshold: Float? = nil,
    report: URL? = nil,
    progress: @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws -> Evaluation {
    guard let report else {
      return try await job.evaluate(on: subset, confidenceThreshold: threshold, progress: progress)
    }
    let (evaluation, details) = try await evaluateInDetail(
      on: subset,
      confidenceThreshold: threshold,
      progress: progress
    )
    try await writePage(evaluation, details, to: report)
    return evaluation
  }

  /// Predicts on picture files, handing over one after the other.
  ///
  /// - Parameters:
  ///   - images: The files.
  ///   - threshold: The confidence threshold; `nil` takes the model's own.
  ///   - onDamage: Told of each file that cannot be read, which is left out then; `nil` makes it an
  ///     error. Called on a thread of the loader.
  ///   - body: Gets what the model says of each file.
  /// - Throws: ``DataError`` naming the file that cannot be read, unless `onDamage` takes it.
  public func predict(
    _ images: [URL],
    confidenceThreshold threshold: Float? = nil,
    onDamage: (@Sendable (DatasetProblem) -> Void)? = nil,
    body: (PicturePrediction) throws -> Void
  ) async throws {
    try await job.describePredictions(
      for: images,
      confidenceThreshold: threshold,
      onDamage: onDamage,
      body: body
    )
  }

  /// Finds out what the model looks at in picture files, handing the maps over one file after the
  /// other.
  ///
  /// ```swift
  /// try await engine.explain([picture]) { explanation in
  ///   for map in explanation.maps { print(map.label ?? "", map.size) }
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - images: The files.
  ///   - options: Which maps.
  ///   - onDamage: Told of each file that cannot be read, which is left out then; `nil` makes it an
  ///     error. Called on a thread of the loader.
  ///   - body: Gets the maps of each file.
  /// - Throws: ``ModelError/mismatch(_:)`` for a model that has no maps, ``DataError`` naming the file
  ///   that cannot be read, unless `onDamage` takes it.
  public func explain(
    _ images: [URL],
    options: ExplainOptions = ExplainOptions(),
    onDamage: (@Sendable (DatasetProblem) -> Void)? = nil,
    body: (PictureExplanation) throws -> Void
  ) async throws {
    try await job.explain(images, options: options, onDamage: onDamage, body: body)
  }

  /// Writes the model as OpenVINO IR and compares it with the checkpoint.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when the two disagree by more than
  ///   ``ExportOptions/tolerance``; nothing is left in `directory` then.
  @discardableResult
  public func export(
    to directory: URL,
    options: ExportOptions = ExportOptions()
  ) async throws -> ExportResult {
    let result = try await job.export(to: directory, options: options)
    Engine.refreshReport(above: directory)
    return result
  }

  /// Makes an exported model smaller and quicker; the engine's model is an `.xml`.
  ///
  /// ```swift
  /// let engine = try Engine(model: URL(filePath: "openvino.xml"), data: .root(folder, format: nil))
  /// let result = try await engine.optimize(to: URL(filePath: "int8"))
  /// ```
  ///
  /// - Parameters:
  ///   - directory: Where the files go; written aside and renamed.
  ///   - options: What is made of the model.
  ///   - observers: Told what happens.
  /// - Returns: The model, its score before and after, and its speed on this machine.
  /// - Throws: ``ModelError/alreadyQuantized(file:reason:)``; ``ModelError/exportFailed(_:)`` when the
  ///   score drops by more than ``OptimizeOptions/maxDrop``: then nothing is left in `directory`.
  @discardableResult
  public func optimize(
    to directory: URL,
    options: OptimizeOptions = OptimizeOptions(),
    observers: [any TrainingObserver] = []
  ) async throws -> OptimizationResult {
    let result = try await job.optimize(to: directory, options: options, observers: observers)
    Engine.refreshReport(above: directory)
    return result
  }

  /// Writes the model as ONNX and compares it with the checkpoint.
  ///
  /// - Returns: The files, `model.onnx` first, and how far they are from the checkpoint.
  /// - Throws: ``ModelError/exportFailed(_:)`` when the two disagree by more than
  ///   ``ExportOptions/tolerance``; nothing is left in `directory` then.
  @discardableResult
  public func exportONNX(
    to directory: URL,
    options: ExportOptions = ExportOptions()
  ) async throws -> ONNXExport {
    let result = try await job.exportONNX(to: directory, options: options)
    Engine.refreshReport(above: directory)
    return result
  }

  /// Writes the model as a Python program that needs PyTorch alone: `model.py` and `weights.pth`.
  ///
  /// `python model.py PICTURE` prints what ``predict(_:confidenceThreshold:onDamage:body:)`` finds.
  ///
  /// - Returns: The two files.
  /// - Throws: ``ModelError/exportFailed(_:)`` for a model that cannot be printed, ``FileError``.
  @discardableResult
  public func exportPyTorch(to directory: URL) async throws -> (program: URL, weights: URL) {
    try await job.exportPyTorch(to: directory)
  }
}

extension Engine {
  /// Writes a copy of an OpenVINO model of another program that says what it is for.
  ///
  /// - Parameters:
  ///   - model: The `.xml`.
  ///   - task: `nil`: the model says it.
  ///   - labels: In the order of the model's outputs; `nil`: the model says it.
  ///   - copy: Where the `.xml` of the copy goes.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``.
  public static func describe(
    _ model: URL,
    task: TaskType?,
    labels: [String]?,
    to copy: URL
  ) throws {
    try ModelFiles.describe(model, task: task, labels: labels, to: copy)
  }
}

extension JSONEncoder {
  /// Indented, keys in order, slashes as they are.
  static var pretty: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}
