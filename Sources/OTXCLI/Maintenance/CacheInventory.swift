import Foundation
import OTXCore
import OTXWeights

/// What is in the user's cache folder, and who uses it.
///
/// `Scripts/bootstrap.sh` fills it: libraries in `sdk`, our shims for them in `shims`, and in `users`
/// a file for each checkout and each installation, which names the folder of its shims. A library is
/// in use where a shim in use was built for it.
struct CacheInventory {
  /// One thing that can be removed as a whole.
  struct Item: Equatable {
    enum Kind: String {
      case library, shim, measurements, weights, leftover
    }
    /// What users call it: `torch-2.15.0-0b252f4e`.
    var name: String
    var kind: Kind
    var url: URL
    var bytes: Int
    /// What removing it would free.
    var removableBytes: Int
    /// Folders, or running processes, that need it.
    var users: [String]

    var isInUse: Bool { !users.isEmpty }

    /// The users in the words of people: a checkout by its folder, an installation by its prefix.
    var userNames: [String] {
      users.map { user in
        for ending in ["/.sdk/shims", "/lib/otx"] where user.hasSuffix(ending) {
          return String(user.dropLast(ending.count))
        }
        return user.hasSuffix("/shims/latest") ? "other packages" : user
      }
    }
    /// Whether `cache clean` removes it without being asked for it by name.
    func isRemoved(byAll all: Bool) -> Bool {
      switch kind {
      case .library, .shim, .leftover: !isInUse
      // They were costly to get, and serve any version.
      case .measurements, .weights: all && !isInUse
      }
    }
  }

  /// The folder, with links resolved: that is how shims name it.
  let root: URL
  let items: [Item]

  /// - Parameters:
  ///   - root: The cache folder.
  ///   - ownShims: The shims that this program would load.
  ///   - processes: Where the kernel tells what running programs have loaded.
  init(root: URL, ownShims: [URL], processes: URL = URL(filePath: "/proc")) {
    let root = root.resolvingSymlinksInPath()
    self.root = root
    let users = CacheInventory.users(of: root)
    var shims: [String: Set<String>] = [:]
    var libraries: [String: Set<String>] = [:]
    for (user, files) in users + [("this program", ownShims)] {
      for shim in files.map({ $0.resolvingSymlinksInPath() }) {
        shims[shim.deletingLastPathComponent().path, default: []].insert(user)
        for library in CacheInventory.libraries(namedIn: shim, below: root) {
          libraries[library, default: []].insert(user)
        }
      }
    }
    for (library, process) in CacheInventory.loaded(below: root, processes) {
      libraries[library, default: []].insert(process)
    }
    func item(_ url: URL, _ kind: Item.Kind, _ users: Set<String>?) -> Item {
      let size = DiskUsage.of(url)
      return Item(
        name: url.lastPathComponent,
        kind: kind,
        url: url,
        bytes: size.total,
        removableBytes: size.removable,
        users: (users ?? []).sorted()
      )
    }
    var items = CacheInventory.contents(of: root.appending(path: "sdk"))
      .map { item($0, .library, libraries[$0.path]) }
    items += CacheInventory.contents(of: root.appending(path: "shims"))
      .filter { $0.lastPathComponent != "latest" }
      .map { item($0, .shim, shims[$0.path]) }
    for url in CacheInventory.contents(of: root.appending(path: "weights")) {
      let name = url.lastPathComponent
      // A lock costs nothing, and another process may be waiting at it.
      if name.hasPrefix(".lock-") { continue }
      guard name.hasPrefix(".") else {
        items.append(item(url, .weights, nil))
        continue
      }
      let lock = url.deletingLastPathComponent()
        .appending(path: name.replacing(".part-", with: ".lock-", maxReplacements: 1))
      items.append(item(url, .leftover, WeightStore.isDownloading(lock) ? ["a download"] : nil))
    }
    for url in CacheInventory.contents(of: root) {
      switch url.lastPathComponent {
      // What pictures' headers said, datasets that were unpacked, features: made again when needed.
      case "headers", "datasets", "frames", "features": items.append(item(url, .measurements, nil))
      case "precision.json": items.append(item(url, .measurements, nil))
      case "staging",
        _ where url.lastPathComponent.hasPrefix(CacheInventory.trashPrefix):
        items.append(item(url, .leftover, nil))
      default: break
      }
    }
    self.items = items
  }

  /// What is being removed bears this name first, so that half of it is never taken for the whole.
  static let trashPrefix = ".removing-"

  /// Removes items, and forgets users that are no longer there.
  ///
  /// - Throws: ``FileError`` for what cannot be removed, or where a set-up is running.
  func remove(_ unwanted: [Item]) throws {
    let lock = open(root.appending(path: "lock").path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard lock >= 0 else {
      throw FileError.cannotWrite(root.path, reason: String(cString: strerror(errno)))
    }
    defer { close(lock) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      throw FileError.cannotWrite(
        root.path,
        reason: "a set-up is running and uses it; try again when it has ended"
      )
    }
    for item in unwanted {
      let aside = item.url.deletingLastPathComponent()
        .appending(path: CacheInventory.trashPrefix + item.name)
      // Below `sdk` and `shims` a leftover would look like an item.
      let trash = root.appending(path: aside.lastPathComponent)
      guard item.kind == .leftover || rename(item.url.path, trash.path) == 0 else {
        throw FileError.cannotWrite(item.url.path, reason: String(cString: strerror(errno)))
      }
      do {
        try FileManager.default.removeItem(at: item.kind == .leftover ? item.url : trash)
      } catch {
        throw FileError.cannotWrite(item.url.path, reason: error.reason)
      }
    }
    for file in CacheInventory.contents(of: root.appending(path: "users"))
    where CacheInventory.shims(namedBy: file).isEmpty {
      try? FileManager.default.removeItem(at: file)
    }
  }

  /// Each user's folder with the shims in it; those that are gone are left out.
  private static func users(of root: URL) -> [(name: String, shims: [URL])] {
    let named = contents(of: root.appending(path: "users")).map { file in
      (folder(namedBy: file)?.path ?? "", shims(namedBy: file))
    }
    // Programs of other packages take the latest.
    let latest = root.appending(path: "shims/latest")
    return (named + [(latest.path, files(in: latest))]).filter { !$0.1.isEmpty }
  }

  private static func folder(namedBy file: URL) -> URL? {
    guard let text = try? String(contentsOf: file, encoding: .utf8),
      let line = text.split(separator: "\n").first
    else { return nil }
    return URL(filePath: String(line))
  }

  private static func shims(namedBy file: URL) -> [URL] { folder(namedBy: file).map(files) ?? [] }

  private static func files(in folder: URL) -> [URL] {
    contents(of: folder).filter {
      let name = $0.lastPathComponent
      return name.hasPrefix("libotx_") && name.hasSuffix(".so")
        && FileManager.default.fileExists(atPath: $0.path)
    }
  }

  /// The folders of libraries that a shim was linked with: their paths stand in the file.
  private static func libraries(namedIn shim: URL, below root: URL) -> [String] {
    guard let bytes = try? Data(contentsOf: shim, options: .mappedIfSafe) else { return [] }
    return contents(of: root.appending(path: "sdk")).map(\.path).filter {
      bytes.range(of: Data(($0 + "/").utf8)) != nil
    }
  }

  /// Libraries that running programs have open, with the programs.
  private static func loaded(
    below root: URL,
    _ processes: URL
  ) -> [(library: String, process: String)] {
    let folder = root.appending(path: "sdk").path + "/"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: processes.path)) ?? []
    var found: Set<[String]> = []
    for name in names where Int(name) != nil && name != "\(getpid())" {
      let maps = processes.appending(path: "\(name)/maps")
      guard let text = try? String(contentsOf: maps, encoding: .utf8), text.contains(folder) else {
        continue
      }
      for line in text.split(separator: "\n") {
        guard let range = line.range(of: folder) else { continue }
        let library = line[range.upperBound...].prefix { $0 != "/" }
        found.insert([folder + library, "process \(name)"])
      }
    }
    return found.map { ($0[0], $0[1]) }
  }

  private static func contents(of folder: URL) -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().map { folder.appending(path: $0) }
  }
}
