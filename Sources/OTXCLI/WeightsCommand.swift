import ArgumentParser
import Foundation
import OTXCore
import OTXWeights

struct WeightsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weights",
    abstract: "Look at weights to start from, download published ones, add your own.",
    discussion: """
      otx weights list                              what is published, and what is here
      otx weights download resnet18                 fetch it; training finds it by itself
      otx weights add FILE --for mobilenet_v3_large a file of yours, for that network
      otx weights keys FILE                         names and shapes of the weights in it
      """,
    subcommands: [List.self, Keys.self, Add.self, Download.self]
  )

  /// What is told of an item.
  static func json(_ item: StoredWeights) -> JSONText {
    .object([
      "name": .string(item.name), "id": .string(item.id), "path": .string(item.file.path),
      "bytes": .integer(item.byteCount), "sha256": .string(item.sha256),
      "licence": item.licence.map { .string($0) } ?? .null, "source": .string(item.source),
    ])
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "List published weights, and what the weight store has."
    )

    @Flag(help: "List only what is in the store.")
    var stored = false

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let store = CurrentWeights.store()
      let items = store.items
      let published = stored ? [] : store.published
      func item(of row: PublishedWeights) -> StoredWeights? {
        items.first { $0.name == row.name && $0.source == row.url }
      }
      let shown = Set(published.compactMap { item(of: $0)?.id })
      let others = items.filter { !shown.contains($0.id) }
      let console = Console.current
      if output.json {
        let rows =
          published.map { json($0, item(of: $0)) }
          + others.map {
            JSONText.object(["name": .string($0.name), "stored": WeightsCommand.json($0)])
          }
        console.print(
          JSONText.object(["path": .string(store.root.path), "items": .array(rows)])
        )
        return
      }
      guard !(published.isEmpty && others.isEmpty) else {
        console.print("there is nothing in \(store.root.path)")
        return
      }
      let rows =
        published.map { row in
          [
            row.name, row.version, row.licence, row.inputSize.description,
            item(of: row).map { "\($0.id) (\($0.byteCount.asBytes))" } ?? "-",
          ]
        }
        + others.map {
          [
            $0.name, $0.licence == nil ? "your file" : "", $0.licence ?? "", "",
            "\($0.id) (\($0.byteCount.asBytes))",
          ]
        }
      console.print(
        TextTable(columns: ["NETWORK", "WEIGHTS", "LICENCE", "INPUT", "IN THE STORE"], rows: rows)
          .rendered(width: console.outputWidth)
      )
    }

    private func json(_ row: PublishedWeights, _ item: StoredWeights?) -> JSONText {
      func numbers(_ values: [Float]) -> JSONText { .array(values.map { .verbatim("\($0)") }) }
      return .object([
        "name": .string(row.name), "version": .string(row.version),
        "fileName": .string(row.fileName), "url": .string(row.url),
        "sha256": row.checksum.digits.isEmpty ? .null : .string(row.checksum.digits),
        "licence": .string(row.licence), "mean": numbers(row.mean), "std": numbers(row.std),
        "inputSize": .string(row.inputSize.description), "classCount": .integer(row.classCount),
        "page": .string(row.page), "stored": item.map(WeightsCommand.json) ?? .null,
      ])
    }
  }

  struct Keys: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "keys",
      abstract: "Print the names and shapes of weights: a network's, or a file's."
    )

    @Argument(
      help: .init("A model, a backbone, an item of the store, or a file.", valueName: "name|file"),
      completion: .networksAndFiles
    )
    var name: String

    @Option(help: .init("Labels of the network's head.", valueName: "count"))
    var labels: Int?

    @OptionGroup(title: "Output") var output: OutputArguments

    func validate() throws {
      if let labels, !(1...1_000_000).contains(labels) {
        throw ValidationError("--labels: \(labels) is no number of labels")
      }
    }

    func run() throws {
      let keys = try keys()
      if output.json {
        let members = keys.map { key in
          (key.name, JSONText.array(key.shape.map { .integer($0) }))
        }
        Console.current.print(JSONText.object(["keys": .members(members)]))
        return
      }
      let rows = keys.map { key in
        [
          key.name,
          key.shape.isEmpty ? "scalar" : key.shape.map(String.init).joined(separator: "x"),
        ]
      }
      Console.current.print(
        TextTable(columns: ["NAME", "SHAPE"], rows: rows).rendered(
          width: Console.current.outputWidth
        )
      )
    }

    private func keys() throws -> [(name: String, shape: [Int])] {
      let store = CurrentWeights.store()
      if FileManager.default.fileExists(atPath: name) {
        return try shapes(in: URL(filePath: name))
      }
      // A network's name means the network; its items have longer names.
      let networks = CurrentWeights.networks
      if !networks.contains(name), let item = store.weights(named: name) {
        return try shapes(in: item.file)
      }
      guard networks.contains(name) else {
        throw ConfigurationError.unknownName(name, kind: "network or file", known: networks)
      }
      let published = store.published(for: name)?.classCount ?? 0
      let count = labels ?? (published > 0 ? published : 3)
      return try CurrentJobs.value.weightShapes(ofNetwork: name, labelCount: count)
    }

    private func shapes(in file: URL) throws -> [(name: String, shape: [Int])] {
      try CheckpointFile.read(file).state.map { ($0.name, $0.value.shape) }
    }
  }

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "add",
      abstract: "Copy a file of weights into the store, for a network."
    )

    @Argument(
      help: .init("The file: .pth, .ckpt or .safetensors.", valueName: "file"),
      completion: .file(extensions: ["pth", "pt", "ckpt", "safetensors"])
    )
    var file: String

    @Option(
      name: .customLong("for"),
      help: .init("The model or backbone that it is for.", valueName: "name"),
      completion: .networks
    )
    var network: String

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let networks = CurrentWeights.networks
      guard networks.contains(network) else {
        throw ConfigurationError.unknownName(network, kind: "network", known: networks)
      }
      guard FileManager.default.fileExists(atPath: file) else {
        throw UsageError("there is nothing at '\(file)'" + Suggestion.phrase(forPath: file))
      }
      let store = CurrentWeights.store()
      let item = try store.add(URL(filePath: file), for: network)
      let row = store.published.first {
        $0.name == network && !$0.checksum.digits.isEmpty
          && item.sha256.hasPrefix($0.checksum.digits)
      }
      if output.json {
        Console.current.print(
          JSONText.object([
            "item": WeightsCommand.json(item),
            "published": row.map { .string($0.version) } ?? .null,
          ])
        )
        return
      }
      let origin = row.map { "the published \($0.version)" } ?? "a file of yours"
      Console.current.print(
        "added \(item.id) (\(item.byteCount.asBytes)), \(origin): training of \(network) starts from it now"
      )
    }
  }

  struct Download: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "download",
      abstract: "Fetch published weights into the store.",
      discussion: """
        What breaks off is gone on with, also by the next call. HTTPS_PROXY and NO_PROXY are
        followed. 'otx weights list' names what there is; NAME.WEIGHTS fetches other than the first
        of a network. A model stands for its backbone where it has no weights of its own.
        """
    )

    @Argument(
      help: .init("Networks: resnet18, resnet50.IMAGENET1K_V1.", valueName: "name"),
      completion: .publishedWeights
    )
    var names: [String]

    @Flag(help: "Fetch nothing: an error for what is not in the store.")
    var offline = false

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let store = CurrentWeights.store(isOffline: offline)
      // A slip in the last name is said before the first file comes.
      let rows = try names.map { try row($0, store) }
      let reporter = ProgressReporter(console: .current, level: output.level)
      defer { reporter.end() }
      var items: [StoredWeights] = []
      for row in rows {
        items.append(try store.download(row) { reporter.tell($0) })
        reporter.end()
      }
      if output.json {
        Console.current.print(JSONText.object(["items": .array(items.map(WeightsCommand.json))]))
        return
      }
      for item in items {
        Console.current.print(
          "\(item.id): \(item.file.path) (\(item.byteCount.asBytes), \(item.licence ?? "no licence known"))"
        )
      }
    }

    private func row(_ name: String, _ store: WeightStore) throws -> PublishedWeights {
      let version = store.published.first { "\($0.name).\($0.version)" == name }
      if let row = version ?? store.published(for: name) { return row }
      let backbone = CurrentJobs.value.models.first { $0.name == name }?.backbones.first
      if let row = backbone.flatMap(store.published(for:)) { return row }
      throw ConfigurationError.unknownName(
        name,
        kind: "network with published weights",
        known: CurrentWeights.publishedNames
      )
    }
  }
}
