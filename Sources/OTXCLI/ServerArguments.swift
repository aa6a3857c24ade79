import ArgumentParser
import OTXInference

/// How a model is served.
struct ServerArguments: ParsableArguments {
  @Option(
    help: .init(
      "Serve a page and POST /predict there, such as 127.0.0.1:8080.",
      valueName: "host:port"
    )
  )
  var serve: String?

  @Option(
    help: .init("Another model to show beside the first; may be repeated.", valueName: "model"),
    completion: .file()
  )
  var compare: [String] = []

  @Option(help: .init("Bytes of a picture file, at most (default: 20M).", valueName: "size"))
  var maxUpload: String?

  @Option(
    help: .init("Predictions a second for each client (default: no limit).", valueName: "number")
  )
  var rate: String?

  @Flag(help: "Take the client's address from X-Forwarded-For: only behind a proxy.")
  var trustProxy = false

  @Option(
    help: .init(
      "Let pages of another origin use it (https://example.org); * is all; may be repeated.",
      valueName: "origin"
    )
  )
  var allowOrigin: [String] = []

  /// What was asked for; `nil` without `--serve`.
  func options() throws -> ServerOptions? {
    guard let serve else {
      let given: [(String, Bool)] = [
        ("--compare", !compare.isEmpty), ("--max-upload", maxUpload != nil),
        ("--rate", rate != nil), ("--trust-proxy", trustProxy),
        ("--allow-origin", !allowOrigin.isEmpty),
      ]
      if let word = given.first(where: \.1)?.0 {
        throw UsageError("\(word) belongs to --serve HOST:PORT")
      }
      return nil
    }
    var options = try ServerOptions(address: serve)
    try options.read(
      maximumUpload: maxUpload,
      rate: rate,
      trustsProxy: trustProxy,
      origins: allowOrigin
    )
    return options
  }
}
