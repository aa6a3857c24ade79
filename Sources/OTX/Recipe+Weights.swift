import Foundation
import OTXCore
import OTXRecipe
public import OTXWeights

extension WeightStore {
  /// The store of the user who runs this process.
  ///
  /// It is `weights` in the cache folder (`OTX_CACHE`, else `$XDG_CACHE_HOME/otx`, else
  /// `~/.cache/otx`). `OTX_OFFLINE=1` forbids downloads.
  public static var user: WeightStore {
    let environment = ProcessInfo.processInfo.environment
    return WeightStore(
      cache: Workspace.cacheDirectory(environment: environment),
      isOffline: !["", "0", "false"].contains(environment["OTX_OFFLINE"] ?? ""),
      environment: environment
    )
  }
}

/// How a recipe's weights are had, and who is told while they come.
public struct WeightSource: Sendable {
  public var store: WeightStore
  /// Whether training may start from a file that has less than half of the weights that the network
  /// wants.
  public var allowsPartialWeights: Bool
  /// Told how far a download is.
  public var progress: @Sendable (DownloadProgress) -> Void

  public init(
    store: WeightStore = .user,
    allowsPartialWeights: Bool = false,
    progress: @escaping @Sendable (DownloadProgress) -> Void = { _ in }
  ) {
    self.store = store
    self.allowsPartialWeights = allowsPartialWeights
    self.progress = progress
  }

  /// Refuses weights that a recipe names and that nobody has, before anything else is done.
  ///
  /// - Parameter weights: ``Recipe/weights``.
  /// - Throws: ``WeightStoreError``, ``ModelError/unreadableCheckpoint(file:reason:)``.
  package func check(_ weights: String) throws {
    if ["auto", "none", "download"].contains(weights) { return }
    _ = try find(weights)
  }

  /// The file that a recipe names: a path, an item of the store, or a network's newest there.
  fileprivate func find(_ weights: String) throws -> (file: URL, name: String) {
    // Through links: a run moves `latest`, by which users like to name the run before.
    let url = URL(filePath: weights).resolvingSymlinksInPath()
    if FileManager.default.fileExists(atPath: url.path) { return (url, url.path) }
    if let item = store.weights(named: weights) { return (item.file, item.id) }
    let network = weights.wholeMatch(of: /(.+)-[0-9a-f]{8}/).map { String($0.1) } ?? weights
    if store.published(for: network) != nil { throw WeightStoreError.notStored(name: weights) }
    let words = ["auto", "none", "download"] + Set(store.published.map(\.name)).sorted()
    let hint =
      weights.contains("/") || weights.contains(".")
      ? Suggestion.phrase(forPath: weights) : Suggestion.phrase(for: weights, among: words)
    throw ModelError.unreadableCheckpoint(
      file: url.path,
      reason:
        "there is no such file to take weights from\(hint); name another, a network of 'otx weights list', or 'none'"
    )
  }
}

extension Recipe {
  /// Settles which weights training starts from.
  ///
  /// `auto` becomes an item of the store, else `none`, and is said aloud; nothing is downloaded but
  /// where the recipe says `download`. A file's path is made absolute, and a network's name that of
  /// the item, so that the filled recipe runs from any folder and with the same weights.
  ///
  /// - Parameters:
  ///   - decisions: Gets what was decided.
  ///   - info: The model that is to be trained.
  ///   - source: Where weights come from.
  /// - Returns: The file, or `nil` for random weights.
  /// - Throws: ``WeightStoreError``; ``ModelError/unreadableCheckpoint(file:reason:)`` when there is
  ///   no such file.
  mutating func settleWeights(
    _ decisions: inout [Decision],
    for info: ModelInfo,
    from source: WeightSource
  ) throws -> URL? {
    // A whole model's are worth more than its backbone's.
    let networks = info.model == info.backbone ? [info.model] : [info.model, info.backbone]
    switch weights {
    case "none": return nil
    case "auto", "download":
      let isWanted = weights == "download"
      if let item = networks.lazy.compactMap({ source.store.weights(named: $0) }).first {
        return use(item, "the weight store has these of \(item.name)", &decisions)
      }
      let row = networks.lazy.compactMap { source.store.published(for: $0) }.first
      if isWanted {
        guard let row else {
          throw WeightStoreError.unknown(
            name: networks.joined(separator: "' or '"),
            known: Set(source.store.published.map(\.name)).sorted()
          )
        }
        let item = try source.store.download(row, progress: source.progress)
        return use(item, "downloaded for \(item.name) (\(row.licence), \(row.url))", &decisions)
      }
      weights = "none"
      let advice =
        row.map { "'otx weights download \($0.name)' fetches published ones (\($0.licence))" }
        ?? "none are published for it; start from a file with --weights FILE"
      decisions.append(
        Decision(
          setting: "weights",
          value: "none",
          reason:
            "random weights: the weight store has none of \(networks.joined(separator: " or ")); \(advice)"
        )
      )
      return nil
    default:
      let found = try source.find(weights)
      weights = found.name
      return found.file
    }
  }

  private mutating func use(
    _ item: StoredWeights,
    _ reason: String,
    _ decisions: inout [Decision]
  ) -> URL {
    weights = item.id
    decisions.append(Decision(setting: "weights", value: item.id, reason: reason))
    return item.file
  }
}
