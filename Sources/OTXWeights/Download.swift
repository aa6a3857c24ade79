import Foundation
import OTXCore

/// How far a download is.
public struct DownloadProgress: Sendable, Equatable {
  /// The network whose weights are fetched.
  public var name: String
  /// Bytes that are there.
  public var byteCount: Int
  /// Bytes of the whole file; `nil` where the server does not say.
  public var totalByteCount: Int?
  /// What went wrong, and what is done about it; `nil` for plain progress.
  public var note: String?
}

/// Fetches one file into another that is written aside, however often the connection breaks.
///
/// What is there already is kept: the next try, and the next process, go on where the last stopped,
/// if the server can and the file there is still the same (`Range` with `If-Range`, RFC 9110
/// sections 13.1.5 and 14). Cannot it, the file begins anew.
struct Download {
  /// Tries that bring nothing, one after the other, before it is given up.
  var attemptCount = 5
  /// Tries altogether, for a server that breaks off after every few bytes.
  var largestAttemptCount = 50
  /// How long to wait before a try; tests do not.
  var wait: (_ seconds: Double) throws -> Void = { seconds in
    for _ in 0..<max(Int(seconds * 10), 1) {
      try Task.checkCancellation()
      usleep(100_000)
    }
  }
  /// Asked again and again; true ends the download.
  var isCancelled: @Sendable () -> Bool = { Task.isCancelled }
  var environment: [String: String] = [:]
  var connectSeconds = 30
  var stallSeconds = 60

  let url: String
  /// The file that grows; beside it stands `.json`, which says what it is a part of.
  let partial: URL
  /// Told of every piece.
  let progress: (_ byteCount: Int, _ total: Int?, _ note: String?) -> Void

  /// What is known of the file that a server gave a part of.
  private struct Origin: Codable, Equatable {
    var url: String
    /// A strong entity tag or a date; without one a part cannot be told from a part of another file.
    var validator: String?
    var total: Int?
  }

  /// What came in the end.
  struct Outcome: Equatable {
    var byteCount: Int
    /// The SHA-256 that the server states of the file, if any.
    var statedHash: String?
    /// Whether the file was put together from parts.
    var isResumed: Bool
  }

  private var originFile: URL { partial.appendingPathExtension("json") }

  init(url: String, partial: URL, progress: @escaping (Int, Int?, String?) -> Void) {
    self.url = url
    self.partial = partial
    self.progress = progress
  }

  /// Fetches the file.
  ///
  /// - Throws: ``WeightStoreError``, ``FileError``, `CancellationError`.
  func run() throws -> Outcome {
    var (isResumed, failures) = (false, 0)
    for attempt in 1... {
      if isCancelled() { throw CancellationError() }
      let before = fileByteCount
      if before > 0 { isResumed = true }
      do {
        let part = try attemptOnce()
        return Outcome(
          byteCount: fileByteCount,
          statedHash: part.statedHash,
          isResumed: isResumed && !part.isWhole
        )
      } catch let retry as Retry {
        failures = fileByteCount > before ? 0 : failures + retry.weight
        guard failures < attemptCount, attempt < largestAttemptCount else {
          if let status = retry.status { throw WeightStoreError.refused(url: url, status: status) }
          throw WeightStoreError.unreachable(url: url, reason: retry.reason, attempts: attempt)
        }
        let seconds = max(retry.seconds, pow(2, Double(failures)) / 2)
        progress(
          fileByteCount,
          nil,
          "\(retry.reason); trying again in \(seconds < 1 ? "half a second" : "\(Int(seconds)) s")"
        )
        try wait(seconds)
      }
    }
    throw WeightStoreError.unreachable(url: url, reason: "no answer", attempts: 0)
  }

  /// A failure that another try may mend.
  private struct Retry: Error {
    var reason: String
    var status: Int?
    /// What the server asks to wait.
    var seconds = 0.0
    /// How much of the patience it takes.
    var weight = 1
  }

  /// What one try learnt.
  private struct Part {
    var statedHash: String?
    /// Whether the answer held the file from its beginning.
    var isWhole: Bool
  }

  private var fileByteCount: Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: partial.path)
    return (attributes?[.size] as? NSNumber)?.intValue ?? 0
  }

  // MARK: One try

  private func attemptOnce() throws -> Part {
    let origin = (try? Data(contentsOf: originFile)).flatMap {
      try? JSONDecoder().decode(Origin.self, from: $0)
    }
    var offset = fileByteCount
    if offset > 0, origin?.url != url || origin?.validator == nil {
      try discard()
      offset = 0
    }
    var headers: [String] = []
    if offset > 0, let validator = origin?.validator {
      headers = ["Range: bytes=\(offset)-", "If-Range: \(validator)"]
    }
    let sink = Sink(self, offset: offset)
    let (head, statedHash) = try follow(headers, sink)
    switch head.status {
    case 200, 206:
      try sink.finish(head)
      return Part(statedHash: statedHash, isWhole: head.status == 200)
    case 416 where offset > 0:
      // Nothing is left to send: the file was whole, or it is another one by now.
      if offset == origin?.total { return Part(statedHash: statedHash, isWhole: false) }
      try discard()
      throw Retry(reason: "the file on the server has changed")
    case 408, 425, 429, 500, 502, 503, 504:
      let seconds = head.fields["retry-after"].flatMap { Double($0) } ?? 0
      throw Retry(
        reason: "the server answered \(head.status)",
        status: head.status,
        seconds: min(max(seconds, 0), 60)
      )
    default: throw WeightStoreError.refused(url: url, status: head.status)
    }
  }

  private static let redirects = [301, 302, 303, 307, 308]

  /// Asks, and asks where it is sent to; each address by its own proxy.
  private func follow(
    _ headers: [String],
    _ sink: Sink
  ) throws -> (head: HTTPTransfer.Head, statedHash: String?) {
    var (address, statedHash) = (url, String?.none)
    for _ in 0...10 {
      var transfer = HTTPTransfer(url: address)
      transfer.headers = headers
      transfer.proxies = ProxySettings(environment: environment)
      transfer.certificates = ["CURL_CA_BUNDLE", "SSL_CERT_FILE"].lazy
        .compactMap { environment[$0] }.first { !$0.isEmpty }
      transfer.connectSeconds = connectSeconds
      transfer.stallSeconds = stallSeconds
      let (head, location) = try perform(transfer, sink)
      if let digits = Download.statedHash(head) { statedHash = digits }
      guard Download.redirects.contains(head.status), let location else {
        return (head, statedHash)
      }
      // What was asked for in secret is not fetched in the open.
      let isDowngrade =
        address.lowercased().hasPrefix("https:") && !location.lowercased().hasPrefix("https:")
      guard !isDowngrade else { throw WeightStoreError.refused(url: url, status: head.status) }
      address = location
    }
    throw WeightStoreError.refused(url: url, status: 310)
  }

  private func perform(
    _ transfer: HTTPTransfer,
    _ sink: Sink
  ) throws -> (head: HTTPTransfer.Head, location: String?) {
    do {
      return try transfer.perform(
        isCancelled: isCancelled,
        receive: { head, bytes in try sink.take(bytes, head) }
      )
    } catch let failure as HTTPTransfer.Failure {
      switch failure {
      case .cancelled: throw CancellationError()
      case .connection(let reason): throw Retry(reason: reason)
      case .unknownHost(let reason): throw Retry(reason: reason, weight: 3)
      case .permanent(let reason):
        throw WeightStoreError.unreachable(url: url, reason: reason, attempts: 1)
      }
    }
  }

  /// Hugging Face states the SHA-256 of what its address leads to.
  private static func statedHash(_ head: HTTPTransfer.Head) -> String? {
    for field in ["x-linked-etag", "x-checksum-sha256"] {
      let digits = head.fields[field]?.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
      if let digits = digits?.lowercased(), digits.count == 64, digits.allSatisfy(\.isHexDigit) {
        return digits
      }
    }
    return nil
  }

  private func discard() throws {
    for file in [partial, originFile] where unlink(file.path) != 0 && errno != ENOENT {
      throw FileError.cannotWrite(file.path, reason: String(cString: strerror(errno)))
    }
  }

  // MARK: Where pieces go

  /// Writes an answer's body behind what is there, or over it.
  private final class Sink {
    private let download: Download
    private let offset: Int
    private var descriptor: Int32 = -1
    private var byteCount = 0
    private var total: Int?

    init(_ download: Download, offset: Int) {
      self.download = download
      self.offset = offset
    }

    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    func take(_ bytes: UnsafeRawBufferPointer, _ head: HTTPTransfer.Head) throws {
      // The body of an error or a redirect is a page for people.
      guard head.status == 200 || head.status == 206 else { return }
      if descriptor < 0 { try open(head) }
      var rest = bytes[...]
      while !rest.isEmpty {
        let chunk = UnsafeRawBufferPointer(rebasing: rest)
        let written = Foundation.write(descriptor, chunk.baseAddress, chunk.count)
        if written < 0 {
          if errno == EINTR { continue }
          throw failure(errno)
        }
        rest = rest.dropFirst(written)
      }
      byteCount += bytes.count
      download.progress(byteCount, total, nil)
    }

    /// Checks that everything came.
    func finish(_ head: HTTPTransfer.Head) throws {
      if descriptor < 0 { try open(head) }
      guard fsync(descriptor) == 0 else { throw failure(errno) }
      _ = close(descriptor)
      descriptor = -1
      guard let total, byteCount != total else { return }
      throw Retry(reason: "only \(byteCount) of \(total) bytes came")
    }

    private func open(_ head: HTTPTransfer.Head) throws {
      let length = head.fields["content-length"].flatMap { Int($0) }
      var start = 0
      if head.status == 206 {
        let range = head.fields["content-range"]?.wholeMatch(of: /bytes (\d+)-\d+\/(\d+|\*)/)
        guard let range, Int(range.1) == offset, offset > 0 else {
          throw Retry(reason: "the server sent another part than the one that was asked for")
        }
        (start, total) = (offset, Int(range.2) ?? length.map { offset + $0 })
      } else {
        total = length
      }
      if let total { try requireSpace(total - start) }
      try remember(head)
      descriptor = Foundation.open(
        download.partial.path,
        O_WRONLY | O_CREAT | O_CLOEXEC | (start == 0 ? O_TRUNC : O_APPEND),
        0o666
      )
      guard descriptor >= 0 else { throw failure(errno) }
      byteCount = start
    }

    private func requireSpace(_ needed: Int) throws {
      let folder = download.partial.deletingLastPathComponent().path
      let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder)
      guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value else { return }
      guard free < Int64(needed) else { return }
      throw WeightStoreError.noSpace(folder: folder, needed: needed)
    }

    /// Notes what the bytes are a part of, before the first of them.
    private func remember(_ head: HTTPTransfer.Head) throws {
      let tag = head.fields["etag"].flatMap { $0.hasPrefix("W/") ? nil : $0 }
      let origin = Origin(
        url: download.url,
        validator: tag ?? head.fields["last-modified"],
        total: total
      )
      try AtomicFile.write(try JSONEncoder().encode(origin), to: download.originFile)
    }

    private func failure(_ code: Int32) -> any Error {
      let folder = download.partial.deletingLastPathComponent().path
      guard code == ENOSPC || code == EDQUOT else {
        return FileError.cannotWrite(
          download.partial.path,
          reason: String(cString: strerror(code))
        )
      }
      return WeightStoreError.noSpace(folder: folder, needed: max((total ?? 0) - byteCount, 1))
    }
  }
}
