import Foundation
import OTXCore
import OTXData
import OTXOpenVINO

/// One optimisation of one model: what it knows on the way.
struct OptimizationJob<Kind: VisionTask> {
  let engine: TaskEngine<Kind>
  let source: URL
  let info: ModelInfo
  let options: OptimizeOptions
  let observers: [any TrainingObserver]

  func run(to directory: URL) async throws -> OptimizationResult {
    try Folder.make(directory)
    let aside = directory.appending(path: ".optimize-\(getpid())", directoryHint: .isDirectory)
    try Folder.make(aside)
    defer { try? FileManager.default.removeItem(at: aside) }
    let subset = try scoredSubset()
    var result: OptimizationResult
    switch options.type {
    case .ptq: result = try await quantize(in: aside, scoredOn: subset)
    case .int8, .fp16: result = try await compress(in: aside, scoredOn: subset)
    }
    try Task.checkCancellation()
    try OpenVINOExporter.writeCompanions(of: info, to: aside)
    result.byteCountBefore = ExportedModel.byteCount(of: source)
    result.byteCountAfter = ExportedModel.byteCount(of: result.model.xml)
    try await parity(of: result, on: subset).write(to: aside)
    result.model = try result.model.moved(from: aside, to: directory)
    return result
  }

  /// The model that stands in `aside`, after it was read back.
  func written(in aside: URL) throws -> ExportedModel {
    let xml = aside.appending(path: "openvino.xml")
    try ModelFiles.verify(xml)
    return ExportedModel(xml: xml, bin: aside.appending(path: "openvino.bin"), info: info)
  }

  // MARK: - Scores

  /// The subset that scores are taken on; `nil` where there is no ground truth and the user does
  /// without.
  func scoredSubset() throws -> Subset? {
    let items = engine.dataset?.items ?? [:]
    let found = [Subset.val, .test].first { subset in
      // Values to predict stand beside the annotations.
      items[subset]?.contains {
        !$0.annotations.isEmpty || (Kind.taskType == .regression && !$0.attributes.isEmpty)
      } == true
    }
    if let found { return found }
    let name = items[.val]?.isEmpty == false ? "the validation subset has no ground truth" : nil
    let why = name ?? "there is no validation subset"
    guard options.force else {
      throw DataError.emptySubset(
        .val,
        reason:
          "\(why), so nobody can say what the model loses; name data that has some, or --force"
      )
    }
    observers.tell(.warning("\(why): the score is not checked"))
    return nil
  }

  /// The score of a model on `subset`.
  func score(_ model: URL, on subset: Subset) async throws -> (value: Double, itemCount: Int) {
    let other = try engine.sibling(for: model, precision: .fp32, threads: options.threads)
    let evaluation = try await other.evaluate(on: subset) { done, count in
      observers.tell(.validating(done: done, of: count))
    }
    guard evaluation.itemCount > 0 else {
      throw DataError.emptySubset(subset, reason: "none of its pictures can be read")
    }
    return (evaluation.performance, evaluation.itemCount)
  }

  private func compress(in aside: URL, scoredOn subset: Subset?) async throws -> OptimizationResult
  {
    let xml = aside.appending(path: "openvino.xml")
    var count = 0
    if options.type == .fp16 {
      try ModelFiles.writeHalf(source, to: xml)
    } else {
      count = try ModelFiles.writeCompressed(source, to: xml)
    }
    var result = OptimizationResult(
      model: try written(in: aside),
      type: options.type,
      metric: Kind.performanceMetric,
      quantizedOperationCount: count
    )
    guard let subset else { return result }
    let before = try await score(source, on: subset)
    let after = try await score(xml, on: subset)
    (result.before, result.after) = (before.value, after.value)
    result.validationItemCount = before.itemCount
    try checkDrop(before.value - after.value)
    return result
  }

  /// Refuses a model that lost too much, unless the user takes it.
  func checkDrop(_ drop: Double) throws {
    guard drop > options.maxDrop else { return }
    let text =
      "\(Kind.performanceMetric) drops by \(OptimizationJob.text(drop)), more than the allowed \(OptimizationJob.text(options.maxDrop))"
    guard options.force else {
      let less =
        options.prunedShare > 0 ? "prune less than \(options.prunedShare) with --prune, " : ""
      throw ModelError.exportFailed(
        "\(text); \(less)allow more with --max-drop, or take it with --force"
      )
    }
    observers.tell(.warning(text))
  }

  static func text(_ number: Double) -> String { String(format: "%.4f", number) }
}
