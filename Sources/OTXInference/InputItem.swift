package import Foundation
import OTXCore
import OTXImage

/// One thing that a user asks to look at.
package enum InputItem: Sendable, Equatable {
  case picture(URL, name: String)
  case video(URL, name: String)
  /// A video device: `/dev/video0`.
  case camera(String)
  /// A network address: `rtsp://…`.
  case stream(String)

  /// Names of protocols that streams come by.
  private static let protocols = ["rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt"]

  /// What the words of a command line mean: pictures, folders, patterns, videos, cameras, streams.
  ///
  /// - Throws: ``InferenceError`` for what is none of these.
  package static func items(_ arguments: [String]) throws -> [InputItem] {
    let found = try arguments.flatMap { try items(of: $0) }
    guard !found.isEmpty else { throw InferenceError.usage("there is nothing to look at") }
    return found
  }

  private static func items(of argument: String) throws -> [InputItem] {
    if let end = argument.range(of: "://"),
      protocols.contains(argument[..<end.lowerBound].lowercased())
    {
      return [.stream(argument)]
    }
    let url = URL(filePath: argument)
    if url.isFolder { return try folder(argument) }
    if FileManager.default.fileExists(atPath: url.path) {
      if isDevice(url) { return [.camera(argument)] }
      return [try file(argument)]
    }
    if let number = Int(argument), (0..<256).contains(number) {
      return [.camera("/dev/video\(number)")]
    }
    if argument.hasPrefix("/dev/video") { return [.camera(argument)] }
    if argument.contains(where: { "*?[".contains($0) }) {
      let found = matches(of: argument)
      guard !found.isEmpty else {
        throw InferenceError.usage("no file matches the pattern '\(argument)'")
      }
      return try found.flatMap { try items(of: $0) }
    }
    throw InferenceError.usage(
      "there is nothing at '\(argument)': name a picture, a folder, a pattern, a video, a camera (0, "
        + "/dev/video0) or an address (rtsp://…)"
    )
  }

  /// The pictures and videos that a folder itself holds, in the order of their names.
  private static func folder(_ name: String) throws -> [InputItem] {
    let prefix = name.hasSuffix("/") ? name : name + "/"
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: name).sorted()
    } catch {
      throw InferenceError.usage("'\(name)' cannot be listed: \(error.reason)")
    }
    let found = names.compactMap { entry -> InputItem? in
      let url = URL(filePath: prefix + entry)
      guard !entry.hasPrefix("."), !url.isFolder else { return nil }
      if ImageFormat.fileExtensions.contains(url.pathExtension.lowercased()) {
        return .picture(url, name: prefix + entry)
      }
      return VideoFile.isVideoName(url) ? .video(url, name: prefix + entry) : nil
    }
    guard !found.isEmpty else {
      throw InferenceError.usage("'\(name)' holds no pictures and no videos")
    }
    return found
  }

  /// A file, by its first bytes, and by its name where they say nothing.
  private static func file(_ name: String) throws -> InputItem {
    let url = URL(filePath: name)
    let start: [UInt8]
    do {
      start = try ReadableFile(url).bytes(at: 0, count: 12)
    } catch {
      throw InferenceError.usage("\(error)")
    }
    if ImageFormat(magic: start) != nil { return .picture(url, name: name) }
    let suffix = url.pathExtension.lowercased()
    if VideoFile.isVideoName(url) || start.starts(with: Array("RIFF".utf8)) {
      return .video(url, name: name)
    }
    // A damaged picture is told as one, when its turn comes.
    if ImageFormat.fileExtensions.contains(suffix) { return .picture(url, name: name) }
    let known = ImageFormat.allCases.map(\.rawValue).joined(separator: ", ")
    throw InferenceError.usage(
      "'\(name)' is neither a picture (\(known)) nor a video: its format"
        + (suffix.isEmpty ? "" : " '.\(suffix)'") + " is not known"
    )
  }

  private static func isDevice(_ url: URL) -> Bool {
    var status = stat()
    return stat(url.path, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR
  }

  private static func matches(of pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, 0, nil, &found) == 0, let paths = found.gl_pathv else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
  }
}

/// What keeps models from looking at pictures.
package enum InferenceError: Error, Equatable, Sendable {
  /// What the user asked for makes no sense.
  case usage(String)
  /// A source or a target failed.
  case failed(String)
}

extension InferenceError: LocalizedError, CustomStringConvertible {
  package var errorDescription: String? { description }
  package var description: String {
    switch self {
    case .usage(let text), .failed(let text): text
    }
  }
}
