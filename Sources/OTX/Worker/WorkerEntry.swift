import Foundation
public import OTXCore
import Synchronization

/// Does what a parent process started this one for, and ends it then; returns at once in every other
/// process.
///
/// Trials of a search and searches for a batch size run in child processes: the running program
/// starts itself once more, with a first argument of its own. A program that uses the library makes
/// this the first line of its `main`; without it such work is done in the program itself, one piece
/// at a time.
///
/// ```swift
/// import OTX
///
/// @main struct MyProgram {
///   static func main() async throws {
///     await OTX.runWorkerIfAsked()
///     ...
///   }
/// }
/// ```
///
/// - Parameter registry: The backends that models of trials are built by.
public func runWorkerIfAsked(registry: EngineRegistry = .standard) async {
  WorkerEntry.registry.withLock { $0 = registry }
  WorkerEntry.isAnswered.store(true, ordering: .relaxed)
  let arguments = CommandLine.arguments.dropFirst()
  guard arguments.first == WorkerEntry.argument else { return }
  exit(await WorkerEntry.run(Array(arguments.dropFirst())))
}

/// The child's side of a job.
enum WorkerEntry {
  /// The first argument of a child process.
  static let argument = "--otx-worker"
  /// Whether this program would answer it.
  static let isAnswered = Atomic(false)

  /// The backends there are.
  static let registry = Mutex(EngineRegistry.standard)
  static var currentRegistry: EngineRegistry { registry.withLock { $0 } }

  static let inputName = "input.json"
  static let outputName = "output.json"

  /// - Parameter arguments: The job's name, its folder and the parent's number.
  /// - Returns: The exit status: 0 where there is an answer, be it an error.
  static func run(_ arguments: [String]) async -> Int32 {
    guard arguments.count == 3, let parent = Int32(arguments[2]) else {
      complain("\(argument) is how this program starts itself; it is of no use by hand")
      return 64
    }
    ParentDeath.follow(parent)
    guard let job = WorkerJobs.named(arguments[0]) else {
      complain("there is no job '\(arguments[0])'")
      return 64
    }
    signal(SIGPIPE, SIG_IGN)
    return await answer(job, in: URL(filePath: arguments[1], directoryHint: .isDirectory))
  }

  private static func answer<Job: WorkerJob>(_ job: Job.Type, in folder: URL) async -> Int32 {
    let pipe = MessagePipe()
    do {
      let data = try Data(contentsOf: folder.appending(path: inputName))
      let input = try JSONDecoder().decode(Job.Input.self, from: data)
      let answer = try await cancelledBySignal {
        do {
          return WorkerAnswer(value: try await Job.run(input) { pipe.send($0) })
        } catch {
          return WorkerAnswer(value: nil, failure: "\(error)")
        }
      }
      try AtomicFile.write(
        try JSONEncoder.pretty.encode(answer),
        to: folder.appending(path: outputName)
      )
      return 0
    } catch {
      complain("\(error)")
      return 1
    }
  }

  /// SIGTERM and SIGINT cancel the task, so that it can save.
  private static func cancelledBySignal<Result: Sendable>(
    _ work: @escaping @Sendable () async -> Result
  ) async throws -> Result {
    // Before there is a task: the parent may have asked for the end already.
    let (signals, asked) = AsyncStream<Int32>.makeStream()
    let watch = try SignalWatch([SIGTERM, SIGINT]) { asked.yield($0) }
    defer { watch.end() }
    let task = Task { await work() }
    let listener = Task { for await _ in signals { task.cancel() } }
    defer { listener.cancel() }
    return await task.value
  }

  private static func complain(_ text: String) {
    FileHandle.standardError.write(Data("error: \(text)\n".utf8))
  }

  static func quit(_ status: Int32) -> Never { _exit(status) }

  static func crash() -> Never { abort() }
}

/// What a child leaves in its folder.
struct WorkerAnswer<Value: Codable & Sendable>: Codable, Sendable {
  var value: Value?
  /// Why there is none, in the error's words.
  var failure: String?
}

/// Where a child's news go: one JSON text a line, into what was its standard output.
///
/// What anybody prints goes to standard error from then on.
private final class MessagePipe: Sendable {
  private let descriptor: Int32
  private let lock = Mutex(())

  init() {
    descriptor = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
    _ = dup2(STDERR_FILENO, STDOUT_FILENO)
  }

  func send(_ message: some Encodable) {
    guard var line = try? JSONEncoder().encode(message) else { return }
    line.append(UInt8(ascii: "\n"))
    let bytes = Array(line)
    lock.withLock { _ in
      var done = 0
      while done < bytes.count {
        let count = bytes[done...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno != EINTR { return }
        done += max(count, 0)
      }
    }
  }
}

/// Ends this process when its parent does, however that ends.
private enum ParentDeath {
  static func follow(_ parent: Int32) {
    #if os(Linux)
      // prctl takes any number of arguments, which Swift cannot call by its declaration.
      typealias Function = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
      if let symbol = dlsym(nil, "prctl") {
        // PR_SET_PDEATHSIG
        _ = unsafeBitCast(symbol, to: Function.self)(1, UInt(SIGKILL), 0, 0, 0)
      }
    #endif
    // It may have ended before the line above.
    if getppid() != parent { _exit(1) }
  }
}
