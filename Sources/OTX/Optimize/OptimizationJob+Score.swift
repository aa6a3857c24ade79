import Foundation
import OTXCore
import OTXOpenVINO

extension OptimizationJob {
  /// Leaves layers of a quantised model in real numbers until its score drops no further than
  /// allowed.
  ///
  /// The layers are ranked by their part of the error of the last layers; so many of the first are
  /// left out that the score fits, found by doubling and halving.
  func keepScore(
    _ work: inout QuantizedModel,
    before: Double,
    on subset: Subset,
    into result: inout OptimizationResult
  ) async throws {
    var after = try await score(work.xml, on: subset).value
    tellScore(before, after)
    result.after = after
    guard before - after > options.maxDrop, !options.force else {
      return try checkDrop(before - after)
    }
    let ranked = try await rankedLayers(work)
    let base = work.leftOut
    var (tooFew, enough) = (0, ranked.count)
    var fits: Double?
    var count = 1
    while tooFew + 1 < enough || fits == nil {
      work.leftOut = base.union(ranked.prefix(count))
      try await calibrate(work.quantizer, without: [work.leftOut])
      try write(&work)
      after = try await score(work.xml, on: subset).value
      let names = count == 1 ? ranked[0].name : "\(count) layers"
      observers.tell(.message("without \(names): \(Kind.performanceMetric) \(Self.text(after))"))
      if before - after <= options.maxDrop {
        (enough, fits) = (count, after)
      } else {
        tooFew = count
        guard count < ranked.count else { break }
      }
      count = fits == nil ? min(count * 2, ranked.count) : (tooFew + enough) / 2
    }
    guard let fits else { return try checkDrop(before - after) }
    let reverted = ranked.prefix(enough)
    work.leftOut = base.union(reverted)
    try write(&work)
    result.after = fits
    result.revertedForScore = reverted.map(\.name)
    observers.tell(
      .message(
        "left in real numbers for the score: \(result.revertedForScore.joined(separator: ", "))"
      )
    )
  }

  private func tellScore(_ before: Double, _ after: Double) {
    let drop = before - after
    let relative = before != 0 ? 100 * drop / before : 0
    observers.tell(
      .message(
        "\(Kind.performanceMetric): \(Self.text(before)) before, \(Self.text(after)) quantised; "
          + "drop \(Self.text(drop)) (\(String(format: "%.2f", relative)) %), allowed \(Self.text(options.maxDrop))"
      )
    )
  }

  /// The quantised layers, those that cost the score most first.
  private func rankedLayers(_ work: QuantizedModel) async throws -> [PostTrainingQuantizer.Layer] {
    let layers = work.quantizer.quantizedLayers(without: work.leftOut)
    observers.tell(.message("ranking \(layers.count) layers by what they cost"))
    let pictures = try await samples(8)
    try await calibrate(
      work.quantizer,
      without: layers.map { work.leftOut.union([$0]) }
    )
    return try work.quantizer.sensitivities(on: pictures, without: work.leftOut) { done, count in
      try Task.checkCancellation()
      observers.tell(.preparing("sensitivity", done: done, of: count))
    }.map(\.layer)
  }
}
