public import Foundation
import OTXCore

/// Why weights could not be had.
public enum WeightStoreError: Error, Equatable, Sendable {
  /// Nothing may be downloaded.
  case offline(name: String, url: String)
  /// The server could not be reached, or stopped answering, as often as it was tried.
  case unreachable(url: String, reason: String, attempts: Int)
  /// The server answered that it has no such file, or will not give it.
  case refused(url: String, status: Int)
  /// What arrived is another file; it was removed.
  case wrongChecksum(url: String, expected: String, found: String)
  /// What arrived is no file of weights; it was removed.
  case unusable(url: String, reason: String)
  case noSpace(folder: String, needed: Int)
  /// There is nothing of this name.
  case unknown(name: String, known: [String])
  /// The weights are known and not in the store.
  case notStored(name: String)
  /// The system has no HTTP library.
  case noLibrary(reason: String)
}

extension WeightStoreError: LocalizedError, CustomStringConvertible {
  public var errorDescription: String? { description }

  public var description: String {
    switch self {
    case .offline(let name, let url):
      "the weights of \(name) are not in the weight store and nothing may be downloaded (--offline); fetch \(url) elsewhere, then: otx weights add FILE --for \(name)"
    case .unreachable(let url, let reason, let attempts):
      "cannot download \(url): \(reason) (tried \(attempts) time\(attempts == 1 ? "" : "s")). Without a connection, fetch the file elsewhere, then: otx weights add FILE --for NAME. Behind a proxy, set HTTPS_PROXY"
    case .refused(let url, let status):
      "cannot download \(url): \(WeightStoreError.phrase(status))"
    case .wrongChecksum(let url, let expected, let found):
      "\(url): what arrived has the SHA-256 \(found), not \(expected)\(expected.count < 64 ? "…" : ""); it was removed. Something on the way changed it (a proxy's page, a damaged copy), or another file is published there now"
    case .unusable(let url, let reason):
      "\(url): what arrived cannot be used and was removed: \(reason)"
    case .noSpace(let folder, let needed):
      "\(folder) has no room for \(max(needed >> 20, 1)) MiB; free some, or name another cache folder with OTX_CACHE"
    case .unknown(let name, let known):
      "no weights of '\(name)' are known\(Suggestion.phrase(for: name, among: known)); 'otx weights list' names those that are"
    case .notStored(let name):
      "the weights '\(name)' are not in the weight store; get them with 'otx weights download \(WeightStoreError.network(name))', or add a file of yours with 'otx weights add FILE --for \(WeightStoreError.network(name))'"
    case .noLibrary(let reason):
      "downloading needs the system's libcurl (Debian: libcurl4): \(reason)"
    }
  }

  /// The network that an item of the store belongs to.
  private static func network(_ item: String) -> String {
    guard let match = item.wholeMatch(of: /(.+)-[0-9a-f]{8}/) else { return item }
    return String(match.1)
  }

  private static func phrase(_ status: Int) -> String {
    switch status {
    case 401, 403:
      "the server does not give it to everybody (\(status)); fetch it with your account, then: otx weights add FILE --for NAME"
    case 404, 410: "there is no such file (\(status)); it may have moved"
    case 407:
      "the proxy wants a name and a password (407): HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"
    case 300..<400:
      "it leads on and on to other addresses, or to one that is not secure (\(status))"
    default: "the server answered \(status)"
    }
  }
}
