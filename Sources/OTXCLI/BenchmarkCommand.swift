import ArgumentParser
import Foundation
import OTX
import OTXCore

struct BenchmarkCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark",
    abstract: "Time models on this machine.",
    usage: "otx benchmark MODEL [MODEL …] [options]",
    discussion: """
      A MODEL is a checkpoint, an exported model, or a folder of either; without one it is the newest
      run's. Exported models run in OpenVINO, checkpoints in libtorch, with post-processing.
      Each turn is a process of its own, and all models take theirs in rotation: what else the machine
      does hits all. Several values of --precision, --threads and --streams are combined.
      """
  )

  @ArgumentParser.Argument(
    help: .init("Checkpoints, exported models, folders of either.", valueName: "model"),
    completion: .file()
  )
  var models: [String] = []

  @Option(help: .init("auto, cpu, gpu or gpu:N.", valueName: "name"))
  var device = "auto"

  @Option(
    help: .init(
      "The arithmetic: auto (the device's own), fp32, bf16, fp16; several with commas.",
      valueName: "names"
    )
  )
  var precision = "auto"

  @Option(
    help: .init("Threads that compute; 0: as many as the framework takes.", valueName: "counts")
  )
  var threads = "0"

  @Option(
    help: .init(
      "Requests at once: 1 for the shortest latency, auto for the most pictures a second.",
      valueName: "counts"
    )
  )
  var streams = "1,auto"

  @Option(help: .init("Pictures of a request.", valueName: "count"))
  var batchSize = 1

  @Option(help: .init("Seconds of each turn.", valueName: "seconds"))
  var seconds = 2.0

  @Option(
    name: [.customLong("turns"), .customLong("rounds")],
    help: .init("Turns of each model in each way.", valueName: "count")
  )
  var turns = 3

  @Option(help: .init("Also write the table as CSV.", valueName: "file"))
  var csv: String?

  @OptionGroup(title: "Results") var workspace: WorkspaceArguments
  @OptionGroup(title: "Output") var output: OutputArguments

  func request() throws -> BenchmarkRequest {
    var options = BenchmarkOptions()
    options.device = device
    options.precisions = try list(precision, "--precision").map {
      guard let precision = Precision(rawValue: $0) else {
        throw ConfigurationError.unknownName(
          $0,
          kind: "precision",
          known: Precision.allCases.map(\.rawValue)
        )
      }
      return precision
    }
    options.threads = try counts(threads, "--threads")
    options.streams = try counts(streams, "--streams")
    options.batchSize = batchSize
    options.seconds = seconds
    options.turns = turns
    try options.validate()
    return BenchmarkRequest(models: try files(), options: options)
  }

  private func files() throws -> [URL] {
    guard models.isEmpty else {
      return try models.map { name in
        guard FileManager.default.fileExists(atPath: name) else {
          throw UsageError("there is no model at '\(name)'")
        }
        return URL(filePath: name)
      }
    }
    let latest = workspace.url.appending(path: "latest")
    guard latest.isDirectory else {
      throw UsageError("no model: name one (there is no run in \(workspace.workDirectory))")
    }
    return [latest]
  }

  private func list(_ text: String, _ option: String) throws -> [String] {
    let words = text.lowercased().split(separator: ",", omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard !words.isEmpty, !words.contains("") else {
      throw UsageError("\(option): '\(text)' is no list: values with commas between them")
    }
    return words
  }

  private func counts(_ text: String, _ option: String) throws -> [Int] {
    try list(text, option).map { word in
      if word == "auto" { return 0 }
      guard let count = Int(word) else {
        throw UsageError("\(option): '\(word)' is no whole number; expected auto, or 1 or more")
      }
      return count
    }
  }

  func run() async throws {
    let request = try UsageError.unless { try self.request() }
    if let csv { try ResultFile.check(csv) }
    let log = ProgressReporter(console: .current, level: output.level)
    let rows = try await CurrentJobs.value.benchmark(request) { event in
      switch event {
      case .turn(let done, let count): log.progress("turns", done, of: count)
      case .leftOut(let text): log.observe(.warning(text))
      }
    }
    log.end()
    let table = BenchmarkTable(rows)
    if let csv { try ResultFile.write(table.csv, to: csv) }
    if output.json {
      Console.current.print(try table.json().text)
    } else {
      Console.current.print(table.text(width: Console.current.outputWidth))
    }
  }
}

/// Rows of a benchmark, as people and programs read them.
struct BenchmarkTable {
  let rows: [BenchmarkRow]

  init(_ rows: [BenchmarkRow]) { self.rows = rows }

  func json() throws -> JSONText { .object(["rows": try .encoding(rows)]) }

  private static let columns = [
    "MODEL", "IN", "PRECISION", "THREADS", "AT ONCE", "BATCH", "MEDIAN", "P90", "P99",
    "PICTURES/S", "SPREAD", "READY IN", "MEMORY", "SIZE", "PARAMETERS", "MULTIPLY-ADDS",
  ]

  func text(width: Int?) -> String {
    TextTable(columns: BenchmarkTable.columns, rows: rows.map(cells)).rendered(width: width)
  }

  private func cells(_ row: BenchmarkRow) -> [String] {
    func milliseconds(_ seconds: Double) -> String { String(format: "%.2f ms", seconds * 1000) }
    func megabytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1e6) }
    let spread = 100 * (row.quickestTurn - row.slowestTurn) / max(row.picturesPerSecond, 1e-9)
    return [
      BenchmarkTable.shown(row.model), row.backend, row.arithmetic, "\(row.threads)",
      "\(row.requestCount)", "\(row.batchSize)", milliseconds(row.latency.median),
      milliseconds(row.latency.p90), milliseconds(row.latency.p99),
      String(format: "%.1f", row.picturesPerSecond), String(format: "%.0f %%", spread),
      String(format: "%.2f s", row.loadSeconds), row.peakMemoryBytes.map(megabytes) ?? "",
      megabytes(row.byteCount),
      row.parameterCount.map { String(format: "%.2f M", Double($0) / 1e6) } ?? "",
      row.multiplyAddCount.map { String(format: "%.3f G", Double($0) / 1e9) } ?? "",
    ]
  }

  /// A model's path for people: without the folder that they are in.
  private static func shown(_ model: URL) -> String {
    let here = FileManager.default.currentDirectoryPath + "/"
    return model.path.hasPrefix(here) ? String(model.path.dropFirst(here.count)) : model.path
  }

  /// In seconds, bytes and plain counts.
  var csv: String {
    let titles = [
      "model", "backend", "precision", "threads", "requests", "batch_size", "latency_median",
      "latency_p90", "latency_p99", "latency_mean", "latency_least", "pictures_per_second",
      "slowest_turn", "quickest_turn", "load_seconds", "peak_memory_bytes", "runs", "bytes",
      "parameters", "multiply_adds",
    ]
    let lines = rows.map { row in
      let model =
        row.model.relativePath.contains(where: { ",\"\n".contains($0) })
        ? "\"\(row.model.relativePath.replacingOccurrences(of: "\"", with: "\"\""))\""
        : row.model.relativePath
      let values: [String] = [
        model, row.backend, row.arithmetic, "\(row.threads)", "\(row.requestCount)",
        "\(row.batchSize)", "\(row.latency.median)", "\(row.latency.p90)", "\(row.latency.p99)",
        "\(row.latency.mean)", "\(row.latency.least)", "\(row.picturesPerSecond)",
        "\(row.slowestTurn)", "\(row.quickestTurn)", "\(row.loadSeconds)",
        row.peakMemoryBytes.map(String.init) ?? "", "\(row.runCount)", "\(row.byteCount)",
        row.parameterCount.map(String.init) ?? "", row.multiplyAddCount.map(String.init) ?? "",
      ]
      return values.joined(separator: ",")
    }
    return ([titles.joined(separator: ",")] + lines).joined(separator: "\n") + "\n"
  }
}
