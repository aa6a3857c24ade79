import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXReport

@Suite("TensorBoard events") struct EventFileTests {
  private static func step(
    _ iteration: Int,
    loss: Double = 1,
    of count: Int = 4
  ) -> TrainingStep {
    TrainingStep(
      epoch: (iteration - 1) / count + 1,
      epochCount: 3,
      step: (iteration - 1) % count + 1,
      stepCount: count,
      iteration: iteration,
      learningRate: 0.01,
      time: 0.5,
      dataTime: 0.125,
      eta: 0,
      memoryBytes: 3 << 20,
      losses: [.init(name: "loss_cls", value: loss), .init(name: "loss", value: loss)],
      gradientNorm: 2,
      imageCount: 8
    )
  }

  private static func report(_ score: Double) -> MetricReport {
    MetricReport(primary: "accuracy", values: ["accuracy": score])
  }

  /// The check value of CRC-32C (RFC 3720, appendix B.4).
  @Test func checksum() {
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
  }

  private static let events = [
    RunEvent(wallTime: 1.5, step: 0, .fileVersion(RunEvent.version)),
    RunEvent(wallTime: 2, step: 7, .sessionStart),
    RunEvent(
      wallTime: 1e9,
      step: 300,
      .scalars([.init(tag: "train/loss", value: -0.5), .init(tag: "lr", value: 1e-5)])
    ),
  ]

  /// Byte by byte what TensorBoard's own writer makes of the same events.
  @Test func bytesEqualTensorBoards() throws {
    let bytes = EventFileTests.events.flatMap { EventFile.record($0.encoded()) }
    try Golden("events", in: .module).expect("file", bytes.map(Double.init), rtol: 0, atol: 0)
  }

  @Test func eventsReadBack() throws {
    let events = EventFileTests.events
    let bytes = events.flatMap { EventFile.record($0.encoded()) }
    #expect(EventFile.events(in: bytes) == events)
    // Killed in the middle of the last record, at any byte of it.
    let last = EventFile.record(events[2].encoded()).count
    for cut in 1...last { #expect(EventFile.events(in: bytes.dropLast(cut)) == events.dropLast()) }
    // A record that was changed is damage, too.
    var broken = bytes
    broken[broken.count - 6] ^= 1
    #expect(EventFile.events(in: broken) == events.dropLast())
  }

  @Test func aRunIsLogged() throws {
    let folder = try TemporaryFolder()
    let log = EventLog(in: folder.url, host: "ma chine") { Date(timeIntervalSince1970: 1000) }
    #expect(EventFile.files(in: folder.url).isEmpty)
    log.observe(.step(EventFileTests.step(1, loss: 4)))
    log.observe(.step(EventFileTests.step(2, loss: 3)))
    log.observe(.validating(done: 1, of: 2))
    log.observe(.validated(epoch: 1, report: EventFileTests.report(0.75), isBest: true))
    // On disk while the run goes on.
    let files = EventFile.files(in: folder.url)
    #expect(files.map(\.lastPathComponent) == ["events.out.tfevents.0000001000.ma_chine"])
    let history = RunHistory(directory: folder.url)
    #expect(history["train/loss_cls"].map(\.value) == [4, 3])
    #expect(history["train/loss_cls"].map(\.step) == [1, 2])
    #expect(history["epoch"].map(\.value) == [0.25, 0.5])
    #expect(history["performance/images_per_second"].map(\.value) == [16, 16])
    #expect(history["performance/memory_mib"].map(\.value) == [3, 3])
    #expect(history["val/accuracy"] == [.init(step: 2, wallTime: 1000, value: 0.75)])
    #expect(history["performance/validation_seconds"].map(\.value) == [0])
    #expect(history.epochs(at: 2) == 0.5)
  }

  /// What was logged after the checkpoint that a run goes on from is not drawn twice.
  @Test func aRunThatGoesOnIsOneCurve() throws {
    let folder = try TemporaryFolder()
    let first = EventLog(in: folder.url, host: "a") { Date(timeIntervalSince1970: 1000) }
    for iteration in 1...6 { first.observe(.step(EventFileTests.step(iteration))) }
    let second = EventLog(in: folder.url, host: "a") { Date(timeIntervalSince1970: 1000) }
    for iteration in 5...8 { second.observe(.step(EventFileTests.step(iteration, loss: 2))) }
    second.observe(.validated(epoch: 2, report: EventFileTests.report(0.5), isBest: true))
    #expect(EventFile.files(in: folder.url).count == 2)
    let history = RunHistory(directory: folder.url)
    #expect(history["train/loss"].map(\.step) == Array(1...8))
    #expect(history["train/loss"].map(\.value) == [1, 1, 1, 1, 2, 2, 2, 2])
    #expect(history["val/accuracy"].map(\.step) == [8])
  }

  /// A run that goes on with a validation keeps what was logged before.
  @Test func aRunThatGoesOnWithAValidation() throws {
    let folder = try TemporaryFolder()
    let first = EventLog(in: folder.url, host: "a") { Date(timeIntervalSince1970: 1000) }
    for iteration in 1...6 { first.observe(.step(EventFileTests.step(iteration))) }
    first.observe(.validated(epoch: 2, report: EventFileTests.report(0.25), isBest: true))
    let second = EventLog(in: folder.url, host: "a") { Date(timeIntervalSince1970: 2000) }
    second.observe(.resumed(after: EventFileTests.step(6), validationCount: 0))
    second.observe(.validated(epoch: 2, report: EventFileTests.report(0.5), isBest: true))
    second.observe(.step(EventFileTests.step(7)))
    let history = RunHistory(directory: folder.url)
    #expect(history["train/loss"].map(\.step) == Array(1...7))
    #expect(history["val/accuracy"].map(\.step) == [6])
    #expect(history["val/accuracy"].map(\.value) == [0.5])
  }

  /// A folder that cannot be written to costs the events and nothing else.
  @Test func aMissingFolderIsSurvived() throws {
    let log = EventLog(in: URL(filePath: "/nowhere/at/all"), host: "a") { Date() }
    log.observe(.step(EventFileTests.step(1)))
    log.observe(.step(EventFileTests.step(2)))
    #expect(RunHistory(directory: URL(filePath: "/nowhere/at/all")) == RunHistory())
  }
}
