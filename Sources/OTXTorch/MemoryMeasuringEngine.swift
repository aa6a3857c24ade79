public import Foundation
public import OTXCore

/// A sub-engine that can say how much memory training takes.
public protocol MemoryMeasuringEngine<Kind>: SubEngine {
  /// Trains for some steps to see how much memory that takes; the model is as before afterwards.
  ///
  /// - Parameters:
  ///   - options: Settled ones.
  ///   - data: What will be trained on, in batches of the size to try.
  ///   - steps: How many.
  ///   - scratch: A folder to write in; it is removed.
  /// - Returns: Bytes at most; `nil` where memory ran out.
  /// - Throws: As ``OTXCore/TrainingEngine/train(on:options:confidenceThreshold:run:observers:)`` does.
  func memory(
    of options: TrainOptions,
    on data: any DataSource<Kind>,
    steps: Int,
    scratch: URL
  ) async throws -> Int?
}
