import Foundation
import OTXCore
import OTXTesting
import Synchronization
import Testing

@testable import OTXData

@Suite("Threads that the system refuses")
struct RefusedThreadTests {
  private struct Refused: Error {}

  private func stream(
    start: @escaping ThreadStart
  ) throws -> LoaderStream<Detection> {
    let dataset = try SampleDataset(
      counts: [.train: 7],
      size: ImageSize(height: 48, width: 64)
    ).detection()
    let items = try #require(dataset.items[.train])
    let preprocessing = Preprocessing(inputSize: ImageSize(height: 32, width: 32))
    let job = LoadingJob<Detection>(
      samples: SampleList(items),
      hasTruth: true,
      plan: shuffledPlan(7, 2, .evaluation, seed: 0),
      mode: .evaluation,
      loader: SampleLoader(
        labels: dataset.labels,
        preprocessing: preprocessing,
        augmentations: [],
        seed: 0
      ),
      isStrict: true,
      reporter: ProblemReporter(nil)
    )
    return LoaderStream(job: job, workerCount: 3, batchesAhead: 2, start: start)
  }

  private func counts(_ stream: LoaderStream<Detection>) throws -> [Int] {
    var counts: [Int] = []
    while let batch = try stream.next() { counts.append(batch.count) }
    return counts
  }

  @Test("with none, whoever asks for a batch loads it")
  func none() throws {
    let stream = try stream { _, _ in throw Refused() }
    #expect(stream.queue.liveThreadCount == 0)
    #expect(try counts(stream) == [2, 2, 2, 1])
  }

  @Test("with some, these do the work")
  func some() throws {
    let asked = Mutex(0)
    let stream = try stream { name, work in
      let number = asked.withLock { number in
        number += 1
        return number
      }
      guard number == 2 else { throw Refused() }
      try SystemThread.start(name: name, work)
    }
    #expect(try counts(stream) == [2, 2, 2, 1])
  }
}

@Suite("System threads")
struct SystemThreadTests {
  @Test("a thread runs its work once, under its name")
  func runs() async throws {
    let name = await withCheckedContinuation { continuation in
      do {
        try SystemThread.start(name: "otx-test-of-a-long-name", stackSize: 1 << 20) {
          let name = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
          continuation.resume(returning: name ?? "unknown\n")
        }
      } catch {
        continuation.resume(returning: "\(error)")
      }
    }
    #expect(name == "otx-test-of-a-l\n" || name == "unknown\n")
  }

  @Test("a stack that no machine has is refused with the system's reason")
  func refused() {
    let error = #expect(throws: SystemThread.Refusal.self) {
      try SystemThread.start(name: "huge", stackSize: 1 << 60) {}
    }
    #expect(error?.description.contains("no further thread") == true)
  }
}
