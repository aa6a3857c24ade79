import Foundation
import OTXCore
import Synchronization

/// One child process, from its start to its end.
///
/// A thread of its own starts the child and lives as long: the system ends a child that follows its
/// parent (`PR_SET_PDEATHSIG`) when the *thread* that started it ends.
final class ChildProcess: Sendable {
  private struct State {
    /// While it may be sent signals.
    var process: pid_t?
    var isEnding = false
  }

  private let state = Mutex(State())
  private let gracePeriod: Duration
  private static let starting = NSLock()

  init(gracePeriod: Duration) { self.gracePeriod = gracePeriod }

  /// Starts a program and waits for its end.
  ///
  /// - Parameters:
  ///   - executable: The program.
  ///   - arguments: What it is given; the number of this process follows them.
  ///   - environment: Variables that differ from those of this process.
  ///   - log: The file that its standard error is appended to.
  ///   - silenceLimit: How long it may write no line to its standard output.
  ///   - observe: Gets each of these lines, on the thread.
  /// - Returns: How it ended.
  /// - Throws: ``WorkerError/cannotStart(_:)``.
  func run(
    _ executable: String,
    _ arguments: [String],
    environment: [String: String],
    log: String,
    silenceLimit: @escaping @Sendable () -> Duration?,
    observe: @escaping @Sendable (Data) -> Void
  ) async throws -> ChildEnd {
    try await withCheckedThrowingContinuation { continuation in
      do {
        try SystemThread.start(name: "otx-child") { [self] in
          continuation.resume(
            with: Result {
              let output = try start(executable, arguments, environment, log: log)
              defer { _ = close(output) }
              let silence = read(output, silenceLimit, observe)
              var end = collect()
              end.silentSeconds = silence
              return end
            }
          )
        }
      } catch {
        continuation.resume(throwing: WorkerError.cannotStart("\(error)"))
      }
    }
  }

  /// Asks it to end, and ends it after the grace period.
  func end() {
    let isFirst = state.withLock { state in
      defer { state.isEnding = true }
      return !state.isEnding
    }
    guard isFirst else { return }
    send(SIGTERM)
    let seconds = gracePeriod / .seconds(1)
    DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { self.send(SIGKILL) }
  }

  private func send(_ signal: Int32) {
    // Under the lock, so that the number is still the child's.
    state.withLock { state in
      if let process = state.process { _ = kill(process, signal) }
    }
  }

  /// - Returns: What the child's standard output is read from.
  private func start(
    _ executable: String,
    _ arguments: [String],
    _ environment: [String: String],
    log: String
  ) throws -> Int32 {
    // One at a time, or another child would keep this one's pipe open.
    ChildProcess.starting.lock()
    defer { ChildProcess.starting.unlock() }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw failure(errno) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { _ = close(ends[1]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    let flags = O_WRONLY | O_CREAT | O_APPEND
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, flags, 0o666)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    // What this process ignores, the child is to hear.
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&signals, number) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    let wishes = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    posix_spawnattr_setflags(&attributes, Int16(wishes))
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let words = [CommandLine.arguments.first ?? executable] + arguments + ["\(getpid())"]
    var process = pid_t()
    let code = withCStrings(words) { words in
      withCStrings(variables.map { "\($0)=\($1)" }) { variables in
        posix_spawn(&process, executable, &actions, &attributes, words, variables)
      }
    }
    guard code == 0 else {
      _ = close(ends[0])
      throw failure(code)
    }
    let isLate = state.withLock { state in
      state.process = process
      return state.isEnding
    }
    // It was to end before it had begun.
    if isLate { send(SIGTERM) }
    return ends[0]
  }

  private func failure(_ code: Int32) -> WorkerError {
    .cannotStart(String(cString: strerror(code)))
  }

  /// Reads lines until nobody can write any more.
  ///
  /// - Returns: For how many seconds nothing was said, where the child was ended for that.
  private func read(
    _ descriptor: Int32,
    _ silenceLimit: () -> Duration?,
    _ observe: (Data) -> Void
  ) -> Int? {
    var (pending, bytes) = (Data(), [UInt8](repeating: 0, count: 4096))
    var lastNews = ContinuousClock.now
    var silence: Int?
    while true {
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&request, 1, 500)
      if ready < 0, errno != EINTR { break }
      if ready <= 0 {
        let quiet = ContinuousClock.now - lastNews
        if silence == nil, let limit = silenceLimit(), quiet > limit {
          silence = Int(quiet / .seconds(1))
          end()
        }
        continue
      }
      let count = Foundation.read(descriptor, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      lastNews = .now
      pending.append(contentsOf: bytes[..<count])
      while let newline = pending.firstIndex(of: UInt8(ascii: "\n")) {
        observe(Data(pending[..<newline]))
        pending = Data(pending[pending.index(after: newline)...])
      }
    }
    return silence
  }

  /// Waits for the end.
  private func collect() -> ChildEnd {
    guard let process = state.withLock({ $0.process }) else {
      return ChildEnd(status: 1 << 8, peakMemoryBytes: 0)
    }
    // Waits without taking the number away, so that no signal goes astray.
    var information = siginfo_t()
    while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    return state.withLock { state in
      state.process = nil
      var (status, usage) = (Int32(0), rusage())
      while wait4(process, &status, 0, &usage) < 0, errno == EINTR {}
      return ChildEnd(status: status, peakMemoryBytes: Int(usage.ru_maxrss) * 1024)
    }
  }
}

/// Calls `body` with texts as C has them, with nothing at the end.
private func withCStrings<Result>(
  _ texts: [String],
  _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
  let copies = texts.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  return body(copies + [nil])
}
