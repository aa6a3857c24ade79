import Foundation
import OTXCore
import OTXImage

/// A running `ffmpeg` of the machine's own: frames come out of it or go into it through a pipe.
///
/// FFmpeg is never linked or bundled: its licence and size are the user's to choose.
final class FFmpegProgram: @unchecked Sendable {
  // `process` and the pipes are used by one thread at a time, hence the unchecked conformance.
  private let process = Process()
  private let input: Pipe?
  private let output: Pipe?
  private let words = Words()

  /// Which end of the program is a pipe.
  enum Direction { case reading, writing }

  /// - Parameters:
  ///   - arguments: What to do.
  ///   - direction: Whether frames are read from it or written to it.
  ///   - use: What it is needed for, for the message where it is missing.
  ///   - searchPath: Where programs are looked for, folders with `:` between them.
  /// - Throws: ``InferenceError/failed(_:)``.
  init(_ arguments: [String], _ direction: Direction, use: String, searchPath: String) throws {
    guard let program = ExternalProgram.find("ffmpeg", in: searchPath) else {
      throw InferenceError.failed(
        "\(use) needs the program ffmpeg, which is not on PATH: install the package 'ffmpeg' (sudo "
          + "apt-get install ffmpeg); pictures and AVI files of Motion JPEG need no further program"
      )
    }
    process.executableURL = program
    process.arguments = ["-v", "error", "-nostdin"] + arguments
    let errors = Pipe()
    process.standardError = errors
    switch direction {
    case .reading: (input, output) = (nil, Pipe())
    case .writing: (input, output) = (Pipe(), nil)
    }
    process.standardInput = input ?? FileHandle.nullDevice
    process.standardOutput = output ?? FileHandle.nullDevice
    do {
      try process.run()
    } catch {
      throw InferenceError.failed("\(program.path) cannot be run: \(error.reason)")
    }
    try? errors.fileHandleForWriting.close()
    try? output?.fileHandleForWriting.close()
    try? input?.fileHandleForReading.close()
    for pipe in [input?.fileHandleForWriting, output?.fileHandleForReading] {
      // A frame is larger than a pipe usually is; where the system refuses, it only takes longer.
      if let pipe { _ = fcntl(pipe.fileDescriptor, FFmpegProgram.setPipeSize, 1 << 20) }
    }
    let words = words
    let handle = errors.fileHandleForReading
    try SystemThread.start(name: "otx.ffmpeg") { words.collect(handle) }
  }

  /// Linux's `F_SETPIPE_SZ`, which Swift's import of the C library leaves out.
  private static let setPipeSize: Int32 = 1031

  deinit {
    try? output?.fileHandleForReading.close()
    try? input?.fileHandleForWriting.close()
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
  }

  /// The next `count` bytes; fewer at the end.
  func read(_ count: Int) -> [UInt8] {
    guard let descriptor = output?.fileHandleForReading.fileDescriptor else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while initialized < count, let base = buffer.baseAddress {
        let got = Foundation.read(descriptor, base + initialized, count - initialized)
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { break }
        initialized += got
      }
    }
  }

  /// Hands over bytes.
  ///
  /// - Throws: ``InferenceError/failed(_:)`` with what the program says when it takes no more.
  func write(_ bytes: [UInt8]) throws {
    guard let descriptor = input?.fileHandleForWriting.fileDescriptor else { return }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw InferenceError.failed("ffmpeg ended too early: \(finish() ?? "it gave no reason")")
      }
      done += count
    }
  }

  /// Waits for the program's end.
  ///
  /// - Returns: What went wrong; `nil` when all is well.
  func finish() -> String? {
    try? input?.fileHandleForWriting.close()
    process.waitUntilExit()
    guard process.terminationReason != .exit || process.terminationStatus != 0 else { return nil }
    let said = words.wait()
    return said.isEmpty ? "ffmpeg ended with status \(process.terminationStatus)" : said
  }
}

/// What a program says on its error stream: its last line that is not empty.
private final class Words: @unchecked Sendable {
  // Guarded by `condition`, hence the unchecked conformance.
  private let condition = NSCondition()
  private var text = ""
  private var isComplete = false

  func collect(_ handle: FileHandle) {
    while let data = try? handle.read(upToCount: 4096), !data.isEmpty {
      condition.withLock {
        text = String((text + String(decoding: data, as: UTF8.self)).suffix(4096))
      }
    }
    condition.withLock {
      isComplete = true
      condition.broadcast()
    }
  }

  func wait() -> String {
    condition.withLock {
      while !isComplete { condition.wait() }
      let lines = text.split(whereSeparator: \.isNewline)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      return lines.last { !$0.isEmpty } ?? ""
    }
  }
}
