import HTTPTypes

/// What can be asked of a server.
enum Route: Equatable {
  case page, model, health, metrics, openAPI, predict
  case sample(Int)

  /// Every path, as the description of the server writes it.
  static let paths: [(path: String, method: HTTPRequest.Method)] = [
    ("/", .get), ("/model", .get), ("/health", .get), ("/metrics", .get), ("/openapi.json", .get),
    ("/samples/{index}", .get), ("/predict", .post),
  ]

  /// - Parameter path: Without the query, as it was sent: no path needs letters that are written with
  ///   `%`, so none is decoded.
  init?(path: String) {
    switch path {
    case "/": self = .page
    case "/model": self = .model
    case "/health": self = .health
    case "/metrics": self = .metrics
    case "/openapi.json": self = .openAPI
    case "/predict": self = .predict
    default:
      let prefix = "/samples/"
      let digits = path.dropFirst(prefix.count)
      guard path.hasPrefix(prefix), (1...6).contains(digits.utf8.count),
        digits.utf8.allSatisfy({ (48...57).contains($0) }), let index = Int(digits)
      else { return nil }
      self = .sample(index)
    }
  }

  /// How metrics call it.
  var name: String {
    switch self {
    case .page: "/"
    case .model: "/model"
    case .health: "/health"
    case .metrics: "/metrics"
    case .openAPI: "/openapi.json"
    case .predict: "/predict"
    case .sample: "/samples/{index}"
    }
  }

  var methods: [HTTPRequest.Method] { self == .predict ? [.post] : [.get, .head] }
}
