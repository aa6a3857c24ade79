import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Say what is installed, what this machine can do, and what is missing.",
    discussion:
      "The exit status is 1 where something is broken; what to do is said below the table."
  )

  @OptionGroup(title: "Results") var workspace: WorkspaceArguments
  @OptionGroup(title: "Output") var output: OutputArguments

  func run() throws {
    let examination = Examination(workDirectory: workspace.url)
    let findings = examination.findings()
    let isBroken = findings.contains { $0.state == .broken }
    if output.json {
      let items = findings.map { finding in
        JSONText.object([
          "name": .string(finding.name), "found": .string(finding.found),
          "state": .string(finding.state.rawValue), "ok": .bool(finding.state != .broken),
          "advice": finding.advice.map { .string($0) } ?? .null,
        ])
      }
      Console.current.print(JSONText.object(["ok": .bool(!isBroken), "items": .array(items)]))
    } else {
      let table = TextTable(
        columns: ["WHAT", "FOUND"],
        rows: findings.map {
          [$0.name, ($0.state == .ok ? "" : "\($0.state.rawValue): ") + $0.found]
        }
      )
      Console.current.print(table.rendered(width: Console.current.outputWidth))
      for finding in findings {
        if let advice = finding.advice {
          Console.current.print("\(finding.state.rawValue): \(finding.name): \(advice)")
        }
      }
      if !isBroken { Console.current.print("everything that training needs is there") }
    }
    if isBroken { throw ExitCode.failure }
  }
}

/// One thing that was looked at.
struct Diagnosis: Equatable {
  enum State: String {
    case ok, warning, broken
  }
  var name: String
  var found: String
  var state = State.ok
  /// What to do, where it is not as it should be.
  var advice: String?
}

/// A library of C++ underneath, as it was found and opened.
struct NativeLibraryReport: Sendable, Equatable {
  /// `libtorch`.
  var name: String
  /// Our shim for it.
  var shim: String?
  /// The library's own version and folder, where it could be opened.
  var version: String?
  var directory: String?
  /// What our own kernels of training use, where this is the library they stand beside.
  var kernels: String?
  /// Why it cannot be used.
  var problem: String?
}

/// Looks at everything that `otx doctor` tells of.
struct Examination {
  var workDirectory: URL
  var machine = Machine()
  var environment = ProcessInfo.processInfo.environment
  var executable: URL? = Bundle.main.executableURL?.resolvingSymlinksInPath()

  func findings() -> [Diagnosis] {
    program() + libraries() + computing() + storage()
  }

  // MARK: - The program

  private func program() -> [Diagnosis] {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty }
    let text = TextCapability.isUnicode(environment) ? "UTF-8" : "no UTF-8: ASCII is written"
    return [
      Diagnosis(name: "otx", found: "\(OTXVersion.current) (\(BuildFacts.configuration) build)"),
      Diagnosis(name: "program", found: executable?.path ?? "unknown"),
      Diagnosis(name: "Swift", found: BuildFacts.swiftVersion),
      recipes(),
      Diagnosis(name: "system", found: ProcessInfo.processInfo.operatingSystemVersionString),
      Diagnosis(name: "locale", found: "\(locale ?? "none") (\(text))"),
    ]
  }

  private func recipes() -> Diagnosis {
    let library = RecipeLibrary(userDirectory: workDirectory.appending(path: "recipes"))
    let entries = library.entries
    let folders = Set(entries.compactMap { $0.file?.deletingLastPathComponent().path }).sorted()
    let places = folders.isEmpty ? "inside the program" : folders.joined(separator: ", ")
    var finding = Diagnosis(name: "recipes", found: "\(entries.count) (\(places))")
    let broken = library.problems.filter { !$0.isNote }
    if !broken.isEmpty {
      finding.state = .warning
      finding.found += "; \(broken.count) file\(broken.count == 1 ? "" : "s") cannot be used"
      finding.advice = broken.map(\.description).joined(separator: "\n  ")
    }
    return finding
  }

  /// The command that brings shims back.
  private var remedy: String {
    let manifest = executable?.deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "share/otx/manifest")
    let isInstalled = manifest.map { FileManager.default.fileExists(atPath: $0.path) } ?? false
    return isInstalled
      ? "run 'make install' again in the sources that this program came from"
      : "run 'make setup' in the sources that this program came from"
  }

  private func libraries() -> [Diagnosis] {
    CurrentJobs.value.libraries().flatMap { library in
      var shim = Diagnosis(name: "\(library.name) shim", found: library.shim ?? "missing")
      if let problem = library.problem {
        shim.state = .broken
        shim.advice = "\(problem)\n  \(remedy)"
        return [shim]
      }
      let place = library.directory.map { " in \($0)" } ?? ""
      let found = Diagnosis(name: library.name, found: (library.version ?? "unknown") + place)
      let kernels = library.kernels.map { Diagnosis(name: "training kernels", found: $0) }
      return [found, shim] + [kernels].compactMap { $0 }
    }
  }

  // MARK: - Computing

  private func computing() -> [Diagnosis] {
    let features = machine.processorFeatures
    let there = features.filter(\.isThere).map(\.name).joined(separator: ", ")
    let lacking = features.filter { !$0.isThere }.map(\.name).joined(separator: ", ")
    var processor = Diagnosis(
      name: "processor",
      found: "\(machine.processor.name) (\(there.isEmpty ? "plain" : there)"
        + (lacking.isEmpty ? ")" : "; no \(lacking))")
    )
    if !features[0].isThere {
      processor.state = .warning
      processor.advice = "without AVX2 training is many times slower"
    }
    let gpus = machine.graphicsProcessors
    let gpu =
      gpus.isEmpty ? "none seen" : "\(gpus.joined(separator: ", ")); not used by this version"
    return [processor, cores(), memory(), Diagnosis(name: "GPU", found: gpu)]
  }

  private func cores() -> Diagnosis {
    let processor = machine.processor
    let (cores, computing) = (processor.cores, processor.computeThreadCount)
    let count =
      cores.isEmpty
      ? ProcessInfo.processInfo.activeProcessorCount : cores.flatMap(\.processors).count
    var found = "\(count)"
    if !cores.isEmpty, cores.count < count { found += " threads on \(cores.count) cores" }
    let slow = cores.count(where: \.isEfficient)
    if slow > 0 { found += ", \(slow) of them slow ones" }
    if let limit = processor.coreLimit, limit < Double(count) {
      found += ", limited to the time of \(String(format: "%.1f", limit))"
    }
    found += computing == count ? ", all used for computing" : "; \(computing) used for computing"
    return Diagnosis(name: "cores", found: found)
  }

  private func memory() -> Diagnosis {
    guard let memory = machine.memory else { return Diagnosis(name: "memory", found: "unknown") }
    var finding = Diagnosis(
      name: "memory",
      found: "\(memory.total.asBytes), \(memory.available.asBytes) available"
    )
    let limit = machine.memoryLimit
    if let limit, limit < memory.total { finding.found += ", limited to \(limit.asBytes)" }
    let usable = min(memory.available, limit ?? .max)
    if usable < 2 << 30 {
      finding.state = .warning
      finding.advice = "training takes 1 to 6 GiB; choose a smaller --batch-size or --input-size"
    }
    return finding
  }

  // MARK: - Storage

  private func storage() -> [Diagnosis] {
    let cache = CurrentCache.folder(environment)
    let size = DiskUsage.of(cache).total
    return [
      Diagnosis(name: "cache", found: "\(size.asBytes) in \(cache.path)"),
      space("disk of the cache", cache, needed: 100 << 20),
      space("disk of the work directory", workDirectory, needed: 500 << 20),
    ] + precisions(cache.appending(path: "precision.json"))
  }

  private func space(_ name: String, _ folder: URL, needed: Int) -> Diagnosis {
    guard let free = DiskUsage.free(in: folder) else {
      return Diagnosis(name: name, found: "unknown")
    }
    var finding = Diagnosis(name: name, found: "\(free.asBytes) free")
    if free < needed {
      finding.state = .broken
      finding.advice =
        "\(needed.asBytes) are needed in \(folder.absoluteURL.path); 'otx cache clean' may free some"
    }
    return finding
  }

  /// Which arithmetic was measured to be the faster one, for which network.
  private func precisions(_ file: URL) -> [Diagnosis] {
    struct Figures: Decodable {
      var fp32: Double
      var bf16: Double
    }
    let known =
      (try? Data(contentsOf: file))
      .flatMap { try? JSONDecoder().decode([String: Figures].self, from: $0) } ?? [:]
    guard !known.isEmpty else { return [Diagnosis(name: "precision", found: "none measured yet")] }
    return known.sorted { $0.key < $1.key }.map { key, figures in
      let words = key.components(separatedBy: " | ")
      let network = [words.first, words.dropFirst(2).first].compactMap(\.self)
      let ratio = String(format: "%.2f", figures.fp32 / figures.bf16)
      return Diagnosis(
        name: "precision",
        found: "\(network.joined(separator: " at ")): bf16 at \(ratio) times the speed of fp32"
      )
    }
  }
}

/// What the compiler knows of this program.
enum BuildFacts {
  static var configuration: String {
    #if DEBUG
      "debug"
    #else
      "release"
    #endif
  }

  static var swiftVersion: String {
    #if compiler(>=6.5)
      "6.5 or newer"
    #elseif compiler(>=6.4)
      "6.4"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }
}
