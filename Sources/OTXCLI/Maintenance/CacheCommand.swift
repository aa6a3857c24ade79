import ArgumentParser
import Foundation
import OTXCore

struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "Look at what was downloaded, built and measured, and clean it up.",
    subcommands: [List.self, Clean.self]
  )

  /// The cache of the user that runs this.
  static func inventory() -> CacheInventory {
    let environment = ProcessInfo.processInfo.environment
    let shims = ["libotx_torch.so", "libotx_openvino.so"].compactMap {
      try? NativeLibrarySearch(fileName: $0).find()
    }
    return CacheInventory(root: CurrentCache.folder(environment), ownShims: shims)
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "Say what is in the cache, how large it is, and what uses it."
    )

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let cache = CacheCommand.inventory()
      let total = cache.items.reduce(0) { $0 + $1.bytes }
      let console = Console.current
      if output.json {
        let items = cache.items.map { item in
          JSONText.object([
            "name": .string(item.name), "kind": .string(item.kind.rawValue),
            "path": .string(item.url.path), "bytes": .integer(item.bytes),
            "inUse": .bool(item.isInUse), "usedBy": .array(item.users.map { .string($0) }),
          ])
        }
        console.print(
          JSONText.object([
            "path": .string(cache.root.path), "bytes": .integer(total), "items": .array(items),
          ])
        )
        return
      }
      guard !cache.items.isEmpty else {
        console.print("there is nothing in \(cache.root.path)")
        return
      }
      let table = TextTable(
        columns: ["NAME", "KIND", "SIZE", "USED BY"],
        rows: cache.items.map { item in
          let users = item.userNames.prefix(3) + (item.users.count > 3 ? ["…"] : [])
          return [
            item.name, item.kind.rawValue, item.bytes.asBytes,
            users.isEmpty ? "-" : users.joined(separator: ", "),
          ]
        },
        footers: [["together", "", total.asBytes, ""]]
      )
      console.print(table.rendered(width: console.outputWidth))
    }
  }

  struct Clean: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "clean",
      abstract: "Remove what nothing uses.",
      discussion: """
        Libraries and shims that no checkout, no installation and no running program uses are
        removed; with --all measurements and downloaded weights, too. What is in use is never removed.
        """
    )

    @Argument(
      help: .init("Remove only these, by the names in 'otx cache list'.", valueName: "name")
    )
    var names: [String] = []

    @Flag(help: "Also remove measurements and downloaded weights.")
    var all = false

    @Flag(help: "Only say what would be removed.")
    var dryRun = false

    @OptionGroup(title: "Output") var output: OutputArguments

    func validate() throws {
      if all && !names.isEmpty { throw ValidationError("name what to remove, or --all; not both") }
    }

    func run() throws {
      let cache = CacheCommand.inventory()
      let unwanted = try unwanted(in: cache)
      if !dryRun && !unwanted.isEmpty { try cache.remove(unwanted) }
      let freed = unwanted.reduce(0) { $0 + $1.removableBytes }
      if output.json {
        Console.current.print(
          JSONText.object([
            "path": .string(cache.root.path),
            "removed": .array(unwanted.map { .string($0.name) }), "freedBytes": .integer(freed),
            "dryRun": .bool(dryRun),
          ])
        )
        return
      }
      for item in unwanted {
        Console.current.print(
          "\(dryRun ? "would remove" : "removed") \(item.name) (\(item.removableBytes.asBytes))"
        )
      }
      Console.current.print(
        unwanted.isEmpty
          ? "nothing to remove: what is in \(cache.root.path) is in use, or was not asked for"
          : "\(dryRun ? "would free" : "freed") \(freed.asBytes) (\(freed) bytes)"
      )
    }

    private func unwanted(in cache: CacheInventory) throws -> [CacheInventory.Item] {
      guard !names.isEmpty else { return cache.items.filter { $0.isRemoved(byAll: all) } }
      return try names.map { name in
        guard let item = cache.items.first(where: { $0.name == name }) else {
          throw ConfigurationError.unknownName(
            name,
            kind: "item of the cache",
            known: cache.items.map(\.name)
          )
        }
        guard !item.isInUse else {
          throw UsageError("\(name) is in use by \(item.userNames.joined(separator: ", "))")
        }
        return item
      }
    }
  }
}
