package import Foundation
import OTXCore

/// The command line of `otx-run`.
///
/// Read by hand: the program is to answer in a fraction of a second, and has one command.
package struct RunnerArguments: Sendable, Equatable {
  package enum Action: Sendable, Equatable { case run, serve, help, version, libraries }
  package var action = Action.run
  package var options = RunOptions()
  /// Where results go: `-` is standard output; `nil`: nowhere.
  package var results: String? = "-"
  package var isQuiet = false
  /// What `--serve` says of the server.
  package var server = ServerOptions()
  /// Models that the page shows beside the first.
  package var compared: [URL] = []
  private var inputs: [String] = []
  private var serving = Serving()

  /// The options of a server, as they were written.
  private struct Serving: Sendable, Equatable {
    var address: String?
    var maximumUpload: String?
    var rate: String?
    var trustsProxy = false
    var origins: [String] = []
    /// The first of them.
    var word: String?
    /// The first option that a server has no use for.
    var foreign: String?
  }

  /// - Parameters:
  ///   - arguments: What stands behind the program's name.
  ///   - bundledModels: The models beside the program, where the user names none.
  /// - Throws: ``InferenceError/usage(_:)``.
  package init(_ arguments: [String], bundledModels: () -> [URL]) throws {
    var rest = try RunnerArguments.split(arguments)[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("-"), word != "-" else {
        inputs.append(word)
        continue
      }
      func value() throws -> String {
        guard let value = rest.popFirst() else {
          throw InferenceError.usage("\(word) needs a value")
        }
        return value
      }
      func number<Number: LosslessStringConvertible>(_ kind: Number.Type) throws -> Number {
        let text = try value()
        guard let number = Number(text) else {
          throw InferenceError.usage("\(word) takes a number, not '\(text)'")
        }
        return number
      }
      try read(
        word,
        value: value,
        whole: { try number(Int.self) },
        real: { try number(Float.self) }
      )
    }
    try finishServing()
    guard action != .help, action != .version else { return }
    if options.models.isEmpty { options.models = bundledModels() }
    guard !options.models.isEmpty else {
      throw InferenceError.usage("there is no model beside this program; name one with --model")
    }
    if action == .run || !inputs.isEmpty { options.inputs = try InputItem.items(inputs) }
  }

  private mutating func finishServing() throws {
    guard let address = serving.address else {
      if let word = serving.word, action == .run {
        throw InferenceError.usage("\(word) belongs to --serve HOST:PORT")
      }
      return
    }
    if let word = serving.foreign {
      throw InferenceError.usage("\(word) has no meaning together with --serve")
    }
    server = try ServerOptions(address: address)
    try server.read(
      maximumUpload: serving.maximumUpload,
      rate: serving.rate,
      trustsProxy: serving.trustsProxy,
      origins: serving.origins
    )
    if action == .run { action = .serve }
  }

  /// - Returns: Whether the word is one of a server's.
  private mutating func readServing(_ word: String, value: () throws -> String) throws -> Bool {
    switch word {
    case "--serve": serving.address = try value()
    case "--compare": compared.append(URL(filePath: try value()))
    case "--max-upload": serving.maximumUpload = try value()
    case "--rate": serving.rate = try value()
    case "--trust-proxy": serving.trustsProxy = true
    case "--allow-origin": serving.origins.append(try value())
    default:
      let foreign = [
        "-o", "--output", "--results", "--fit-to-size", "--loop", "--delay", "--frames",
      ]
      if foreign.contains(word) { serving.foreign = serving.foreign ?? word }
      return false
    }
    if word != "--serve" { serving.word = serving.word ?? word }
    return true
  }

  private mutating func read(
    _ word: String,
    value: () throws -> String,
    whole: () throws -> Int,
    real: () throws -> Float
  ) throws {
    if try readServing(word, value: value) { return }
    switch word {
    case "-h", "--help": action = .help
    case "--version": action = .version
    case "--libraries": action = .libraries
    case "-i", "--input": inputs.append(try value())
    case "-m", "--model", "--load-weights": options.models.append(URL(filePath: try value()))
    case "-o", "--output": options.output = try value()
    case "--results": results = try value()
    case "-d", "--device": options.device = try value()
    case "-it", "--inference-type":
      let text = try value()
      guard let mode = RunOptions.Mode(rawValue: text.lowercased()) else {
        throw InferenceError.usage("\(word) takes sync or async, not '\(text)'")
      }
      options.mode = mode
    case "--precision":
      let text = try value()
      guard let precision = Precision(rawValue: text.lowercased()) else {
        let known = Precision.allCases.map(\.rawValue).joined(separator: ", ")
        throw InferenceError.usage("--precision takes one of \(known), not '\(text)'")
      }
      options.precision = precision
    case "--threshold", "--confidence-threshold":
      let threshold = try real()
      guard (0...1).contains(threshold) else {
        throw InferenceError.usage("\(word) takes a number from 0 to 1, not \(threshold)")
      }
      options.confidenceThreshold = threshold
    case "--fit-to-size":
      let (width, height) = (try whole(), try whole())
      guard (1...32_768).contains(width), (1...32_768).contains(height) else {
        throw InferenceError.usage(
          "--fit-to-size takes a width and a height, not \(width) \(height)"
        )
      }
      options.fit = ImageSize(height: height, width: width)
    case "--loop": options.loops = true
    case "--delay": options.delay = try whole()
    case "--display-perf": options.showsPerformance = true
    case "--frames":
      let count = try whole()
      guard count > 0 else { throw InferenceError.usage("--frames takes a number above 0") }
      options.frameLimit = count
    case "--threads":
      let count = try whole()
      guard (0...4096).contains(count) else {
        throw InferenceError.usage("--threads takes a number from 0 to 4096, not \(count)")
      }
      options.threads = count
    // OTX 1 opens a window unless told not to; there is none here.
    case "--no-show": break
    case "-q", "--quiet": isQuiet = true
    default:
      let near = Suggestion.nearest(to: word, among: RunnerArguments.names)
      throw InferenceError.usage(
        "unknown option '\(word)'" + (near.map { "; did you mean \($0)?" } ?? "; see --help")
      )
    }
  }

  private static let names = [
    "--help", "--version", "--input", "--model", "--output", "--results", "--device",
    "--inference-type", "--precision", "--threshold", "--fit-to-size", "--loop", "--delay",
    "--display-perf", "--frames", "--threads", "--no-show", "--quiet", "--serve", "--compare",
    "--max-upload", "--rate", "--trust-proxy", "--allow-origin",
  ]

  /// `--name=value` as two words, and `_` in names as `-`.
  private static func split(_ arguments: [String]) throws -> [String] {
    var words: [String] = []
    for (index, argument) in arguments.enumerated() {
      // Everything behind it is an input.
      if argument == "--" { return words + arguments[(index + 1)...].flatMap { ["-i", $0] } }
      guard argument.hasPrefix("--") else {
        words.append(argument)
        continue
      }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      words.append(String(parts[0]).replacingOccurrences(of: "_", with: "-"))
      if parts.count == 2 { words.append(String(parts[1])) }
    }
    return words
  }

  package static let help = """
    otx-run: look at pictures and videos with a deployed model.

    USAGE  otx-run [options] INPUT ...

    INPUT                a picture, a folder, a pattern ('*.jpg'), a video, a camera (0, /dev/video0)
                         or an address (rtsp://...); -i INPUT is the same

    MODEL
      -m, --model PATH   openvino.xml or its folder; more than one: each further model looks at what
                         the one before it found. Default: those beside this program
      --threshold X      show what is at least this sure, 0 to 1; default: the model's own
      -d, --device NAME  cpu, gpu, gpu:1; default: cpu
      --precision NAME   auto (the device's own), fp32, bf16, fp16
      -it, --inference-type sync|async
                         one picture at a time or several; default: what suits the input
      --threads N        threads to compute with; default: all cores

    RESULTS
      --results FILE     one line of JSON for each picture; '-' is standard output, the default
      -o, --output PATH  draw the results: a folder, a picture or a video by its ending
      --fit-to-size W H  fit drawn pictures to this width and height
      --display-perf     draw time and rate on pictures, and report them every second
      -q, --quiet        no results on standard output, no messages but errors

    COURSE
      --loop             begin again after the last input
      --delay MS         wait after each picture; below 0: until Enter is pressed
      --frames N         stop after N pictures
      --no-show          accepted for older scripts; no window is opened

    A PAGE AND A SERVER
      --serve HOST:PORT  a page to drop pictures on, and POST /predict for programs; INPUTs are
                         pictures that the page offers. /openapi.json describes the interface
      --compare PATH     another model to show beside the first; may be given several times
      --max-upload SIZE  bytes of a picture file, at most; default: 20M
      --rate N           predictions a second for each client; default: no limit
      --trust-proxy      take the client's address from X-Forwarded-For: only behind a proxy
      --allow-origin O   let pages of another origin use it, such as https://example.org; * is all

    Exit status: 0; 1 when something could not be read or run; 64 for a wrong command line.
    """
}
