public import Foundation
public import OTXCore
import OTXImage

/// Videos whose frames are pictures without annotations; they are read out of the video when needed.
public struct VideoFramesFormat: DatasetFormat {
  /// Which frames are taken.
  private enum Choice: Sendable {
    case all
    case everySecond
  }

  public let name: String
  public let title: String
  public let layouts = ["*.mp4, *.avi, *.mkv, … in one folder or in folders below it"]
  private let choice: Choice

  public init() { self.init("video_frames", "Frames of videos", .all) }

  private init(_ name: String, _ title: String, _ choice: Choice) {
    (self.name, self.title, self.choice) = (name, title, choice)
  }

  /// `video_seconds`: one frame a second, from the middle of each.
  public var variants: [any DatasetFormat] {
    choice == .all
      ? [VideoFramesFormat("video_seconds", "Frames of videos, one a second", .everySecond)] : []
  }

  public func recognizes(_ root: URL) -> Recognition {
    if VideoFile.isVideoName(root), (try? ReadableFile(root)) != nil {
      return .possible(root.lastPathComponent)
    }
    guard let listing = try? FolderListing(root) else { return .no(nearly: nil) }
    let videos = listing.files.filter(VideoFile.isVideoName)
    guard let first = videos.first else { return .no(nearly: nil) }
    guard videos.count == listing.files.count, listing.folders.isEmpty else {
      return .no(nearly: "videos, and other things beside them")
    }
    return .possible("videos and nothing else, \(first.lastPathComponent) …")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let isFile = VideoFile.isVideoName(root) && (try? FolderListing(root)) == nil
    let videos = isFile ? [root] : try VideoFolder.videos(below: root)
    guard !videos.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no videos; expected \(layouts[0])")
    }
    let base = isFile ? root.deletingLastPathComponent() : root
    var reading = FormatReading()
    var failures: [any Error] = []
    for url in videos {
      let place = url.path(below: base)
      do {
        let video = try VideoFile(url)
        let indices =
          choice == .all
          ? Array(0..<video.frameCount) : VideoClip.indices(of: video, from: 0, to: .infinity)
        reading.items[.train, default: []] += indices.map { index in
          VideoClip.item(video, index, place: place, annotations: [])
        }
      } catch let error as DataError {
        failures.append(error)
        reading.problems.append(VideoClip.problem(error, at: place))
      }
    }
    // One reason for all of them, as a missing program, is better said as it is.
    if reading.items.isEmpty, let first = failures.first { throw first }
    return reading
  }
}

/// The videos of a folder.
enum VideoFolder {
  /// By path, 4 folders deep at most.
  static func videos(below root: URL, depth: Int = 4) throws -> [URL] {
    let listing = try FolderListing(root)
    let videos = listing.files.filter(VideoFile.isVideoName)
    guard depth > 0 else { return videos }
    return try videos + listing.folders.flatMap { try Self.videos(below: $0, depth: depth - 1) }
  }
}

/// A part of a video as items.
enum VideoClip {
  /// The frames in the middle of each second from `start` to `end`; at least one.
  static func indices(of video: VideoFile, from start: Double, to end: Double) -> [Int] {
    let end = min(end, video.duration)
    let start = max(start, 0)
    func index(_ time: Double) -> Int {
      min(max(Int(min(time * video.frameRate, 1e9)), 0), video.frameCount - 1)
    }
    guard end - start > 1 else { return [index((start + max(end, start)) / 2)] }
    let all = (0..<Int(end - start)).map { index(start + Double($0) + 0.5) }
    // A rate below one frame a second shows a frame for several.
    return all.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
  }

  static func item(
    _ video: VideoFile,
    _ index: Int,
    place: String,
    annotations: [Annotation]
  ) -> DatasetItem {
    let digits = String(1_000_000 + index).dropFirst(index < 1_000_000 ? 1 : 0)
    return DatasetItem(
      id: "\(place)/\(digits)",
      image: video.frame(index),
      size: video.size,
      annotations: annotations,
      origin: place
    )
  }

  static func problem(_ error: DataError, at place: String) -> DatasetProblem {
    let reason = if case .unreadable(_, let reason) = error { reason } else { error.description }
    return DatasetProblem(
      kind: "unreadable video",
      location: place,
      message: "the video \(reason)",
      remedy: .leftOut
    )
  }
}
