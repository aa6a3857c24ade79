package import OTXCore

/// Where a picture came from.
package struct FrameOrigin: Sendable, Equatable {
  /// What a source is.
  package enum Kind: String, Sendable { case image, video, camera, stream }
  package var kind: Kind
  /// As the user named it; files of a folder with the folder before them.
  package var name: String
  /// The frame's number, from 0; 0 for a picture.
  package var index = 0
  /// Seconds from the beginning, where that is known.
  package var time: Double?

  package init(kind: Kind, name: String, index: Int = 0, time: Double? = nil) {
    (self.kind, self.name, self.index, self.time) = (kind, name, index, time)
  }

  /// For messages: `a.avi: frame 12`.
  package var place: String { kind == .image ? name : "\(name): frame \(index)" }
}

/// A picture to look at.
package struct SourceFrame: Sendable {
  package var origin: FrameOrigin
  package var image: Image
  package init(origin: FrameOrigin, image: Image) { (self.origin, self.image) = (origin, image) }
}

/// What a source hands out.
package enum SourceEvent: Sendable {
  case frame(SourceFrame)
  /// Something that was to be read and could not be; what comes after it is unharmed.
  case damaged(FrameOrigin, reason: String)

  package var origin: FrameOrigin {
    switch self {
    case .frame(let frame): frame.origin
    case .damaged(let origin, _): origin
    }
  }
}

/// Pictures, one after the other; pulled by one thread at a time.
package protocol FrameSource: AnyObject, Sendable {
  /// The next picture; `nil` after the last.
  ///
  /// - Throws: What makes it useless to go on: a camera that is not there, a missing program.
  func next() throws -> SourceEvent?
  /// Frames a second of a video or camera.
  var frameRate: Double? { get }
  /// Whether it shows what happens now: what is not looked at in time is past.
  var isLive: Bool { get }
}
