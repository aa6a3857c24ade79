import Foundation
import OTXCore
import OTXImage

/// A video, camera or stream that the machine's own `ffmpeg` reads.
///
/// Frames come as PPM files through a pipe: uncompressed, each with its size before it.
final class FFmpegSource: FrameSource, @unchecked Sendable {
  // Pulled by one thread at a time, hence the unchecked conformance.
  private let program: FFmpegProgram
  private let kind: FrameOrigin.Kind
  private let name: String
  let frameRate: Double?
  private var index = 0
  private var isDone = false

  var isLive: Bool { kind != .video }

  /// Each frame once, whatever times the file gives them.
  private static let eachOnce = ["-vf", "setpts=N/(25*TB)", "-r", "25"]
  private static let result = [
    "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1",
  ]

  /// - Parameters:
  ///   - url: The file.
  ///   - name: As the user calls it.
  ///   - searchPath: Where programs are looked for.
  ///   - known: Its frames a second where that was asked before.
  /// - Throws: ``InferenceError/failed(_:)`` where the program is missing,
  ///   ``DataError/unreadable(file:reason:)`` for what is no video.
  init(file url: URL, name: String, searchPath: String, frameRate known: Double? = nil) throws {
    // An error of our own for what is missing, empty or no file at all.
    guard try ReadableFile(url).byteCount > 0 else {
      throw DataError.unreadable(file: url.path, reason: "is an empty file")
    }
    (kind, self.name) = (.video, name)
    let file = "file:\(url.path)"
    program = try FFmpegProgram(
      ["-xerror", "-protocol_whitelist", "file,pipe", "-i", file, "-map", "0:v:0"]
        + FFmpegSource.eachOnce + FFmpegSource.result,
      .reading,
      use: "the video '\(name)'",
      searchPath: searchPath
    )
    frameRate = try known ?? FFmpegSource.frameRate(of: file, searchPath: searchPath)
  }

  /// - Throws: ``InferenceError/failed(_:)`` where the program is missing.
  init(camera device: String, searchPath: String) throws {
    (kind, name, frameRate) = (.camera, device, nil)
    program = try FFmpegProgram(
      ["-fflags", "nobuffer", "-f", "v4l2", "-i", device] + FFmpegSource.eachOnce
        + FFmpegSource.result,
      .reading,
      use: "the camera '\(device)'",
      searchPath: searchPath
    )
  }

  /// - Throws: ``InferenceError/failed(_:)`` where the program is missing.
  init(stream address: String, searchPath: String) throws {
    (kind, name, frameRate) = (.stream, address, nil)
    let transport = address.lowercased().hasPrefix("rtsp") ? ["-rtsp_transport", "tcp"] : []
    program = try FFmpegProgram(
      ["-protocol_whitelist", "rtp,rtsp,rtmp,srt,tcp,udp,tls,crypto,http,https,httpproxy"]
        + transport + ["-fflags", "nobuffer", "-i", address, "-map", "0:v:0"]
        + FFmpegSource.eachOnce + FFmpegSource.result,
      .reading,
      use: "the stream '\(address)'",
      searchPath: searchPath
    )
  }

  /// Frames a second as `ffprobe` says; `nil` where it is not there or cannot say.
  private static func frameRate(of file: String, searchPath: String) throws -> Double? {
    guard let probe = ExternalProgram.find("ffprobe", in: searchPath) else { return nil }
    let output = try ExternalProgram.output(
      of: probe,
      [
        "-v", "error", "-protocol_whitelist", "file", "-select_streams", "v:0", "-show_entries",
        "stream=avg_frame_rate", "-of", "default=noprint_wrappers=1:nokey=1", file,
      ]
    )
    let numbers = (output ?? "").split { $0 == "/" || $0.isNewline }.compactMap { Double($0) }
    guard numbers.count >= 2, numbers[0] > 0, numbers[1] > 0 else { return nil }
    return numbers[0] / numbers[1]
  }

  func next() throws -> SourceEvent? {
    guard !isDone else { return nil }
    let origin = FrameOrigin(
      kind: kind,
      name: name,
      index: index,
      time: frameRate.map { Double(index) / $0 }
    )
    guard let size = readHeader() else { return end(origin) }
    let count = size.height * size.width * Image.channelCount
    let pixels = program.read(count)
    guard pixels.count == count else { return end(origin) }
    index += 1
    return .frame(SourceFrame(origin: origin, image: Image(size: size, pixels: pixels)))
  }

  /// The end of the pipe: of the video, or because something broke.
  private func end(_ origin: FrameOrigin) -> SourceEvent? {
    isDone = true
    guard let reason = program.finish() else {
      return index > 0 ? nil : .damaged(origin, reason: "it has no frames")
    }
    return .damaged(origin, reason: "ffmpeg cannot read on: \(reason)")
  }

  /// `P6`, width, height, largest value, each ended by one white space.
  private func readHeader() -> ImageSize? {
    var words: [String] = []
    var word = ""
    while words.count < 4 {
      guard let byte = program.read(1).first, word.count < 16 else { return nil }
      let letter = Character(Unicode.Scalar(byte))
      if letter.isWhitespace {
        words.append(word)
        word = ""
      } else {
        word.append(letter)
      }
    }
    guard words[0] == "P6", words[3] == "255", let width = Int(words[1]),
      let height = Int(words[2]), (1...32_768).contains(width), (1...32_768).contains(height)
    else { return nil }
    return ImageSize(height: height, width: width)
  }
}
