import Foundation
import OTXCore
import OTXImage

/// Everything that a user asked for, one after the other.
package final class InputSequence: FrameSource, @unchecked Sendable {
  // Pulled by one thread at a time, hence the unchecked conformance.
  private let items: [InputItem]
  private let loops: Bool
  private let searchPath: String
  private var position = 0
  private var current: (any FrameSource)?
  /// Whether the round through all items that is under way has given a picture.
  private var hasGiven = false
  /// Of the videos so far: a loop asks once.
  private var frameRates: [URL: Double] = [:]

  /// - Parameters:
  ///   - items: What there is to look at.
  ///   - loops: Whether to begin again after the last.
  ///   - searchPath: Where programs are looked for, folders with `:` between them.
  package init(
    _ items: [InputItem],
    loops: Bool = false,
    searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? ""
  ) {
    (self.items, self.loops, self.searchPath) = (items, loops, searchPath)
  }

  package var frameRate: Double? { current?.frameRate }

  package var isLive: Bool {
    items.contains { item in
      switch item {
      case .camera, .stream: true
      case .picture, .video: false
      }
    }
  }

  package func next() throws -> SourceEvent? {
    while true {
      if let current {
        if let event = try current.next() {
          if case .frame = event { hasGiven = true }
          return event
        }
        self.current = nil
      }
      if position == items.count {
        // Where nothing can be read, a loop would turn for ever.
        guard loops, hasGiven else { return nil }
        (position, hasGiven) = (0, false)
      }
      let item = items[position]
      position += 1
      switch item {
      case .picture(let url, let name):
        let origin = FrameOrigin(kind: .image, name: name)
        do {
          let image = try ImageFile.read(url)
          hasGiven = true
          return .frame(SourceFrame(origin: origin, image: image))
        } catch {
          return .damaged(origin, reason: reason(error, of: url.path))
        }
      case .video(let url, let name):
        do {
          current =
            try MotionJPEGSource(url, name: name)
            ?? FFmpegSource(
              file: url,
              name: name,
              searchPath: searchPath,
              frameRate: frameRates[url]
            )
          frameRates[url] = current?.frameRate
        } catch let error as DataError {
          return .damaged(
            FrameOrigin(kind: .video, name: name),
            reason: reason(error, of: url.path)
          )
        }
      case .camera(let device):
        current =
          try CameraSource(device)
          ?? FFmpegSource(camera: device, searchPath: searchPath)
      case .stream(let address):
        current = try FFmpegSource(stream: address, searchPath: searchPath)
      }
    }
  }
}

/// What is wrong with a file, without its name.
func reason(_ error: any Error, of file: String) -> String {
  guard case DataError.unreadable(let name, let reason) = error else { return "\(error)" }
  return name == file ? reason : "\(name): \(reason)"
}

/// An AVI file of JPEGs, frame by frame.
final class MotionJPEGSource: FrameSource, @unchecked Sendable {
  // Pulled by one thread at a time, hence the unchecked conformance.
  private let content: VideoContent
  private let name: String
  private let path: String
  private var index = 0
  private var isBroken = false

  /// - Returns: `nil` for a file that is no AVI, or an AVI of another kind.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  init?(_ url: URL, name: String) throws {
    guard let content = try MotionJPEGFile.read(url) else { return nil }
    (self.content, self.name, path) = (content, name, url.path)
  }

  var frameRate: Double? { content.frameRate }
  var isLive: Bool { false }

  func next() throws -> SourceEvent? {
    guard !isBroken else { return nil }
    let time = Double(index) / content.frameRate
    let origin = FrameOrigin(kind: .video, name: name, index: index, time: time)
    guard index < content.frameCount else {
      guard content.isCutShort else { return nil }
      isBroken = true
      return .damaged(origin, reason: "the file ends in the middle of it: it was cut short")
    }
    do {
      let image = try content.frames.image(at: index)
      index += 1
      return .frame(SourceFrame(origin: origin, image: image))
    } catch {
      isBroken = true
      guard case DataError.unreadable(_, let reason) = error else { throw error }
      return .damaged(origin, reason: reason)
    }
  }
}
