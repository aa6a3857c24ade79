import Foundation
import OTXCore
import Synchronization
import Testing

@testable import OTXOpenVINO

@Suite("Many batches")
struct ManyBatchesTests {
  let folder: TemporaryFolder
  let engine: OpenVINOEngine<MultiClassClassification>

  init() throws {
    folder = try TemporaryFolder()
    let exported = try SampleModels.exportClassifier(to: folder.url)
    var options = EngineOptions()
    options.precision = .fp32
    engine = try OpenVINOEngine(reading: exported.xml, options: options)
  }

  /// Batches of 1, 2, 3, 1, … pictures; fails after the last where told to.
  private final class Stream: BatchStream {
    let count: Int
    let failure: DataError?
    private let index = Mutex(0)

    init(count: Int, failure: DataError? = nil) {
      self.count = count
      self.failure = failure
    }

    func next() throws -> MultiClassClassification.Batch? {
      let index = index.withLock { index in
        defer { index += 1 }
        return index
      }
      if index < count { return try SampleModels.classificationBatch(count: index % 3 + 1) }
      if let failure { throw failure }
      return nil
    }
  }

  @Test func comeOutInOrderAndAsOneByOne() async throws {
    let results = Mutex<[[MultiClassClassification.Prediction]]>([])
    try await engine.predict(Stream(count: 10)) { batch, predictions in
      #expect(batch.count == predictions.count)
      results.withLock { $0.append(predictions) }
    }
    let all = results.withLock { $0 }
    #expect(all.map(\.count) == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1])
    for (index, predictions) in all.enumerated() {
      let batch = try SampleModels.classificationBatch(count: index % 3 + 1)
      #expect(try await engine.predict(batch) == predictions)
    }
  }

  @Test func endWithTheStreamsError() async throws {
    await #expect(throws: DataError.emptyBatch) {
      try await engine.predict(Stream(count: 5, failure: .emptyBatch)) { _, _ in }
    }
    // The engine goes on working.
    #expect(try await engine.predict(SampleModels.classificationBatch(count: 2)).count == 2)
  }

  @Test func endWithTheReceiversError() async throws {
    await #expect(throws: ModelError.mismatch("stop")) {
      try await engine.predict(Stream(count: 10)) { _, _ in throw ModelError.mismatch("stop") }
    }
    #expect(try await engine.predict(SampleModels.classificationBatch(count: 2)).count == 2)
  }

  @Test func doNotAddThreadsForEachCaller() async throws {
    func threadCount() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
    }
    let (engine, batch) = (self.engine, try SampleModels.classificationBatch(count: 2))
    _ = try await engine.predict(batch)
    let before = try threadCount()
    for _ in 0..<10 {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<10 { group.addTask { _ = try await engine.predict(batch) } }
        try await group.waitForAll()
      }
    }
    // Tests beside this one start engines and threads of the cooperative pool, but not a hundred.
    #expect(try threadCount() < before + 50)
  }
}
