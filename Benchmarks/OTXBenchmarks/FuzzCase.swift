import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXTesting

/// One damaged dataset and what reading it does.
struct FuzzCase {
  let format: any DatasetFormat
  let root: URL

  /// Reads all that can be read; what is refused is refused by name.
  ///
  /// - Returns: An error of another kind than those for users, if one came.
  func read() -> String? {
    var foreign: String?
    func attempt(_ body: () throws -> Void) {
      do { try body() } catch is DataError {} catch is ConfigurationError {} catch {
        foreign = "\(type(of: error)): \(error)"
      }
    }
    _ = format.recognizes(root)
    attempt { _ = try format.read(.root(root, format: format.name)) }
    attempt { _ = try DatasetReader.read(.root(root, format: nil), for: .inspection) }
    attempt {
      let dataset = try DatasetReader.read(.root(root, format: format.name))
      _ = dataset.profile()
      for item in dataset.items.values.joined().prefix(24) {
        if case .embedded = item.image { attempt { _ = try item.picture() } }
        guard let size = item.size, size.height * size.width < 1 << 22 else { continue }
        for annotation in item.annotations.prefix(24) {
          attempt { _ = try annotation.region?.mask(size: size) }
          attempt { _ = try annotation.labelMap?.segments(size: size) }
        }
      }
    }
    return foreign
  }
}

/// A child process of ``Fuzzing``: reads case after case until one ends it.
struct FuzzCases: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "fuzz-cases", shouldDisplay: false)

  @Option var format: String
  @Option var seed: UInt64
  @Option var first: UInt64
  @Option var samples: String?
  /// Where the number of the case at hand is written.
  @Option var progress: String
  /// Seconds since 1970 at which to stop.
  @Option var until: Double
  /// Cases to read at most.
  @Option var count: UInt64 = .max
  @Option var keep: String?

  static let secondsPerCase: UInt32 = 10
  static let memoryExit: Int32 = 3
  static let fixedMemory = 256 << 20

  func run() throws {
    let format = try Formats.named(format)
    let seeds = try FuzzSeeds(format, samples: samples.map { URL(filePath: $0) })
    var addresses = rlimit(rlim_cur: 6 << 30, rlim_max: 6 << 30)
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &addresses)
    let descriptor = open(progress, O_WRONLY | O_CREAT, 0o600)
    var number = first
    while Date().timeIntervalSince1970 < until, number - first < count {
      var current = number
      pwrite(descriptor, &current, 8, 0)
      guard let contents = seeds.mutated(seed: seed, number: number) else { return }
      let root =
        keep.map { URL(filePath: $0) }
        ?? FileManager.default.temporaryDirectory.appending(path: "otx-fuzz-\(getpid())")
      try contents.write(to: root)
      defer { if keep == nil { try? FileManager.default.removeItem(at: root) } }
      let before = FuzzCases.memory("VmRSS")
      FuzzCases.forgetPeak()
      alarm(FuzzCases.secondsPerCase)
      let foreign = FuzzCase(format: format, root: root).read()
      alarm(0)
      let growth = FuzzCases.memory("VmHWM") - before
      if let foreign { print("case \(number): \(foreign)") }
      if growth > 10 * contents.byteCount + FuzzCases.fixedMemory {
        print("case \(number): \(growth >> 20) MiB for \(contents.byteCount) bytes")
        throw ExitCode(FuzzCases.memoryExit)
      }
      number += 1
    }
    pwrite(descriptor, &number, 8, 0)
  }

  /// Lets the kernel count this process's peak from now.
  private static func forgetPeak() {
    try? Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))
  }

  /// A line of `/proc/self/status`, in bytes; 0 where the system has none.
  private static func memory(_ key: String) -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(key + ":") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }
}
