import Foundation
import OTXTesting
import Synchronization
import Testing

@testable import OTX

/// Child processes, with the program that was built beside these tests.
@Suite("Child processes") struct WorkerTests {
  /// The program `otx`.
  static let program: String? = {
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    let bundle = maps.split(separator: "\n").lazy
      .compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }
      .first { $0.hasSuffix(".xctest") }
    return bundle.map { URL(filePath: $0).deletingLastPathComponent().appending(path: "otx").path }
  }()

  private func worker(_ folder: TemporaryFolder) throws -> WorkerProcess<ProbeJob> {
    var worker = WorkerProcess<ProbeJob>(in: folder.url.appending(path: "job"))
    worker.executable = try #require(WorkerTests.program)
    return worker
  }

  @Test("a job's answer and its news come back; what it prints goes to the log")
  func answers() async throws {
    let folder = try TemporaryFolder()
    let news = Mutex<[String]>([])
    let worker = try worker(folder)
    let text = "Grüße\n\"quoted\""
    let (output, memory) = try await worker.run(.init(.echo, text)) { message in
      news.withLock { $0.append(message) }
    }
    #expect(output == text)
    #expect(news.withLock { $0 } == [text])
    #expect(memory > 1 << 20)
    #expect(try String(contentsOf: worker.log, encoding: .utf8).contains("probing"))
  }

  @Test("what it throws, how it ends and by which signal becomes an error in words")
  func failures() async throws {
    let folder = try TemporaryFolder()
    let worker = try worker(folder)
    func error(_ action: ProbeJob.Action) async throws -> String {
      let error = await #expect(throws: WorkerError.self) {
        try await worker.run(.init(action, "this"))
      }
      return "\(try #require(error))"
    }
    #expect(try await error(.fail) == "failed as asked: this")
    #expect(try await error(.quit).contains("ended with status 3 and no answer"))
    #expect(try await error(.crash).contains("signal 6"))
    // An answer of the run before is not taken for that of the next.
    _ = try await worker.run(.init(.echo, "that"))
    #expect(try await error(.quit).contains("no answer"))
  }

  @Test("who cancels gets the answer that the child gives when it is asked to end")
  func cancellation() async throws {
    let folder = try TemporaryFolder()
    let worker = try worker(folder)
    let (news, isRunning) = AsyncStream<String>.makeStream()
    let task = Task { try await worker.run(.init(.wait)) { isRunning.yield($0) }.output }
    for await _ in news { break }
    task.cancel()
    #expect(try await task.value == "cancelled")
  }

  @Test("a child that does not end when it is asked to is killed after the grace period")
  func grace() async throws {
    let folder = try TemporaryFolder()
    var worker = try worker(folder)
    worker.gracePeriod = .milliseconds(100)
    let hanging = worker
    let (news, isRunning) = AsyncStream<String>.makeStream()
    let task = Task { try await hanging.run(.init(.hang)) { isRunning.yield($0) }.output }
    for await _ in news { break }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test("a child that says nothing for too long is ended")
  func silence() async throws {
    let folder = try TemporaryFolder()
    var worker = try worker(folder)
    worker.silenceLimit = { .milliseconds(300) }
    worker.gracePeriod = .milliseconds(100)
    let error = await #expect(throws: WorkerError.self) { try await worker.run(.init(.hang)) }
    #expect("\(try #require(error))".contains("said nothing for"))
  }

  @Test("a program that is not there is an error")
  func missing() async throws {
    let folder = try TemporaryFolder()
    var worker = try worker(folder)
    worker.executable = folder.url.appending(path: "nothing").path
    let error = await #expect(throws: WorkerError.self) { try await worker.run(.init(.echo)) }
    #expect("\(try #require(error))".contains("No such file"))
  }

  /// A program that starts `otx` by hand gets an answer it can use.
  @Test("the hidden argument is explained to who types it")
  func byHand() throws {
    let process = Process()
    process.executableURL = URL(filePath: try #require(WorkerTests.program))
    process.arguments = ["--otx-worker"]
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 64 && text.contains("of no use by hand"))
  }

  @Test("no child outlives a parent that is killed")
  func orphans() async throws {
    let folder = try TemporaryFolder()
    let program = try #require(WorkerTests.program)
    let job = folder.url.appending(path: "job")
    try FileManager.default.createDirectory(at: job, withIntermediateDirectories: true)
    try JSONEncoder().encode(ProbeJob.Input(.hang)).write(to: job.appending(path: "input.json"))
    // A shell in between: it is the parent, and it is killed.
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    shell.arguments = [
      "-c", "\"$0\" --otx-worker probe \"$1\" $$ >/dev/null & echo $!; wait", program, job.path,
    ]
    let pipe = Pipe()
    shell.standardOutput = pipe
    try shell.run()
    var line = Data()
    while line.last != UInt8(ascii: "\n") {
      line += try #require(try pipe.fileHandleForReading.read(upToCount: 1))
    }
    let child = try #require(pid_t(String(decoding: line.dropLast(), as: UTF8.self)))
    kill(shell.processIdentifier, SIGKILL)
    shell.waitUntilExit()
    let start = ContinuousClock.now
    func isRunning() -> Bool {
      let state = try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)
      return state.map { !$0.contains(") Z ") } ?? false
    }
    while isRunning(), ContinuousClock.now - start < .seconds(20) { sched_yield() }
    #expect(!isRunning())
  }
}
