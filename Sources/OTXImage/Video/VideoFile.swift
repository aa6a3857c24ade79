package import Foundation
package import OTXCore

/// A video as pictures, frame by frame.
///
/// AVI files of Motion JPEG are read here; all others by the programs `ffprobe` and `ffmpeg` of the
/// FFmpeg project, where they are on the path.
package final class VideoFile: EmbeddedPictureReader {
  package let url: URL
  package let size: ImageSize
  package let frameCount: Int
  /// Frames a second, on average.
  package let frameRate: Double
  private let frames: any VideoFrames

  /// - Parameters:
  ///   - url: The video.
  ///   - searchPath: Where programs are looked for, folders with `:` between them.
  /// - Throws: ``DataError/unreadable(file:reason:)`` for what is no video, and where a program is
  ///   missing that could read it.
  package init(
    _ url: URL,
    searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? ""
  ) throws {
    self.url = url
    let content: VideoContent
    if let native = try MotionJPEGFile.read(url) {
      content = native
    } else {
      content = try FFmpegVideo.read(url, searchPath: searchPath)
    }
    guard content.size.height > 0, content.size.width > 0, content.frameCount > 0 else {
      throw DataError.unreadable(file: url.path, reason: "is a video without frames")
    }
    size = content.size
    frameCount = content.frameCount
    frameRate = content.frameRate
    frames = content.frames
  }

  /// Seconds from its beginning to its end.
  package var duration: Double { Double(frameCount) / frameRate }

  /// The frame of a number, from 0.
  package func frame(_ index: Int) -> ImageSource {
    .embedded(EmbeddedPicture(url: url, name: "\(index)", reader: self))
  }

  package func size(of name: String) throws -> ImageSize {
    _ = try index(of: name)
    return size
  }

  package func image(of name: String) throws -> Image { try frames.image(at: index(of: name)) }

  package func encodedBytes(of name: String) throws -> [UInt8]? {
    try frames.encodedBytes(at: index(of: name))
  }

  private func index(of name: String) throws -> Int {
    guard let index = Int(name), (0..<frameCount).contains(index) else {
      throw DataError.unreadable(
        file: url.path,
        reason: "has no frame \(name); it has \(frameCount)"
      )
    }
    return index
  }

  /// Endings of video files, lower case.
  package static let fileExtensions: Set<String> = [
    "3g2", "3gp", "asf", "avi", "divx", "f4v", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg",
    "mpg", "mts",
    "mxf", "ogg", "ogv", "ts", "vob", "webm", "wmv",
  ]

  package static func isVideoName(_ url: URL) -> Bool {
    fileExtensions.contains(url.pathExtension.lowercased())
  }
}

/// What is known of a video, and how its frames are read.
package struct VideoContent {
  package var size: ImageSize
  package var frameCount: Int
  package var frameRate: Double
  package var frames: any VideoFrames
  /// Whether the file says that it is longer than it is.
  package var isCutShort = false
}

/// Reads frames by number; called on any thread.
package protocol VideoFrames: Sendable {
  func image(at index: Int) throws -> Image
  /// The bytes of the frame's picture file; `nil` where it is no file of its own.
  func encodedBytes(at index: Int) throws -> [UInt8]?
}
