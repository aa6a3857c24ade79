package import Foundation
import OTXCore

/// A video that FFmpeg's programs read: `ffprobe` says what it holds, `ffmpeg` hands out its frames.
///
/// Frames come through a pipe, one after the other; the last few are kept. A jump ahead of more than
/// a few frames, or back, starts the program again at that frame's time.
final class FFmpegVideo: VideoFrames, @unchecked Sendable {
  private let url: URL
  private let size: ImageSize
  /// When each frame is shown, in seconds; empty where the file does not say.
  private let times: [Double]
  private let program: URL
  // Guarded by `lock`, hence the unchecked conformance.
  private let lock = NSLock()
  private var pipe: FramePipe?
  private var kept: [(index: Int, image: Image)] = []
  private static let keptCount = 4
  private static let longestSkip = 48
  private static let largestFrameCount = 10_000_000

  private init(url: URL, size: ImageSize, times: [Double], program: URL) {
    (self.url, self.size, self.times, self.program) = (url, size, times, program)
  }

  /// - Throws: ``DataError/unreadable(file:reason:)``.
  static func read(_ url: URL, searchPath: String) throws -> VideoContent {
    // An error of our own for what is missing, empty or no file at all.
    _ = try ReadableFile(url)
    guard let probe = ExternalProgram.find("ffprobe", in: searchPath),
      let program = ExternalProgram.find("ffmpeg", in: searchPath)
    else {
      throw DataError.unreadable(
        file: url.path,
        reason:
          "is a video that needs the programs ffmpeg and ffprobe, which are not on PATH: sudo apt-get install ffmpeg"
      )
    }
    let entries = "packet=pts_time:stream=width,height,avg_frame_rate:stream_side_data=rotation"
    let output = try ExternalProgram.output(
      of: probe,
      [
        "-v", "error", "-protocol_whitelist", "file", "-select_streams", "v:0", "-show_entries",
        entries,
        "-of", "default=noprint_wrappers=1", "file:\(url.path)",
      ]
    )
    guard let output, let probed = Probed(output) else {
      throw DataError.unreadable(file: url.path, reason: "is no video that ffprobe can read")
    }
    return VideoContent(
      size: probed.size,
      frameCount: probed.frameCount,
      frameRate: probed.frameRate,
      frames: FFmpegVideo(url: url, size: probed.size, times: probed.times, program: program)
    )
  }

  func encodedBytes(at index: Int) throws -> [UInt8]? { nil }

  func image(at index: Int) throws -> Image {
    try lock.withLock {
      if let known = kept.first(where: { $0.index == index }) { return known.image }
      let next = pipe?.nextIndex ?? .max
      if index < next || index - next > FFmpegVideo.longestSkip {
        pipe = nil
        let canSeek = times.indices.contains(index) && index > FFmpegVideo.longestSkip
        pipe = try FramePipe(
          program,
          url,
          size: size,
          first: canSeek ? index : 0,
          // Between two frames, so that rounding takes neither the one before nor the one after.
          time: canSeek ? (times[index - 1] + times[index]) / 2 : nil
        )
      }
      while let pipe, pipe.nextIndex <= index {
        let frame = pipe.nextIndex
        guard let pixels = pipe.next() else {
          self.pipe = nil
          throw DataError.unreadable(
            file: "\(url.path): frame \(index)",
            reason: "cannot be decoded: ffmpeg ends before it"
          )
        }
        if kept.count == FFmpegVideo.keptCount { kept.removeFirst() }
        kept.append((frame, Image(size: size, pixels: pixels)))
      }
      guard let last = kept.last, last.index == index else {
        throw DataError.unreadable(file: url.path, reason: "has no frame \(index)")
      }
      return last.image
    }
  }

  /// What `ffprobe` prints: a line for each value.
  private struct Probed {
    var size = ImageSize(height: 0, width: 0)
    var frameCount = 0
    var frameRate = 25.0
    var times: [Double] = []

    init?(_ text: String) {
      var isTurned = false
      for line in text.split(separator: "\n") {
        let parts = line.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { continue }
        switch parts[0] {
        case "width": size.width = Int(parts[1]) ?? 0
        case "height": size.height = Int(parts[1]) ?? 0
        case "rotation": isTurned = abs(Int(parts[1]) ?? 0) % 180 == 90
        case "avg_frame_rate":
          let numbers = parts[1].split(separator: "/").compactMap { Double($0) }
          if numbers.count == 2, numbers[0] > 0, numbers[1] > 0 {
            frameRate = numbers[0] / numbers[1]
          }
        case "pts_time":
          frameCount += 1
          if let time = Double(parts[1]), time.isFinite { times.append(time) }
        default: break
        }
      }
      // `ffmpeg` turns pictures as they are to be looked at.
      if isTurned { size = ImageSize(height: size.width, width: size.height) }
      guard (1...32_768).contains(size.width), (1...32_768).contains(size.height),
        (1...FFmpegVideo.largestFrameCount).contains(frameCount)
      else { return nil }
      // Packets come in the order of decoding.
      times.sort()
      if times.count != frameCount || Set(times).count != frameCount { times = [] }
    }
  }
}

/// A running `ffmpeg` that writes frames as plain RGB.
private final class FramePipe {
  private let process = Process()
  private let output = Pipe()
  private let byteCount: Int
  /// The number of the frame that comes next.
  private(set) var nextIndex: Int

  init(_ program: URL, _ url: URL, size: ImageSize, first: Int, time: Double?) throws {
    nextIndex = first
    byteCount = size.height * size.width * Image.channelCount
    process.executableURL = program
    let seek = time.map { ["-seek_timestamp", "1", "-ss", String(format: "%.6f", $0)] } ?? []
    process.arguments =
      ["-v", "error", "-nostdin", "-protocol_whitelist", "file,pipe"] + seek + [
        "-i", "file:\(url.path)", "-map", "0:v:0",
        // Each frame once, whatever times the file gives them.
        "-vf", "setpts=N/(25*TB)", "-r", "25", "-s", "\(size.width)x\(size.height)",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-",
      ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    do {
      try process.run()
    } catch {
      throw DataError.unreadable(file: url.path, reason: "ffmpeg cannot be run: \(error.reason)")
    }
    try? output.fileHandleForWriting.close()
  }

  deinit {
    try? output.fileHandleForReading.close()
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
  }

  /// The next frame's pixels; `nil` behind the last.
  func next() -> [UInt8]? {
    let descriptor = output.fileHandleForReading.fileDescriptor
    var count = 0
    let pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
      while count < byteCount, let base = buffer.baseAddress {
        let got = read(descriptor, base + count, byteCount - count)
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { break }
        count += got
      }
      initialized = count
    }
    guard count == byteCount else { return nil }
    nextIndex += 1
    return pixels
  }
}

/// Programs that are no part of this package.
package enum ExternalProgram {
  /// The program of a name in a list of folders with `:` between them.
  package static func find(_ name: String, in searchPath: String) -> URL? {
    searchPath.split(separator: ":").lazy
      .map { URL(filePath: String($0)).appending(path: name) }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

  /// What a program writes; `nil` where it ends with an error.
  package static func output(of program: URL, _ arguments: [String]) throws -> String? {
    let process = Process()
    let output = Pipe()
    process.executableURL = program
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    do {
      try process.run()
    } catch {
      throw DataError.unreadable(file: program.path, reason: "cannot be run: \(error.reason)")
    }
    try? output.fileHandleForWriting.close()
    let data = (try? output.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else { return nil }
    return String(decoding: data, as: UTF8.self)
  }
}
