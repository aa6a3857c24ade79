import Foundation
import Synchronization

/// Where a command writes: results to one place, logs and progress to another.
public struct Console: Sendable {
  /// Takes results.
  var output: @Sendable (String) -> Void
  /// Takes logs and progress.
  var errors: @Sendable (String) -> Void
  /// Columns of the terminal that results go to; `nil` where they go to a file or a pipe.
  var outputWidth: Int?
  /// Asked anew each time, since a window's size changes.
  private var errorColumns: @Sendable () -> Int?
  /// What can be shown there.
  var outputText: TextCapability
  var errorText: TextCapability
  /// What went wrong with writing results; `nil` where nothing did, or nobody wanted to read on.
  var outputFailure: @Sendable () -> String? = { nil }

  /// Columns of the terminal that progress is drawn on; `nil` where it goes to a file or a pipe, or
  /// the terminal cannot draw a line over itself.
  var errorWidth: Int? { errorColumns() }

  /// - Parameters:
  ///   - output: Takes results.
  ///   - errors: Takes logs and progress.
  ///   - outputWidth: Columns of the terminal for results; `nil`: no terminal.
  ///   - errorWidth: Columns of the terminal for logs; `nil`: no terminal.
  public init(
    output: @escaping @Sendable (String) -> Void,
    errors: @escaping @Sendable (String) -> Void,
    outputWidth: Int? = nil,
    errorWidth: Int? = nil
  ) {
    self.init(
      output: output,
      errors: errors,
      outputWidth: outputWidth,
      errorColumns: { errorWidth },
      outputText: .unicode,
      errorText: .unicode
    )
  }

  init(
    output: @escaping @Sendable (String) -> Void,
    errors: @escaping @Sendable (String) -> Void,
    outputWidth: Int?,
    errorColumns: @escaping @Sendable () -> Int?,
    outputText: TextCapability,
    errorText: TextCapability
  ) {
    self.output = output
    self.errors = errors
    self.outputWidth = outputWidth
    self.errorColumns = errorColumns
    self.outputText = outputText
    self.errorText = errorText
  }

  /// The process's own streams.
  public static var standard: Console { standard(ProcessInfo.processInfo.environment) }

  static func standard(_ environment: [String: String]) -> Console {
    let isUnicode = TextCapability.isUnicode(environment)
    func capability(_ file: Int32) -> TextCapability {
      isUnicode ? .unicode : (isatty(file) == 1 ? .ascii : .ownASCII)
    }
    let errorText = capability(STDERR_FILENO)
    let isDumb = environment["TERM"] == "dumb"
    var console = Console(
      output: { outputErrno.note(write($0, to: STDOUT_FILENO)) },
      errors: { _ = write(errorText.shown($0), to: STDERR_FILENO) },
      outputWidth: width(of: STDOUT_FILENO),
      errorColumns: { isDumb ? nil : width(of: STDERR_FILENO) },
      outputText: capability(STDOUT_FILENO),
      errorText: errorText
    )
    console.outputFailure = { outputErrno.message }
    return console
  }

  /// The console of the command that runs.
  @TaskLocal static var current = Console.standard

  /// Prints a line of results for people.
  func print(_ line: String) { output(outputText.shown(line) + "\n") }

  /// Prints a value for programs: always UTF-8, whatever the terminal shows.
  func print(_ json: JSONText) { output(json.text + "\n") }

  /// Opens what the caller of the process has closed of standard input, output and errors.
  ///
  /// Otherwise the first file that is opened would take its number, and what is printed would go
  /// into that file. What is opened instead refuses to be written to.
  static func reserveStandardStreams() {
    for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
    where fcntl(number, F_GETFD) < 0 && errno == EBADF {
      _ = open("/dev/null", O_RDONLY)
    }
  }

  /// - Returns: The error's number; 0 for none.
  private static func write(_ text: String, to file: Int32) -> Int32 {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
      if count < 0 && errno != EINTR && errno != EAGAIN { return errno }
      if count > 0 { bytes = bytes.dropFirst(count) }
    }
    return 0
  }

  private static func width(of file: Int32) -> Int? {
    guard isatty(file) == 1 else { return nil }
    var size = winsize()
    guard ioctl(file, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  private static let outputErrno = FirstError()

  /// The first thing that went wrong.
  private final class FirstError: Sendable {
    private let number = Mutex<Int32>(0)

    func note(_ error: Int32) { number.withLock { if $0 == 0 { $0 = error } } }

    /// A reader that has gone (`otx find | head -1`), or that never was, wants to hear nothing.
    var message: String? {
      let number = number.withLock { $0 }
      return [0, EPIPE, EBADF].contains(number) ? nil : String(cString: strerror(number))
    }
  }
}

/// What a stream can show.
enum TextCapability: Sendable {
  /// Everything.
  case unicode
  /// A terminal whose locale is not UTF-8.
  case ascii
  /// A file or a pipe in such a locale: our own words in ASCII, names and labels as they are.
  case ownASCII

  /// Whether the locale's character set is UTF-8, by the variables that the C library reads.
  static func isUnicode(_ environment: [String: String]) -> Bool {
    let name =
      ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    let folded = (name ?? "").lowercased().replacingOccurrences(of: "-", with: "")
    return folded.contains("utf8")
  }

  /// The text as this stream can show it.
  func shown(_ text: String) -> String {
    guard self != .unicode, text.utf8.contains(where: { $0 >= 0x80 }) else { return text }
    var result = ""
    for character in text {
      if character.isASCII {
        result.append(character)
      } else if let plain = TextCapability.plain[character] {
        result += plain
      } else {
        result += self == .ascii ? "?" : String(character)
      }
    }
    return result
  }

  /// The characters of our own messages.
  private static let plain: [Character: String] = [
    "━": "#", "╌": "-", "…": "...", "–": "-", "—": "-", "×": "x", "→": "->", "≥": ">=", "≤": "<=",
    "·": "*", "’": "'", "“": "\"", "”": "\"", "±": "+/-", "µ": "u", "°": " deg",
  ]
}
