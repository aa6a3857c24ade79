public import Foundation
import OTXCore

/// The weights that this user has: downloaded, or added from a file.
///
/// Each item is a folder `<network>-<first 8 digits of the SHA-256>` below ``root`` with the file
/// and `about.json`. It comes into being in one step, after its contents were checked; nothing in it
/// ever changes. Nothing is downloaded but by ``download(_:progress:)``.
public struct WeightStore: Sendable {
  /// The folder; need not exist.
  public let root: URL
  /// Whether a download is an error.
  public var isOffline: Bool
  /// The weights that can be downloaded by name.
  public var published: [PublishedWeights]
  /// The process's environment, for proxies and certificates.
  var environment: [String: String]
  /// How hard a download tries; tests do not wait.
  var attempts = Attempts()

  struct Attempts: Sendable {
    var connectSeconds = 30
    var stallSeconds = 60
    var wait: (@Sendable (Double) throws -> Void)?
    var isCancelled: @Sendable () -> Bool = { Task.isCancelled }
  }

  /// - Parameters:
  ///   - cache: The cache folder of the program; the store is `weights` in it.
  ///   - isOffline: Whether a download is an error.
  ///   - environment: The process's environment, for proxies (`HTTPS_PROXY`, `NO_PROXY`) and
  ///     certificates (`SSL_CERT_FILE`).
  ///   - published: The weights that can be downloaded by name.
  public init(
    cache: URL,
    isOffline: Bool = false,
    environment: [String: String] = ProcessInfo.processInfo.environment,
    published: [PublishedWeights] = PublishedWeights.all
  ) {
    root = cache.appending(path: "weights")
    self.isOffline = isOffline
    self.environment = environment
    self.published = published
  }

  // MARK: What is there

  /// Everything in the store, by network and time, the newest of a network first.
  public var items: [StoredWeights] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    return names.filter { !$0.hasPrefix(".") }
      .compactMap { StoredWeights(folder: root.appending(path: $0)) }
      .sorted { a, b in
        a.name != b.name ? a.name < b.name : (a.date, a.id) > (b.date, b.id)
      }
  }

  /// The newest weights of a network, or those of an item's full name; `nil` for none.
  public func weights(named name: String) -> StoredWeights? {
    // A name is no path.
    guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/") else { return nil }
    return StoredWeights(folder: root.appending(path: name)) ?? items.first { $0.name == name }
  }

  /// The weights that can be downloaded for a network; the first of them is meant by its name.
  public func published(for name: String) -> PublishedWeights? {
    published.first { $0.name == name }
  }

  /// Whether a process holds the lock of a download.
  package static func isDownloading(_ lock: URL) -> Bool { FileLock.isHeld(lock) }

  // MARK: What comes in

  /// Copies a file into the store.
  ///
  /// - Parameters:
  ///   - file: Weights in any shape that ``CheckpointFile`` reads.
  ///   - name: The network that they are for.
  /// - Returns: The item; the one that was there where the store has the same bytes already.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` for a file that holds no weights,
  ///   ``FileError``, ``WeightStoreError/noSpace(folder:needed:)``.
  public func add(_ file: URL, for name: String) throws -> StoredWeights {
    try StoredWeights.check(name: name)
    // Also refuses what is damaged or no weights at all.
    _ = try CheckpointFile.read(file)
    let folder = try makeFolder(".new-\(getpid())-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let hash = try WeightStore.hash(of: file)
    let copy = folder.appending(path: file.lastPathComponent)
    do {
      try FileManager.default.copyItem(at: file.resolvingSymlinksInPath(), to: copy)
    } catch {
      throw FileError.cannotWrite(copy.path, reason: error.localizedDescription)
    }
    return try keep(folder, file: copy, name: name, hash: hash, source: file.path, licence: nil)
  }

  /// Downloads published weights, unless the store has them.
  ///
  /// May be ended (the task is cancelled, the process killed) at any time: what has come is kept
  /// and the next call goes on behind it. Two calls at once, in any processes, fetch the file once.
  /// Blocks the calling thread.
  ///
  /// - Parameters:
  ///   - weights: What to fetch.
  ///   - progress: Told how far it is.
  /// - Returns: The item.
  /// - Throws: ``WeightStoreError``, ``FileError``, `CancellationError`.
  public func download(
    _ weights: PublishedWeights,
    progress: @escaping @Sendable (DownloadProgress) -> Void = { _ in }
  ) throws -> StoredWeights {
    if let found = downloaded(weights) { return found }
    guard !isOffline else {
      throw WeightStoreError.offline(name: weights.name, url: weights.url)
    }
    let key = "\(weights.name)-\(WeightStore.hash(of: Data(weights.url.utf8)).prefix(8))"
    let folder = try makeFolder(".part-\(key)")
    var isTold = false
    let lock = try FileLock(root.appending(path: ".lock-\(key)")) {
      if attempts.isCancelled() { throw CancellationError() }
      if !isTold {
        let note = "another process downloads it; waiting for that"
        progress(DownloadProgress(name: weights.name, byteCount: 0, note: note))
      }
      isTold = true
    }
    defer { withExtendedLifetime(lock) {} }
    if let found = downloaded(weights) {
      try? FileManager.default.removeItem(at: folder)
      return found
    }
    // Whoever held the lock has removed it.
    try makeFolder(folder.lastPathComponent)
    return try fetch(weights, in: folder, progress)
  }

  /// The item that came from an address.
  private func downloaded(_ weights: PublishedWeights) -> StoredWeights? {
    items.first {
      $0.name == weights.name
        && ($0.source == weights.url
          || !weights.checksum.digits.isEmpty && $0.sha256.hasPrefix(weights.checksum.digits))
    }
  }

  private func fetch(
    _ weights: PublishedWeights,
    in folder: URL,
    _ progress: @escaping @Sendable (DownloadProgress) -> Void
  ) throws -> StoredWeights {
    let partial = folder.appending(path: weights.fileName)
    var download = Download(url: weights.url, partial: partial) { count, total, note in
      progress(
        DownloadProgress(name: weights.name, byteCount: count, totalByteCount: total, note: note)
      )
    }
    download.environment = environment
    download.connectSeconds = attempts.connectSeconds
    download.stallSeconds = attempts.stallSeconds
    download.isCancelled = attempts.isCancelled
    if let wait = attempts.wait { download.wait = wait }
    while true {
      let outcome = try download.run()
      let hash = try WeightStore.hash(of: partial)
      let known = weights.checksum.digits
      let expected = known.isEmpty ? outcome.statedHash ?? "" : known
      let reason = hash.hasPrefix(expected) ? WeightStore.problem(of: partial) : nil
      if hash.hasPrefix(expected), reason == nil {
        try? FileManager.default.removeItem(at: partial.appendingPathExtension("json"))
        return try keep(
          folder,
          file: partial,
          name: weights.name,
          hash: hash,
          source: weights.url,
          licence: weights.licence
        )
      }
      try? FileManager.default.removeItem(at: folder)
      if outcome.isResumed {
        // Parts of two files were put together; once more, in one piece.
        try makeFolder(folder.lastPathComponent)
        progress(
          DownloadProgress(
            name: weights.name,
            byteCount: 0,
            note: "the parts do not make up the file; beginning anew"
          )
        )
        continue
      }
      if let reason { throw WeightStoreError.unusable(url: weights.url, reason: reason) }
      throw WeightStoreError.wrongChecksum(url: weights.url, expected: expected, found: hash)
    }
  }

  /// Why a file cannot be read as weights; `nil` where it can.
  ///
  /// With a checksum of 8 digits, or none, a page of a proxy must not pass for weights.
  private static func problem(of file: URL) -> String? {
    do {
      _ = try CheckpointFile.read(file)
      return nil
    } catch ModelError.unreadableCheckpoint(_, let reason) {
      return reason
    } catch {
      return "\(error)"
    }
  }

  /// Makes a folder with a checked file an item.
  private func keep(
    _ folder: URL,
    file: URL,
    name: String,
    hash: String,
    source: String,
    licence: String?
  ) throws -> StoredWeights {
    let item = StoredWeights(
      name: name,
      fileName: file.lastPathComponent,
      sha256: hash,
      source: source,
      licence: licence,
      date: Date(),
      folder: root.appending(path: "\(name)-\(hash.prefix(8))")
    )
    try item.writeAbout(in: folder)
    if rename(folder.path, item.folder.path) != 0 {
      let code = errno
      // The same bytes are there already, or what lies there is no item.
      if let found = StoredWeights(folder: item.folder), found.sha256 == hash {
        try? FileManager.default.removeItem(at: folder)
        return found
      }
      throw FileError.cannotWrite(item.folder.path, reason: String(cString: strerror(code)))
    }
    return item
  }

  @discardableResult
  private func makeFolder(_ name: String) throws -> URL {
    let folder = root.appending(path: name)
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw FileError.cannotWrite(folder.path, reason: error.localizedDescription)
    }
    return folder
  }

  /// The SHA-256 of a file's contents.
  package static func hash(of file: URL) throws -> String {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FileError.cannotRead(file.path, reason: String(cString: strerror(errno)))
    }
    defer { _ = close(descriptor) }
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw FileError.cannotRead(file.path, reason: String(cString: strerror(errno)))
      }
      guard count > 0 else { return hash.finalized() }
      buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
  }

  static func hash(of data: Data) -> String {
    var hash = SHA256()
    data.withUnsafeBytes { hash.update($0) }
    return hash.finalized()
  }
}

/// Weights in the store.
public struct StoredWeights: Sendable, Equatable {
  /// The network that they are for.
  public let name: String
  let fileName: String
  /// 64 hexadecimal digits.
  public let sha256: String
  /// The address or the path that they came from.
  public let source: String
  /// An SPDX identifier; `nil` for a file of the user's.
  public let licence: String?
  public let date: Date
  let folder: URL

  /// What recipes call them: `resnet18-f37072fd`.
  public var id: String { folder.lastPathComponent }
  /// The file itself.
  public var file: URL { folder.appending(path: fileName) }
  public var byteCount: Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
    return (attributes?[.size] as? NSNumber)?.intValue ?? 0
  }

  private struct About: Codable {
    var name: String
    var fileName: String
    var sha256: String
    var source: String
    var licence: String?
    var date: Date
  }

  private static let aboutName = "about.json"

  init(
    name: String,
    fileName: String,
    sha256: String,
    source: String,
    licence: String?,
    date: Date,
    folder: URL
  ) {
    self.name = name
    self.fileName = fileName
    self.sha256 = sha256
    self.source = source
    self.licence = licence
    self.date = date
    self.folder = folder
  }

  /// What lies in a folder of the store; `nil` where that is no item.
  init?(folder: URL) {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    guard let data = try? Data(contentsOf: folder.appending(path: Self.aboutName)),
      let about = try? decoder.decode(About.self, from: data), !about.fileName.contains("/"),
      FileManager.default.fileExists(atPath: folder.appending(path: about.fileName).path)
    else { return nil }
    self.init(
      name: about.name,
      fileName: about.fileName,
      sha256: about.sha256,
      source: about.source,
      licence: about.licence,
      date: about.date,
      folder: folder
    )
  }

  func writeAbout(in folder: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    let about = About(
      name: name,
      fileName: fileName,
      sha256: sha256,
      source: source,
      licence: licence,
      date: date
    )
    try AtomicFile.write(try encoder.encode(about), to: folder.appending(path: Self.aboutName))
  }

  /// Refuses what cannot be the name of a folder.
  static func check(name: String) throws {
    guard name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._+-]*/) != nil, name.count <= 100 else {
      throw ConfigurationError.invalid(
        "'\(name)' cannot be the name of a network: letters, digits, '.', '_' and '-' are allowed"
      )
    }
  }
}
