import Foundation
import OTXCore
import OTXImage

/// Where pictures with marks go: files in a folder, one file, or videos.
final class PictureTarget {
  private let url: URL
  private let isFile: Bool
  private let searchPath: String
  /// Names of files that were written, so that two pictures of one name both stay.
  private var used: Set<String> = []
  private var video: (any VideoWriter)?
  /// The source that the open video is of.
  private var videoName: String?
  /// What was written: files, in order.
  private(set) var files: [URL] = []

  /// - Parameters:
  ///   - path: A folder, or a file by its ending: a picture or a video.
  ///   - searchPath: Where programs are looked for.
  /// - Throws: ``FileError/cannotWrite(_:reason:)`` for a folder that cannot be written to.
  init(_ path: String, searchPath: String) throws {
    url = URL(filePath: path)
    let suffix = url.pathExtension.lowercased()
    let isVideo = VideoFile.isVideoName(url)
    isFile = !url.isFolder && (isVideo || ["png", "jpg", "jpeg"].contains(suffix))
    self.searchPath = searchPath
    try Folder.make(isFile ? url.deletingLastPathComponent() : url)
  }

  private var isVideo: Bool { isFile && VideoFile.isVideoName(url) }

  func add(_ image: Image, of origin: FrameOrigin, frameRate: Double?) throws {
    if origin.kind == .image, !isVideo {
      try closeVideo()
      let name = isFile ? url : file(named: URL(filePath: origin.name).lastPathComponent)
      try ImageFile.write(image, to: name)
      if !isFile || files.last != name { files.append(name) }
      return
    }
    if video == nil || (videoName != origin.name && !isVideo) {
      try closeVideo()
      let file = isFile ? url : file(named: videoFileName(of: origin))
      video =
        file.pathExtension.lowercased() == "avi"
        ? try MotionJPEGWriter(file, size: image.size, frameRate: frameRate ?? 25)
        : try FFmpegWriter(
          file,
          size: image.size,
          frameRate: frameRate ?? 25,
          searchPath: searchPath
        )
      videoName = origin.name
      files.append(file)
    }
    try video?.add(image)
  }

  /// Completes what is open.
  func finish() throws { try closeVideo() }

  private func closeVideo() throws {
    defer { (video, videoName) = (nil, nil) }
    try video?.finish()
  }

  /// A video keeps its kind where `ffmpeg` can write it.
  private func videoFileName(of origin: FrameOrigin) -> String {
    let source = URL(filePath: origin.name)
    let stem = source.deletingPathExtension().lastPathComponent
    let suffix = VideoFile.isVideoName(source) ? source.pathExtension : "mp4"
    let canWrite = ExternalProgram.find("ffmpeg", in: searchPath) != nil
    return "\(stem).\(canWrite ? suffix : "avi")"
  }

  /// A file of the folder whose name is not taken yet.
  private func file(named name: String) -> URL {
    let source = URL(filePath: name)
    let stem = source.deletingPathExtension().lastPathComponent
    // Only these are written; a TIFF's drawing is a JPEG.
    let suffix = source.pathExtension.lowercased()
    let kept = ["png", "jpg", "jpeg"].contains(suffix) || VideoFile.isVideoName(source)
    let ending = kept ? source.pathExtension : "jpg"
    var candidate = "\(stem).\(ending)"
    var number = 1
    while !used.insert(candidate).inserted {
      number += 1
      candidate = "\(stem)-\(number).\(ending)"
    }
    return url.appending(path: candidate)
  }
}

/// Writes frames to a video file that takes its name when it is complete.
protocol VideoWriter: AnyObject {
  func add(_ image: Image) throws
  func finish() throws
}

/// A video in any format that the machine's own `ffmpeg` writes.
private final class FFmpegWriter: VideoWriter {
  private let program: FFmpegProgram
  private let size: ImageSize
  private let target: URL
  private let aside: URL

  init(_ url: URL, size: ImageSize, frameRate: Double, searchPath: String) throws {
    (target, self.size) = (url, size)
    // The program takes the format from the ending.
    aside = url.deletingLastPathComponent()
      .appending(path: ".otx-\(getpid())-\(url.lastPathComponent)")
    program = try FFmpegProgram(
      [
        "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "\(size.width)x\(size.height)", "-r",
        String(format: "%.6g", frameRate), "-i", "pipe:0", "-an",
        // Most codecs take even sides only.
        "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "file:\(aside.path)",
      ],
      .writing,
      use: "writing '\(url.lastPathComponent)'",
      searchPath: searchPath
    )
  }

  deinit { try? FileManager.default.removeItem(at: aside) }

  func add(_ image: Image) throws { try program.write(image.fitted(to: size).pixels) }

  func finish() throws {
    if let reason = program.finish() {
      throw InferenceError.failed("\(target.path) cannot be written: \(reason)")
    }
    guard rename(aside.path, target.path) == 0 else {
      throw FileError.cannotWrite(target.path, reason: String(cString: strerror(errno)))
    }
  }
}

extension Image {
  /// The picture in the middle of one of another size, if it has not that size already.
  func fitted(to size: ImageSize) throws -> Image {
    guard self.size != size else { return self }
    let scale = min(
      Double(size.height) / Double(max(height, 1)),
      Double(size.width) / Double(max(width, 1))
    )
    let inner = ImageSize(
      height: min(max(Int((Double(height) * scale).rounded()), 1), size.height),
      width: min(max(Int((Double(width) * scale).rounded()), 1), size.width)
    )
    return try resized(
      to: inner,
      canvas: size,
      offset: ((size.height - inner.height) / 2, (size.width - inner.width) / 2)
    )
  }
}
