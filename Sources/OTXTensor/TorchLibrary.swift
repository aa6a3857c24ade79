import CTorch
import Foundation

/// libtorch, opened at first use.
package enum TorchLibrary {
  /// The table of functions, or why there is none. Decided once.
  nonisolated(unsafe) static let loaded: Result<UnsafePointer<OTXTorchTable>, TensorError> = load()

  /// The table where a tensor exists, so the library does too; `nil` only if it never loaded.
  nonisolated(unsafe) static let opened: UnsafePointer<OTXTorchTable>? = try? loaded.get()

  /// The table of functions.
  ///
  /// Throws: `libraryUnavailable` with the places that were searched and the command to run.
  static func table() throws(TensorError) -> UnsafePointer<OTXTorchTable> {
    if let opened { return opened }
    return try loaded.get()
  }

  /// The version of libtorch, as `2.15.0`.
  package static func version() throws(TensorError) -> String {
    String(cString: try table().pointee.libraryVersion)
  }

  private static let fileName = "libotx_torch.so"

  private static func load() -> Result<UnsafePointer<OTXTorchTable>, TensorError> {
    var refused: [String] = []
    let candidates = ShimSearch(fileName: fileName).candidates()
    for path in candidates where FileManager.default.fileExists(atPath: path) {
      var message = [CChar](repeating: 0, count: 4096)
      if let table = otx_torch_load(path, &message, message.count) { return .success(table) }
      let end = message.firstIndex(of: 0) ?? message.endIndex
      refused.append(
        String(decoding: message[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      )
    }
    let found =
      refused.isEmpty
      ? "\(fileName) was not found; looked at \(candidates.joined(separator: ", "))"
      : "\(fileName) cannot be used: \(refused.joined(separator: "; "))"
    return .failure(
      .libraryUnavailable(
        "libtorch is not set up: \(found). Run `make setup` (Scripts/bootstrap.sh) in the checkout, "
          + "or set OTX_SHIM_DIRECTORY to the folder that holds \(fileName)."
      )
    )
  }
}

/// Where a shim can be, in order of preference.
///
/// `OTX_SHIM_DIRECTORY`; beside the executable; `../lib` of it; `.sdk/shims` of a checkout above the
/// executable or the working directory; the per-user cache that `Scripts/bootstrap.sh` fills.
package struct ShimSearch {
  package var fileName: String
  package var environment: [String: String]
  package var executable: String
  package var workingDirectory: String

  package init(
    fileName: String,
    environment: [String: String] = ProcessInfo.processInfo.environment,
    executable: String = ShimSearch.executablePath,
    workingDirectory: String = FileManager.default.currentDirectoryPath
  ) {
    self.fileName = fileName
    self.environment = environment
    self.executable = executable
    self.workingDirectory = workingDirectory
  }

  /// The running program's file, links resolved.
  package static var executablePath: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments[0]
  }

  /// The files to try, the first that exists and fits wins.
  ///
  /// A given directory is the only one: who names one wants no other to answer for it.
  package func candidates() -> [String] {
    if let directory = environment["OTX_SHIM_DIRECTORY"], !directory.isEmpty {
      return ["\(directory)/\(fileName)"]
    }
    let binaries = (executable as NSString).deletingLastPathComponent
    var directories = [
      binaries,
      ((binaries as NSString).deletingLastPathComponent as NSString)
        .appendingPathComponent("lib"),
    ]
    for start in [binaries, workingDirectory] {
      directories += ancestors(of: start).map { "\($0)/.sdk/shims" }
    }
    directories += cacheDirectories()
    var seen: Set<String> = []
    return directories.filter { seen.insert($0).inserted }.map { "\($0)/\(fileName)" }
  }

  private func ancestors(of path: String) -> [String] {
    var result: [String] = []
    var current = path as NSString
    while current.length > 1 {
      result.append(current as String)
      current = current.deletingLastPathComponent as NSString
    }
    return result
  }

  /// `otx/shims/<key>` of the user's cache, the newest first.
  ///
  /// The key is the script's (library version, ABI, hash of the sources). A program does not know
  /// it, and does not need to: a shim of another ABI refuses itself.
  private func cacheDirectories() -> [String] {
    let cache: String
    if let set = environment["XDG_CACHE_HOME"], set.hasPrefix("/") {
      cache = set
    } else if let home = environment["HOME"] {
      cache = "\(home)/.cache"
    } else {
      return []
    }
    let root = "\(cache)/otx/shims"
    let keys = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let dated = keys.map { key in
      let attributes = try? FileManager.default.attributesOfItem(
        atPath: "\(root)/\(key)/\(fileName)"
      )
      return (key: key, date: attributes?[.modificationDate] as? Date ?? .distantPast)
    }
    return dated.sorted { ($0.date, $0.key) > ($1.date, $1.key) }.map { "\(root)/\($0.key)" }
  }
}
