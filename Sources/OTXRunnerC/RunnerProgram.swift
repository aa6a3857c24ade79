import Foundation
import OTXCore
import OTXImage
import OTXInference
import OTXServer
import Synchronization

/// The program `otx-run`, as a function of its arguments.
enum RunnerProgram {
  /// Whether the user asked to stop: the picture that is under way is the last.
  private static let isStopped = Atomic(false)

  /// - Returns: The exit status: 0, 64 for a wrong command line, 1 for a failed job.
  static func run(_ words: [String]) -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    do {
      let arguments = try RunnerArguments(words) { ModelPackage.models(in: ownFolder) }
      switch arguments.action {
      case .help: return try print(RunnerArguments.help)
      case .version: return try print(OTXVersion.current)
      case .libraries: return try print(libraries(arguments).joined(separator: "\n"))
      case .run: return try run(arguments)
      case .serve: return try serve(arguments)
      }
    } catch InferenceError.usage(let text) {
      complain("error: \(text)")
      return 64
    } catch {
      complain("error: \(error)")
      return 1
    }
  }

  /// The folder of the running program.
  private static var ownFolder: URL {
    let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(filePath: program ?? CommandLine.arguments.first ?? "otx-run")
      .deletingLastPathComponent()
  }

  private static func run(_ arguments: RunnerArguments) throws -> Int32 {
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        // The second time it ends at once.
        signal(number, SIG_DFL)
        RunnerProgram.isStopped.store(true, ordering: .relaxed)
      }
    }
    let output =
      try arguments.isQuiet && arguments.results == "-"
      ? nil
      : arguments.results.map(LineFile.init)
    let isQuiet = arguments.isQuiet
    var runner = Runner(arguments.options) { line in
      if !isQuiet { complain(line) }
    } onDamage: { event in
      if let line = event.damageLine { try output?.write(line) }
      if case .damaged(let origin, let reason) = event {
        complain("error: \(origin.place): \(reason)")
      }
    } onResult: { result in
      try output?.write(result.jsonLine)
    }
    runner.isStopped = { RunnerProgram.isStopped.load(ordering: .relaxed) }
    let summary = try runner.run()
    if !isQuiet {
      for file in summary.files.suffix(1) {
        let others = summary.files.count - 1
        complain("drawn: \(file.relativePath)" + (others > 0 ? " and \(others) more" : ""))
      }
      complain(summary.text)
    }
    return summary.damaged.isEmpty ? 0 : 1
  }

  /// Serves until it is asked to stop.
  private static func serve(_ arguments: RunnerArguments) throws -> Int32 {
    let options = arguments.options
    var opening = DeployedModel.Options()
    opening.device = options.device
    opening.precision = options.precision
    opening.threads = options.threads
    opening.confidenceThreshold = options.confidenceThreshold
    opening.hasManyPictures = options.mode != .sync
    let compared = try arguments.compared.map { try ModelPackage.models(at: $0) }
    let own = try options.models.flatMap { try ModelPackage.models(at: $0) }
    let models = try ServedModel.open([own] + compared, options: opening)
    let isQuiet = arguments.isQuiet
    let log: @Sendable (String) -> Void = { line in
      if !isQuiet || line.hasPrefix("warning") || line.hasPrefix("error") { complain(line) }
    }
    let server = try ModelServer(
      models,
      samples: SamplePicture.pictures(of: options.inputs),
      options: arguments.server,
      log: log
    )
    let ended = Ending()
    Task {
      do {
        try await ServerProgram.run(server, log: log)
        ended.end(nil)
      } catch {
        ended.end(error)
      }
    }
    if let error = ended.wait() { throw error }
    return 0
  }

  /// Lets the program's own thread wait for work of others.
  private final class Ending: @unchecked Sendable {
    // Written once before the semaphore is raised, and read after, hence the unchecked conformance.
    private let semaphore = DispatchSemaphore(value: 0)
    private var error: (any Error)?

    func end(_ error: (any Error)?) {
      self.error = error
      semaphore.signal()
    }

    func wait() -> (any Error)? {
      semaphore.wait()
      return error
    }
  }

  /// The shared libraries that running the models takes, as files.
  ///
  /// What is in memory after a picture was looked at: plug-ins, which no list of a program names,
  /// are among it.
  private static func libraries(_ arguments: RunnerArguments) throws -> [String] {
    let models = try arguments.options.models.flatMap { try ModelPackage.models(at: $0) }
    let opened = try models.map { try DeployedModel(reading: $0) }
    for model in opened {
      _ = try model.findings(in: Image(size: model.info.preprocessing.inputSize), name: "nothing")
    }
    let files = MappedFile.all().filter { $0.isExecutable && $0.url.path.contains(".so") }
    return Set(files.map(\.url.path)).sorted()
  }

  private static func print(_ text: String) throws -> Int32 {
    try LineFile("-").write(text)
    return 0
  }

  private static func complain(_ line: String) {
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
  }
}

/// A file that gets lines as they come.
private final class LineFile {
  private let handle: FileHandle
  private let name: String

  /// Opens the file at `path`; `-` is standard output.
  init(_ path: String) throws {
    name = path == "-" ? "standard output" : path
    if path == "-" {
      handle = .standardOutput
      return
    }
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let handle = FileHandle(forWritingAtPath: path)
    else { throw FileError.cannotWrite(path, reason: "the folder may not be written to") }
    self.handle = handle
  }

  func write(_ line: String) throws {
    do {
      try handle.write(contentsOf: Data((line + "\n").utf8))
    } catch {
      throw FileError.cannotWrite(name, reason: error.reason)
    }
  }
}
