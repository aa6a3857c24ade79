import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXTesting

/// Reads thousands of damaged datasets and counts crashes, hangs and hunger for memory.
///
/// Cases run in child processes, so that one that ends its process ends nothing else.
struct Fuzzing: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz",
    abstract: "Reads damaged datasets: counts crashes, hangs and hunger for memory."
  )

  @Option(help: "A format's name; 'all' for every format and variant.")
  var format = "all"
  @Option(help: "Seconds for each format.")
  var seconds: Double = 60
  @Option(help: "The same seed damages the same way.")
  var seed: UInt64 = 0
  @Option(help: "A folder of real samples, beside those that are drawn.")
  var samples: String?
  @Option(help: "Where the folders of failed cases are kept.")
  var keep = "fuzz-failures"
  @Option(help: "Reads this case alone and leaves its folder in --keep.")
  var only: UInt64?

  /// What one format did.
  private struct Tally {
    var cases: UInt64 = 0
    var crashes = 0
    var hangs = 0
    var memory = 0
    /// Errors that are not written for users.
    var foreign = 0
    var failures: Int { crashes + hangs + memory }
  }

  func run() throws {
    let formats = Formats.all + Formats.all.flatMap(\.variants)
    let names = format == "all" ? formats.map(\.name) : [try Formats.named(format).name]
    if let only { return try repeatCase(names[0], only) }
    var tallies: [(String, Tally)] = []
    for name in names {
      let tally = try fuzz(name)
      tallies.append((name, tally))
      print(
        "\(name): \(tally.cases) cases, \(tally.crashes) crashes, \(tally.hangs) hangs, \(tally.memory) memory"
      )
      fflush(nil)
    }
    print("\n| format | cases | crashes | hangs | memory | foreign errors |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (name, tally) in tallies {
      print(
        "| \(name) | \(tally.cases) | \(tally.crashes) | \(tally.hangs) | \(tally.memory) | \(tally.foreign) |"
      )
    }
    let all = tallies.reduce(0) { $0 + $1.1.cases }
    print("\(all) cases, \(tallies.reduce(0) { $0 + $1.1.failures }) failures")
    if tallies.contains(where: { $0.1.failures > 0 }) { throw ExitCode.failure }
  }

  private func fuzz(_ name: String) throws -> Tally {
    let work = FileManager.default.temporaryDirectory.appending(
      path: "otx-fuzz-\(UUID().uuidString)"
    )
    try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: work) }
    var tally = Tally()
    let until = Date().timeIntervalSince1970 + seconds
    while Date().timeIntervalSince1970 < until, tally.failures < 20 {
      let child = try run(name, first: tally.cases, until: until, work: work)
      tally.foreign += child.output.split(separator: "\n").count { $0.contains("Error") }
      let number = child.number
      tally.cases = child.outcome == .finished ? number : number + 1
      switch child.outcome {
      case .finished:
        // No seed of this format: there is nothing to damage.
        if number == 0 { return tally }
      case .crashed: tally.crashes += 1
      case .hung: tally.hangs += 1
      case .hungry: tally.memory += 1
      }
      if child.outcome != .finished || !child.output.isEmpty {
        print("\(name) case \(number) \(child.outcome): \(child.output.prefix(600))")
        let sample = samples.map { " --samples \($0)" } ?? ""
        print("  again: fuzz --format \(name) --seed \(seed) --only \(number)\(sample)")
        fflush(nil)
      }
      if child.outcome != .finished { try save(name, number) }
    }
    return tally
  }

  private enum Outcome { case finished, crashed, hung, hungry }

  private func run(
    _ name: String,
    first: UInt64,
    until: Double,
    work: URL
  ) throws -> (outcome: Outcome, number: UInt64, output: String) {
    let progress = work.appending(path: "progress")
    let log = work.appending(path: "log")
    try Data().write(to: log)
    let process = Process()
    process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments =
      [
        "fuzz-cases", "--format", name, "--seed", "\(seed)", "--first", "\(first)", "--progress",
        progress.path, "--until", "\(until)",
      ] + (samples.map { ["--samples", $0] } ?? [])
    var environment = ProcessInfo.processInfo.environment
    environment["SWIFT_BACKTRACE"] = "enable=no"
    // What a child leaves when it is ended goes with the folder.
    environment["TMPDIR"] = work.path
    process.environment = environment
    let handle = try FileHandle(forWritingTo: log)
    process.standardOutput = handle
    process.standardError = handle
    try process.run()
    process.waitUntilExit()
    let number = try Data(contentsOf: progress).withUnsafeBytes {
      $0.count >= 8 ? $0.loadUnaligned(as: UInt64.self) : first
    }
    let output = String(decoding: try Data(contentsOf: log), as: UTF8.self)
    let status = process.terminationStatus
    switch (process.terminationReason, status) {
    case (.exit, 0): return (.finished, number, output)
    case (.exit, FuzzCases.memoryExit): return (.hungry, number, output)
    case (.uncaughtSignal, SIGALRM): return (.hung, number, output)
    default: return (.crashed, number, "status \(status): \(output)")
    }
  }

  private func folder(_ name: String, _ number: UInt64) -> URL {
    URL(filePath: keep).appending(path: "\(name)-\(seed)-\(number)")
  }

  /// Leaves the folder of a case where it can be looked at.
  private func save(_ name: String, _ number: UInt64) throws {
    let seeds = try FuzzSeeds(try Formats.named(name), samples: samples.map { URL(filePath: $0) })
    try seeds.mutated(seed: seed, number: number)?.write(to: folder(name, number))
  }

  private func repeatCase(_ name: String, _ number: UInt64) throws {
    try save(name, number)
    print(folder(name, number).path)
    fflush(nil)
    alarm(FuzzCases.secondsPerCase)
    let foreign = FuzzCase(format: try Formats.named(name), root: folder(name, number)).read()
    alarm(0)
    print(foreign ?? "no failure")
  }
}
