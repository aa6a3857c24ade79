import Foundation

/// Where a command writes: results to one place, logs and progress to another.
public struct Console: Sendable {
  /// Takes results.
  var output: @Sendable (String) -> Void
  /// Takes logs and progress.
  var errors: @Sendable (String) -> Void
  /// Columns of the terminal that results go to; `nil` where they go to a file or a pipe.
  var outputWidth: Int?
  /// Columns of the terminal that logs go to; `nil` where they go to a file or a pipe.
  var errorWidth: Int?

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
    self.output = output
    self.errors = errors
    self.outputWidth = outputWidth
    self.errorWidth = errorWidth
  }

  /// The process's own streams.
  public static var standard: Console {
    Console(
      output: { write($0, to: STDOUT_FILENO) },
      errors: { write($0, to: STDERR_FILENO) },
      outputWidth: width(of: STDOUT_FILENO),
      errorWidth: width(of: STDERR_FILENO)
    )
  }

  /// The console of the command that runs.
  @TaskLocal static var current = Console.standard

  /// Prints a line of results.
  func print(_ line: String) { output(line + "\n") }

  private static func write(_ text: String, to file: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
      // Nobody reads any more: nothing left to say.
      if count < 0 && errno != EINTR { return }
      if count > 0 { bytes = bytes.dropFirst(count) }
    }
  }

  private static func width(of file: Int32) -> Int? {
    guard isatty(file) == 1 else { return nil }
    var size = winsize()
    guard ioctl(file, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
