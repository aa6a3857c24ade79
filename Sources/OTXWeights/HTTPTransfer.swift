import CCurl
import Foundation
import OTXCore

/// One GET request by the system's libcurl, which is loaded at the first.
///
/// Why not a Swift package: async-http-client with what it needs costs minutes of every clean build,
/// and FoundationNetworking is linked, so that `otx --help` would load it. libcurl is there wherever
/// Swift is (FoundationNetworking itself stands on it), knows proxies and certificates as users know
/// them from `curl`, and costs nothing until something is downloaded.
struct HTTPTransfer {
  /// The head of an answer.
  struct Head: Equatable {
    var status: Int
    /// By name in lower case; of two of one name the later.
    var fields: [String: String] = [:]
  }

  /// Why there is no whole answer.
  enum Failure: Error, Equatable {
    case cancelled
    /// A connection that failed; another try may succeed.
    case connection(String)
    /// The name of a host leads nowhere: most often there is no network at all.
    case unknownHost(String)
    /// Another try would fail as well: a bad address or certificate.
    case permanent(String)
  }

  var url: String
  var headers: [String] = []
  var proxies = ProxySettings(environment: [:])
  var certificates: String?
  var connectSeconds = 30
  var stallSeconds = 60

  /// Does the request in this thread.
  ///
  /// - Parameters:
  ///   - isCancelled: Asked now and then, also while nothing arrives.
  ///   - receive: Gets the body, piece by piece, with the head that came before it.
  /// - Returns: The head, and where a redirect leads.
  /// - Throws: ``Failure``, ``WeightStoreError/noLibrary(reason:)``, and what `receive` throws.
  func perform(
    isCancelled: @escaping () -> Bool,
    receive: @escaping (Head, UnsafeRawBufferPointer) throws -> Void
  ) throws -> (head: Head, location: String?) {
    var message = [CChar](repeating: 0, count: 512)
    guard otx_curl_load(&message, message.count) == 0 else {
      throw WeightStoreError.noLibrary(reason: HTTPTransfer.text(message))
    }
    let state = State(isCancelled: isCancelled, receive: receive)
    let result = withExtendedLifetime(state) { request(for: state) }
    if let error = state.error { throw error }
    guard result.code == 0 else {
      throw HTTPTransfer.failure(result.code, HTTPTransfer.text(ofArray: result.message))
    }
    state.head.status = Int(result.status)
    let location = HTTPTransfer.text(ofArray: result.location)
    return (state.head, location.isEmpty ? nil : location)
  }

  private func request(for state: State) -> OTXCurlResult {
    let lines = headers.map { strdup($0) }
    defer { for line in lines { free(line) } }
    let pointers = lines.map { UnsafePointer($0) } + [nil]
    let context = Unmanaged.passUnretained(state).toOpaque()
    let proxy = proxies.proxy(for: url)
    func perform(_ certificates: UnsafePointer<CChar>?) -> OTXCurlResult {
      pointers.withUnsafeBufferPointer { pointers in
        url.withCString { url in
          proxy.withCString { proxy in
            proxies.exceptions.withCString { exceptions in
              "otx/\(OTXVersion.current)".withCString { agent in
                var request = OTXCurlRequest()
                request.url = url
                request.headers = pointers.baseAddress
                request.proxy = proxy
                request.noProxy = exceptions
                request.userAgent = agent
                request.certificates = certificates
                request.connectSeconds = Int32(clamping: connectSeconds)
                request.stallSeconds = Int32(clamping: stallSeconds)
                request.context = context
                request.header = { State.of($2).take(header: $0, $1) }
                request.body = { State.of($2).take(body: $0, $1) }
                request.isCancelled = { State.of($0).isCancelled() ? 1 : 0 }
                return otx_curl_perform(&request)
              }
            }
          }
        }
      }
    }
    guard let certificates else { return perform(nil) }
    return certificates.withCString { perform($0) }
  }

  /// What a number of libcurl means for whoever wants to try again.
  private static func failure(_ code: Int32, _ message: String) -> Failure {
    switch code {
    case 42: .cancelled
    case 5, 6: .unknownHost(message)
    // Address, scheme, certificates.
    case 1, 3, 4, 35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83: .permanent(message)
    default: .connection(message)
    }
  }

  /// The text of a fixed-size array of characters.
  private static func text<Characters>(ofArray characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private static func text(_ characters: [CChar]) -> String {
    characters.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  /// What the callbacks of one request share; they come in the thread that asked.
  private final class State {
    var head = Head(status: 0)
    var error: (any Error)?
    let isCancelled: () -> Bool
    private let receive: (Head, UnsafeRawBufferPointer) throws -> Void

    init(
      isCancelled: @escaping () -> Bool,
      receive: @escaping (Head, UnsafeRawBufferPointer) throws -> Void
    ) {
      self.isCancelled = isCancelled
      self.receive = receive
    }

    static func of(_ context: UnsafeMutableRawPointer?) -> State {
      // libcurl hands back the context that `request(for:)` gave it, which is never nothing.
      Unmanaged<State>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    func take(header bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
      let line = String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      if line.hasPrefix("HTTP/") {
        // A proxy's answer, or `100 Continue`, comes before the one that counts.
        head = Head(status: line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
      } else if let colon = line.firstIndex(of: ":") {
        head.fields[line[..<colon].lowercased()] =
          line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      }
      return count
    }

    func take(body bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
      do {
        try receive(head, UnsafeRawBufferPointer(start: bytes, count: count))
        return count
      } catch {
        self.error = error
        return count + 1
      }
    }
  }
}

/// Which proxy is asked, by the variables that other programs read.
struct ProxySettings: Equatable {
  private let http: String
  private let https: String
  /// Hosts that are asked directly, by commas; `*`: all.
  let exceptions: String

  /// - Parameter environment: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in small
  ///   letters or large; small ones win, as they do for `curl`.
  init(environment: [String: String]) {
    func value(_ name: String) -> String? {
      [name.lowercased(), name].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    let all = value("ALL_PROXY") ?? ""
    http = value("HTTP_PROXY") ?? all
    https = value("HTTPS_PROXY") ?? all
    exceptions = value("NO_PROXY") ?? ""
  }

  /// The proxy for an address; empty for none.
  func proxy(for url: String) -> String { url.lowercased().hasPrefix("https:") ? https : http }
}
