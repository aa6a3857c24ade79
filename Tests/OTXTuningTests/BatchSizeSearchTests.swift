import OTXTuning
import Testing

@Suite("Batch size search")
struct BatchSizeSearchTests {
  /// Memory that grows in a line: 1,000 and 100 for each picture; out of memory beyond `limit`.
  private func trial(_ limit: Int) -> (Int) async throws -> BatchSizeSearch.Outcome {
    { size in
      let bytes = 1000 + 100 * size
      return bytes > limit ? .outOfMemory : .bytes(bytes)
    }
  }

  private func sizes(_ result: BatchSizeSearch.Result) -> [Int] { result.attempts.map(\.batchSize) }

  @Test("safe keeps a size that fits, with one trial")
  func safeFits() async throws {
    let result = try await BatchSizeSearch(memory: 10_000, largest: 500)
      .safe(from: 16, trial: trial(10_000))
    #expect(result.batchSize == 16 && result.isTried && sizes(result) == [16])
  }

  @Test("safe finds the largest smaller size, whatever the memory", arguments: [8, 15, 16, 33, 64])
  func safeDecreases(_ given: Int) async throws {
    for memory in stride(from: 1500, to: 9000, by: 333) {
      let result = try await BatchSizeSearch(memory: memory, largest: 500)
        .safe(from: given, trial: trial(memory))
      let room = Int((0.9 * Double(memory) - 1000) / 100)
      #expect(result.batchSize <= max(room, 1))
      if result.isTried {
        #expect(result.batchSize == given || room - result.batchSize < 2 || given - room < 2)
      } else {
        #expect(room < 2 && result.batchSize == 1)
      }
      #expect(result.attempts.count <= 8)
    }
  }

  @Test("where nothing fits the batch is 1, and nobody claims that it fits")
  func nothingFits() async throws {
    let result = try await BatchSizeSearch(memory: 10, largest: 500)
      .safe(from: 8) { _ in .outOfMemory }
    #expect(result.batchSize == 1 && !result.isTried && sizes(result) == [8, 4, 2])
  }

  @Test("full fills between three quarters and nine tenths of the memory")
  func fullGrows() async throws {
    let memory = 20_000
    let result = try await BatchSizeSearch(memory: memory, largest: 2000)
      .full(from: 8, trial: trial(memory))
    let bytes = 1000 + 100 * result.batchSize
    #expect(bytes >= 15_000 && bytes <= 18_000)
    #expect(sizes(result) == [8, 10, 154])
  }

  @Test("full is safe where the first size does not fit")
  func fullDecreases() async throws {
    let result = try await BatchSizeSearch(memory: 3000, largest: 2000)
      .full(from: 32, trial: trial(3000))
    #expect(result.batchSize == 16 && sizes(result).prefix(2) == [32, 30])
  }

  @Test("full keeps the first size where the next does not fit")
  func fullKeeps() async throws {
    let result = try await BatchSizeSearch(memory: 2000, largest: 2000)
      .full(from: 8, trial: trial(2000))
    #expect(result.batchSize == 8 && sizes(result) == [8, 10])
  }

  @Test("full aims lower after memory ran out")
  func fullAimsLower() async throws {
    // Twice as much for each picture beyond 100: a line through small sizes promises too much.
    let result = try await BatchSizeSearch(memory: 20_000, largest: 2000).full(from: 8) { size in
      let bytes = 1000 + 100 * size + (size > 100 ? 200 * (size - 100) : 0)
      return bytes > 20_000 ? .outOfMemory : .bytes(bytes)
    }
    #expect(sizes(result).starts(with: [8, 10, 154]))
    #expect(result.batchSize > 100 && result.batchSize < 154)
  }

  @Test("there is no larger batch than pictures, and none that leaves a small rest")
  func fullIsBounded() async throws {
    let flat = try await BatchSizeSearch(memory: 20_000, largest: 60)
      .full(from: 8) { _ in .bytes(1000) }
    #expect(flat.batchSize == 60)
    let rest = try await BatchSizeSearch(memory: 20_000, largest: 200)
      .full(from: 8, trial: trial(20_000))
    #expect(rest.batchSize == 100)
    let tiny = try await BatchSizeSearch(memory: 20_000, largest: 3)
      .full(from: 8, trial: trial(20_000))
    #expect(tiny.batchSize == 3)
  }
}
