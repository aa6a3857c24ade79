import ArgumentParser
import Foundation
import OTX
public import OTXCore
import OTXInference

/// The program `otx`, as a function of its arguments.
public enum Program {
  /// Exit status of an interrupted job.
  static let interruptedStatus: Int32 = 130

  /// Runs the process's own command line and ends the process.
  ///
  /// A program of one's own is this line with a registry of one's own: whatever its backends build
  /// is listed by `find` and `train --help`, and trained like every other model.
  ///
  /// ```swift
  /// await Program.main(registry: .standard.adding(TorchBackend(models: [myEntry])))
  /// ```
  ///
  /// - Parameter registry: The backends there are; `nil`: those that this package ships.
  public static func main(registry: EngineRegistry? = nil) async -> Never {
    Console.reserveStandardStreams()
    await OTX.runWorkerIfAsked(registry: registry ?? .standard)
    exit(await run(Array(CommandLine.arguments.dropFirst()), registry: registry))
  }

  /// Runs a command line with backends of one's own.
  ///
  /// - Parameters:
  ///   - arguments: What stands behind the program's name.
  ///   - console: Where it writes.
  ///   - registry: The backends there are; `nil`: those that this package ships.
  /// - Returns: The exit status, as of ``run(_:console:)``.
  public static func run(
    _ arguments: [String],
    console: Console = .standard,
    registry: EngineRegistry?
  ) async -> Int32 {
    guard let registry else { return await run(arguments, console: console) }
    return await CurrentJobs.$value.withValue(StandardJobs(ownRegistry: registry)) {
      await run(arguments, console: console)
    }
  }

  /// When the command line that runs began; what a time budget counts from.
  @TaskLocal static var start = ContinuousClock.now

  /// Runs a command line.
  ///
  /// - Parameters:
  ///   - arguments: What stands behind the program's name.
  ///   - console: Where it writes.
  /// - Returns: The exit status: 0, 64 for a wrong command line, 1 for a failed job, 130 for an
  ///   interrupted one.
  public static func run(_ arguments: [String], console: Console = .standard) async -> Int32 {
    let start = ContinuousClock.now
    return await Console.$current.withValue(console) {
      do {
        // A closed pipe (`otx find | head`) is not worth a signal.
        signal(SIGPIPE, SIG_IGN)
        if arguments == [ManualPage.argument] {
          console.output(try ManualPage.text())
          return status(ofFinished: console)
        }
        try await Program.$start.withValue(start) {
          try await Interruption.watched {
            var command = try parse(arguments)
            if var job = command as? any AsyncParsableCommand {
              try await job.run()
            } else {
              try command.run()
            }
          }
        }
        return status(ofFinished: console)
      } catch {
        return report(error, arguments, console)
      }
    }
  }

  /// Results that could not be written (`> /dev/full`) are a failure.
  private static func status(ofFinished console: Console) -> Int32 {
    guard let reason = console.outputFailure() else { return 0 }
    console.errors("error: the results could not be written: \(reason)\n")
    return 1
  }

  /// The command that a command line means.
  static func parse(_ arguments: [String]) throws -> any ParsableCommand {
    let normalizer = ArgumentNormalizer(
      commands: OTXCommand.commandNames,
      aliases: OTXCommand.otherWords,
      subcommands: OTXCommand.secondWords
    )
    return try OTXCommand.parseAsRoot(normalizer.normalize(arguments))
  }

  private static func report(_ error: any Error, _ arguments: [String], _ console: Console) -> Int32
  {
    let (message, status) = explanation(of: error, width: console.outputWidth)
    if status == 0 {
      console.print(message)
      return Program.status(ofFinished: console)
    }
    if arguments.contains("--json"), !message.isEmpty {
      let plain = message.hasPrefix("error: ") ? String(message.dropFirst(7)) : message
      console.print(JSONText.object(["error": .string(plain)]))
    }
    if !message.isEmpty { console.errors(message.hasSuffix("\n") ? message : message + "\n") }
    return status
  }

  /// What to say about an error, and the exit status it stands for.
  static func explanation(of error: any Error, width: Int?) -> (message: String, status: Int32) {
    switch error {
    case is CancellationError: return ("interrupted; nothing was to save", interruptedStatus)
    case is Interruption.Saved: return ("", interruptedStatus)
    case let code as ExitCode: return ("", code.rawValue)
    case let error as UsageError:
      return ("error: \(error.message)", ExitCode.validationFailure.rawValue)
    case InferenceError.usage(let text):
      return ("error: \(text)", ExitCode.validationFailure.rawValue)
    case let error as ConfigurationError:
      let isUsage = if case .invalid = error { false } else { true }
      return ("error: \(error)", isUsage ? ExitCode.validationFailure.rawValue : 1)
    case let error as ModelError:
      let isUsage = if case .unknownModel = error { true } else { false }
      return ("error: \(error)", isUsage ? ExitCode.validationFailure.rawValue : 1)
    default: break
    }
    let status = OTXCommand.exitCode(for: error).rawValue
    if status == 0 || status == ExitCode.validationFailure.rawValue {
      let text = OTXCommand.fullMessage(for: error, columns: max(60, min(width ?? 100, 120)))
      return (text.hasPrefix("Error: ") ? "error: " + text.dropFirst(7) : text, status)
    }
    return ("error: \(error)", 1)
  }
}

/// Stops a job that the user interrupts.
enum Interruption {
  /// Runs `job`; the first SIGINT or SIGTERM cancels it, so that it can save, the second ends the
  /// process.
  static func watched(_ job: @escaping @Sendable () async throws -> Void) async throws {
    let flag = Flag()
    let (interruptions, interrupted) = AsyncStream<Void>.makeStream()
    // A hang-up that whoever started this program wants ignored (`nohup`) stays ignored.
    let hangUp = signal(SIGHUP, SIG_IGN)
    signal(SIGHUP, hangUp)
    let watch = try SignalWatch([SIGINT, SIGTERM] + (isIgnored(hangUp) ? [] : [SIGHUP])) { _ in
      if flag.raise() { _exit(Program.interruptedStatus) }
      Console.standard.errors("\nstopping as soon as all is saved; once more to stop at once\n")
      interrupted.yield()
    }
    defer { watch.end() }
    let task = Task { try await job() }
    let listener = Task { for await _ in interruptions { task.cancel() } }
    defer { listener.cancel() }
    try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
    if flag.isRaised { throw Saved() }
  }

  /// The job was interrupted and came to an orderly end.
  struct Saved: Error {}

  private static func isIgnored(_ handler: sighandler_t?) -> Bool {
    unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private final class Flag: @unchecked Sendable {
    // Guarded by `lock`, hence the unchecked conformance.
    private let lock = NSLock()
    private var raised = false
    var isRaised: Bool { lock.withLock { raised } }
    /// - Returns: Whether it was raised before.
    func raise() -> Bool {
      lock.withLock {
        defer { raised = true }
        return raised
      }
    }
  }
}
