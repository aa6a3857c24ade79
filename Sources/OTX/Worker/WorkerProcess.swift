package import Foundation
import OTXCore
import Synchronization

/// A child process that does one job: the running program, started once more.
///
/// The job's input and answer are files of a folder, each written aside and renamed; what the child
/// prints goes to `log.txt` beside them. The child ends with this process, even where this one is
/// killed. It leads a process group of its own, so that Ctrl-C reaches it through its parent alone.
package struct WorkerProcess<Job: WorkerJob>: Sendable {
  /// Where input, answer and log lie; made where there is none.
  package var folder: URL
  /// The program; it must answer ``WorkerEntry/argument``.
  package var executable = "/proc/self/exe"
  /// Variables that differ from those of this process.
  package var environment: [String: String] = [:]
  /// From the request to end (SIGTERM) until the end without asking (SIGKILL).
  package var gracePeriod = Duration.seconds(60)
  /// How long the child may say nothing before it counts as hanging; asked again and again.
  package var silenceLimit: @Sendable () -> Duration? = { nil }

  package init(in folder: URL) { self.folder = folder }

  /// Whether child processes of the running program do jobs: it called ``runWorkerIfAsked()``.
  package static var isAvailable: Bool { WorkerEntry.isAnswered.load(ordering: .relaxed) }

  /// What the child printed.
  package var log: URL { folder.appending(path: "log.txt") }

  /// Runs the job and waits for its answer.
  ///
  /// Cancelling the task asks the child to save and end; what it answers then is returned.
  ///
  /// - Parameters:
  ///   - input: What to do.
  ///   - observe: Told the child's news, one at a time.
  /// - Returns: The answer, and how much memory the child took at most.
  /// - Throws: ``WorkerError``, ``FileError``.
  package func run(
    _ input: Job.Input,
    observe: @escaping @Sendable (Job.Message) -> Void = { _ in }
  ) async throws -> (output: Job.Output, peakMemoryBytes: Int) {
    try Folder.make(folder)
    AtomicFile.removeLeftovers(in: folder)
    let answerFile = folder.appending(path: WorkerEntry.outputName)
    try? FileManager.default.removeItem(at: answerFile)
    try AtomicFile.write(
      try JSONEncoder.pretty.encode(input),
      to: folder.appending(path: WorkerEntry.inputName)
    )
    let child = ChildProcess(gracePeriod: gracePeriod)
    let end = try await withTaskCancellationHandler {
      try await child.run(
        executable,
        [WorkerEntry.argument, Job.name, folder.path],
        environment: environment,
        log: log.path,
        silenceLimit: silenceLimit
      ) { line in
        if let message = try? JSONDecoder().decode(Job.Message.self, from: line) {
          observe(message)
        }
      }
    } onCancel: {
      child.end()
    }
    if let seconds = end.silentSeconds { throw WorkerError.hung(seconds: seconds, log: log) }
    guard end.status == 0, let data = try? Data(contentsOf: answerFile) else {
      try Task.checkCancellation()
      throw WorkerError.died(end.words, log: log, lastLines: WorkerError.lastLines(of: log))
    }
    let answer = try JSONDecoder().decode(WorkerAnswer<Job.Output>.self, from: data)
    guard let output = answer.value else {
      try Task.checkCancellation()
      throw WorkerError.failed(answer.failure ?? "no reason was given")
    }
    return (output, end.peakMemoryBytes)
  }
}

/// What can become of a child process.
package enum WorkerError: Error, Equatable, Sendable, CustomStringConvertible {
  case cannotStart(String)
  /// It ended without an answer.
  case died(String, log: URL, lastLines: [String])
  /// It said nothing for too long and was ended.
  case hung(seconds: Int, log: URL)
  /// The job threw; its words.
  case failed(String)

  package var description: String {
    switch self {
    case .cannotStart(let reason): "a child process could not be started: \(reason)"
    case .died(let how, let log, let lines):
      "the child process \(how)" + (lines.last.map { ": \($0)" } ?? "") + " (\(log.relativePath))"
    case .hung(let seconds, let log):
      "the child process said nothing for \(seconds) s and was ended (\(log.relativePath))"
    case .failed(let words): words
    }
  }

  /// Whether it ended as processes do that run out of memory: killed by the system, or by itself where
  /// nobody caught what an allocator threw.
  package var mayBeMemory: Bool {
    guard case .died(let how, _, _) = self else { return false }
    return how.contains("signal \(SIGKILL) ") || how.contains("signal \(SIGABRT) ")
  }

  /// The last lines of a log that say something.
  package static func lastLines(of log: URL, count: Int = 5) -> [String] {
    guard let handle = try? FileHandle(forReadingFrom: log),
      let size = try? handle.seekToEnd()
    else { return [] }
    try? handle.seek(toOffset: size > 8192 ? size - 8192 : 0)
    let text = String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
    let lines = text.split(whereSeparator: \.isNewline).map(String.init)
    return Array(lines.filter { !$0.allSatisfy(\.isWhitespace) }.suffix(count))
  }
}

/// How a child process ended.
struct ChildEnd: Sendable {
  /// As `wait` gives it: 0 where it succeeded.
  var status: Int32
  var peakMemoryBytes: Int
  /// How long it had said nothing when it was ended for that.
  var silentSeconds: Int?

  /// `was killed by signal 9 (Killed)`.
  var words: String {
    let number = status & 0x7F
    guard number != 0 else { return "ended with status \((status >> 8) & 0xFF) and no answer" }
    let name = strsignal(number).map { String(cString: $0) } ?? "unknown"
    let hint = number == SIGKILL ? "; the system does so where memory runs out" : ""
    return "was killed by signal \(number) (\(name)\(hint))"
  }
}
