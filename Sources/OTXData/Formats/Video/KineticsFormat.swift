public import Foundation
public import OTXCore
import OTXImage

/// Kinetics: clips of videos with a label each; frames of a clip are pictures with its label.
///
/// Kay et al., The Kinetics Human Action Video Dataset, 2017, and the lists of its later versions: CSV
/// with `label, youtube_id, time_start, time_end, split`, or JSON of objects by video with
/// `annotations: {label, segment}` and `subset`. A video is `<youtube_id>.*` or has that in its name,
/// in its subset's folder or anywhere below the root. One frame of each second is taken; of a video
/// that is shorter than the clip's end says, as of those that hold the clip alone, from its beginning.
public struct KineticsFormat: DatasetFormat {
  public let name = "kinetics"
  public let title = "Kinetics"
  public let layouts = [
    "{train,val,test}.csv or .json with youtube_id or url, {train,val,test}/<youtube_id>.mp4"
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root) else { return .no(nearly: nil) }
    let file = KineticsFormat.lists(listing).first { KineticsFormat.isList($0) }
    return file.map { .certain($0.lastPathComponent) } ?? .no(nearly: nil)
  }

  private static func lists(_ listing: FolderListing) -> [URL] {
    listing.files(endingIn: "csv") + listing.files(endingIn: "json")
  }

  /// Whether a file begins as the lists do.
  private static func isList(_ url: URL) -> Bool {
    guard let start = try? ReadableFile(url).bytes(at: 0, count: 4096) else { return false }
    let text = String(decoding: start, as: UTF8.self)
    if url.pathExtension.lowercased() == "csv" {
      let columns = text.prefix { !$0.isNewline }.split(separator: ",")
        .map { $0.trimmingCharacters(in: .whitespaces) }
      return columns.contains("youtube_id") && columns.contains("label")
    }
    return text.contains("\"annotations\"") && text.contains("\"segment\"")
      && text.contains("\"url\"")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let listing = try FolderListing(root)
    var clips: [Clip] = []
    var names: Set<String> = []
    for url in KineticsFormat.lists(listing) where KineticsFormat.isList(url) {
      // The same list in both forms is read once.
      guard names.insert(url.deletingPathExtension().lastPathComponent).inserted else { continue }
      clips +=
        try url.pathExtension.lowercased() == "csv"
        ? KineticsList.csv(url, name: url.lastPathComponent)
        : KineticsList.json(url, name: url.lastPathComponent)
    }
    guard !clips.isEmpty else {
      throw DataError.unreadable(
        file: root.path,
        reason: "holds no list of clips; expected \(layouts[0])"
      )
    }
    var reading = FormatReading()
    var known: Set<String> = []
    for clip in clips where known.insert(clip.label).inserted { reading.labels.append(clip.label) }
    var videos = ClipVideos(try VideoFolder.videos(below: root))
    for clip in clips {
      do {
        try reading.add(clip, videos.video(of: clip), root: root)
      } catch let error as DataError {
        reading.problems.append(VideoClip.problem(error, at: clip.place))
      }
    }
    return reading
  }

  /// A line of a list.
  struct Clip {
    var video: String
    var label: String
    var start: Double
    var end: Double
    var subset: Subset
    /// Where it stands.
    var place: String
  }
}

/// Finds and keeps the videos of clips.
private struct ClipVideos {
  private let urls: [URL]
  private let places: [String: [URL]]
  private var opened: [URL: Result<VideoFile, DataError>] = [:]

  init(_ urls: [URL]) {
    self.urls = urls
    places = Dictionary(grouping: urls) { $0.deletingPathExtension().lastPathComponent }
  }

  mutating func video(of clip: KineticsFormat.Clip) throws -> VideoFile {
    func isOfSubset(_ url: URL) -> Bool {
      clip.subset.folderNames.contains(
        url.deletingLastPathComponent().lastPathComponent.lowercased()
      )
    }
    // Some programs add the times to the name.
    let named =
      places[clip.video]
      ?? urls.filter {
        !clip.video.isEmpty && $0.lastPathComponent.contains(clip.video)
      }
    guard let url = named.first(where: isOfSubset) ?? named.first else {
      throw DataError.unreadable(file: clip.video, reason: "'\(clip.video)' is not there")
    }
    if opened[url] == nil {
      do {
        opened[url] = .success(try VideoFile(url))
      } catch let error as DataError {
        opened[url] = .failure(error)
      }
    }
    guard let result = opened[url] else {
      throw DataError.unreadable(file: url.path, reason: "cannot be read")
    }
    return try result.get()
  }
}

extension FormatReading {
  fileprivate mutating func add(
    _ clip: KineticsFormat.Clip,
    _ video: VideoFile,
    root: URL
  ) throws {
    var (start, end) = (clip.start, clip.end)
    guard start.isFinite, end.isFinite, start >= 0, end >= start else {
      throw DataError.unreadable(
        file: clip.place,
        reason: "has no such clip: it lasts from \(start) to \(end)"
      )
    }
    // Times are those of the film it was cut from.
    if end > video.duration + 1 { (start, end) = (0, end - start) }
    var annotation = Annotation.label(clip.label)
    annotation.attributes = ["time_start": .number(clip.start), "time_end": .number(clip.end)]
    let place = video.url.path(below: root)
    items[clip.subset, default: []] += VideoClip.indices(of: video, from: start, to: end).map {
      VideoClip.item(video, $0, place: place, annotations: [annotation])
    }
  }
}

/// Reads lists of clips.
private enum KineticsList {
  static func csv(_ url: URL, name: String) throws -> [KineticsFormat.Clip] {
    var table = try CSVTable(
      url,
      name: name,
      requiring: ["label", "youtube_id", "time_start", "time_end"]
    )
    let stem = url.deletingPathExtension().lastPathComponent
    var clips: [KineticsFormat.Clip] = []
    while let row = try table.next() {
      guard let label = table.value("label", of: row) else {
        throw DataError.unreadable(file: "\(name):\(row.line)", reason: "the clip has no label")
      }
      clips.append(
        KineticsFormat.Clip(
          video: table.value("youtube_id", of: row) ?? "",
          label: label,
          start: try table.number("time_start", of: row),
          end: try table.number("time_end", of: row),
          subset: subset(table.value("split", of: row), stem),
          place: "\(name):\(row.line)"
        )
      )
    }
    return clips
  }

  static func json(_ url: URL, name: String) throws -> [KineticsFormat.Clip] {
    let stem = url.deletingPathExtension().lastPathComponent
    var clips: [KineticsFormat.Clip] = []
    try JSONScanner.scan(url, name: name) { scanner in
      try scanner.object { scanner, video in
        let start = scanner.position
        var (label, word): (String?, String?)
        var segment: [Float] = []
        guard scanner.nextKind() == .object else {
          throw scanner.failure("the clip '\(video)' is no object")
        }
        try scanner.object { scanner, key in
          switch key {
          case "subset", "split": word = try scanner.stringIfPresent()
          case "annotations" where scanner.nextKind() == .object:
            try scanner.object { scanner, key in
              switch key {
              case "label": label = try scanner.stringIfPresent()
              case "segment" where scanner.nextKind() == .array:
                try scanner.appendNumbers(to: &segment)
              default: try scanner.skipValue()
              }
            }
          default: try scanner.skipValue()
          }
        }
        guard let label, segment.count == 2 else {
          throw scanner.failure(
            "the clip '\(video)' has no label, or no segment [start, end]",
            at: start
          )
        }
        clips.append(
          KineticsFormat.Clip(
            video: video,
            label: label,
            start: Double(segment[0]),
            end: Double(segment[1]),
            subset: subset(word, stem),
            place: "\(name): \(video)"
          )
        )
      }
    }
    return clips
  }

  /// The subset that a clip or its list is named after; that of training where neither is.
  private static func subset(_ word: String?, _ stem: String) -> Subset {
    word.flatMap { Subset(folderName: $0, allowsPrefix: true) }
      ?? Subset(folderName: stem, allowsPrefix: true) ?? .train
  }
}
