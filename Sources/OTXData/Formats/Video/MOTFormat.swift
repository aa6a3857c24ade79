public import Foundation
public import OTXCore

/// MOT Challenge: boxes of tracks in the frames of videos.
///
/// Milan et al., MOT16: A Benchmark for Multi-Object Tracking, arXiv:1603.00831, and motchallenge.net
/// for `seqinfo.ini`. A line of `gt/gt.txt` is `frame, track, x, y, width, height, confidence, class,
/// visibility`; coordinates are taken as they stand. An object's ``OTXCore/Annotation/id`` is its
/// track. Confidence 0 in `gt.txt` marks what is not to be counted: a crowd. A folder may be one
/// sequence or hold several, in folders of subsets or not.
public struct MOTFormat: DatasetFormat {
  public let name = "mot_seq"
  public let title = "MOT Challenge"
  public let layouts = [
    "img1/*.jpg, gt/gt.txt (and seqinfo.ini, gt/labels.txt), one folder a sequence"
  ]
  public var variants: [any DatasetFormat] { [MOTGroundTruthFormat()] }

  /// Classes of `gt.txt`, from 1 on, where no `labels.txt` names them.
  static let classes = [
    "pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle",
    "static person", "distractor", "occluder", "occluder on the ground", "occluder full",
    "reflection",
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? MOTFormat.sequences(in: root).first else { return .no(nearly: nil) }
    return .certain(first.file.path(below: root))
  }

  struct Sequence {
    var subset: Subset
    var folder: URL
    var file: URL
  }

  /// Sequences at most two folders down.
  static func sequences(in root: URL, depth: Int = 2, subset: Subset? = nil) throws -> [Sequence] {
    let listing = try FolderListing(root)
    for (folder, name) in [("gt", "gt.txt"), ("det", "det.txt")] {
      guard let place = listing.folder(folder) else { continue }
      let file = place.appending(path: name)
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      return [Sequence(subset: subset ?? .train, folder: root, file: file)]
    }
    guard depth > 0 else { return [] }
    return try listing.folders.prefix(10_000).flatMap { folder in
      let own = Subset(folderName: folder.lastPathComponent)
      return try sequences(in: folder, depth: depth - 1, subset: subset ?? own)
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    var sequences: [Sequence] = []
    let base: URL
    switch location {
    case .root(let root, _):
      base = root
      sequences = try MOTFormat.sequences(in: root)
      guard !sequences.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no MOT sequence; expected \(layouts[0])"
        )
      }
    case .subsets(let subsets, _):
      for subset in Subset.allCases {
        guard let folder = subsets[subset]?.root ?? subsets[subset]?.annotations else { continue }
        sequences += try MOTFormat.sequences(in: folder, subset: subset)
      }
      base = sequences.first?.folder ?? URL(filePath: "/")
    }
    var reading = FormatReading()
    for sequence in sequences { try MOTReader(sequence, base: base).read(into: &reading) }
    return reading
  }
}

/// Reads one sequence.
struct MOTReader {
  let sequence: MOTFormat.Sequence
  let base: URL
  /// More frames than this are no video of one sequence.
  static let maximumFrameCount = 10_000_000

  init(_ sequence: MOTFormat.Sequence, base: URL) { (self.sequence, self.base) = (sequence, base) }

  private struct Information {
    var folder = "img1"
    var frameCount = 0
    var size: ImageSize?
    var ending = ".jpg"
  }

  func read(into reading: inout FormatReading) throws {
    let information = try self.information()
    let listing = try FolderListing(sequence.folder)
    let folder = listing.folder(information.folder) ?? sequence.folder.appending(path: "img1")
    var frames: [Int: DatasetItem] = [:]
    func item(_ url: URL, _ frame: Int) -> DatasetItem {
      var item = DatasetItem(
        id: url.path(below: base),
        image: .file(url),
        size: information.size,
        annotations: [],
        origin: sequence.file.path(below: base)
      )
      item.attributes["frame"] = .number(Double(frame))
      return item
    }
    func stated(_ frame: Int) -> DatasetItem {
      let digits = "\(frame)"
      let name = String(repeating: "0", count: max(6 - digits.count, 0)) + digits
      return item(folder.appending(path: name + information.ending), frame)
    }
    for picture in (try? FolderListing(folder))?.pictures ?? [] {
      let stem = picture.deletingPathExtension().lastPathComponent
      guard let frame = Int(stem) else {
        reading.problems.note(
          "picture that is no frame",
          at: picture.path(below: base),
          "its name is no number, so that nothing can be said about it"
        )
        continue
      }
      frames[frame] = item(picture, frame)
    }
    for frame in 1..<information.frameCount + 1 where frames[frame] == nil {
      frames[frame] = stated(frame)
    }
    let labels = try labels()
    var used = 0
    for (frame, annotation, label) in try rows(labels, &reading.problems) {
      var annotation = annotation
      if let label {
        annotation.label = label < labels.count ? labels[label] : "class_\(label + 1)"
        used = max(used, label + 1)
      }
      frames[frame, default: stated(frame)].annotations.append(annotation)
    }
    let names = labels + (labels.count..<max(used, labels.count)).map { "class_\($0 + 1)" }
    for name in names where !reading.labels.contains(name) { reading.labels.append(name) }
    reading.items[sequence.subset, default: []] += frames.sorted { $0.key < $1.key }.map(\.value)
  }

  /// `gt/labels.txt`, a name a line; MOT's own without it.
  private func labels() throws -> [String] {
    let file = sequence.file.deletingLastPathComponent().appending(path: "labels.txt")
    guard FileManager.default.fileExists(atPath: file.path) else { return MOTFormat.classes }
    return try NumberedLines.read(file, name: file.path(below: base)).map(\.text)
  }

  private func information() throws -> Information {
    let file = sequence.folder.appending(path: "seqinfo.ini")
    var result = Information()
    guard FileManager.default.fileExists(atPath: file.path) else { return result }
    let name = file.path(below: base)
    var values: [String: String] = [:]
    for (_, line) in try NumberedLines.read(file, name: name) {
      let parts = line.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      values[parts[0].trimmingCharacters(in: .whitespaces).lowercased()] =
        parts[1].trimmingCharacters(in: .whitespaces)
    }
    if let folder = values["imdir"], !folder.contains("..") { result.folder = folder }
    if let ending = values["imext"] { result.ending = ending }
    if let height = values["imheight"].flatMap({ Int($0) }),
      let width = values["imwidth"].flatMap({ Int($0) }), height > 0, width > 0
    {
      result.size = ImageSize(height: height, width: width)
    }
    if let text = values["seqlength"] {
      guard let count = Int(text), (0...MOTReader.maximumFrameCount).contains(count) else {
        throw DataError.unreadable(file: name, reason: "seqLength '\(text)' is no number of frames")
      }
      result.frameCount = count
    }
    return result
  }

  private func rows(
    _ labels: [String],
    _ problems: inout [DatasetProblem]
  ) throws -> [(frame: Int, Annotation, label: Int?)] {
    let name = sequence.file.path(below: base)
    let isTruth = sequence.file.lastPathComponent != "det.txt"
    var result: [(frame: Int, Annotation, label: Int?)] = []
    for (number, line) in try NumberedLines.read(sequence.file, name: name) {
      let numbers = line.split { ", \t;".contains($0) }.map { Double($0) ?? .nan }
      guard numbers.count >= 6, numbers.allSatisfy(\.isFinite),
        let frame = Int(exactly: numbers[0]), (0...MOTReader.maximumFrameCount).contains(frame),
        let track = Int(exactly: numbers[1])
      else {
        problems.leaveOut(
          "line that is no object",
          at: "\(name):\(number)",
          "'\(line)' is not 'frame, track, x, y, width, height, …'"
        )
        continue
      }
      let box = BoundingBox(
        x1: Float(numbers[2]),
        y1: Float(numbers[3]),
        x2: Float(numbers[2] + numbers[4]),
        y2: Float(numbers[3] + numbers[5])
      )
      var annotation = Annotation.box(box, label: nil)
      if track > 0 { annotation.id = track }
      let confidence = numbers.count > 6 ? numbers[6] : 1
      if isTruth {
        annotation.isCrowd = confidence == 0
        if confidence == 0 { annotation.attributes["ignored"] = .flag(true) }
        // Lists of detections have places in the world there.
        if numbers.count > 8, (0...1).contains(numbers[8]) {
          annotation.attributes["visibility"] = .number(numbers[8])
          if numbers[8] <= 0 { annotation.attributes["occluded"] = .flag(true) }
        }
      } else {
        annotation.attributes["score"] = .number(confidence)
      }
      let label = numbers.count > 7 ? Int(exactly: numbers[7]) : nil
      let isKnown = label.map { (1...100_000).contains($0) } ?? false
      result.append((frame, annotation, isKnown ? label.map { $0 - 1 } : nil))
    }
    return result
  }
}

/// MOT's ground truth, written: a sequence for each subset.
///
/// Frames are numbered by the names of their pictures, or by the attribute `frame`.
struct MOTGroundTruthFormat: WritableDatasetFormat {
  let name = "mot_seq_gt"
  let title = "MOT Challenge, ground truth"
  var layouts: [String] { MOTFormat().layouts }

  func recognizes(_ root: URL) -> Recognition { MOTFormat().recognizes(root) }
  func read(_ location: DataLocation) throws -> FormatReading { try MOTFormat().read(location) }

  func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try dataset.requireObjects(in: title, withLabels: false)
    for item in dataset.items.values.joined() { _ = try frame(of: item) }
    for subset in Subset.allCases {
      guard let items = dataset.items[subset] else { continue }
      let folder = root.appending(path: subset.rawValue)
      let pictures = folder.appending(path: "img1")
      for place in [pictures, folder.appending(path: "gt")] { try PictureWriter.makeFolder(place) }
      var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      var lines = ""
      var seen: Set<Int> = []
      for item in items {
        let number = try frame(of: item)
        guard seen.insert(number).inserted else {
          throw DataError.invalidItem(
            item.id,
            reason: "is the second frame \(number) of its subset"
          )
        }
        var renamed = item
        let ending = URL(filePath: item.id).pathExtension
        let digits = "\(number)"
        renamed.id =
          String(repeating: "0", count: max(6 - digits.count, 0)) + digits
          + (ending.isEmpty ? "" : ".\(ending)")
        _ = try names.write(renamed)
        for annotation in item.annotations {
          guard let box = annotation.box else { continue }
          let label = annotation.label.flatMap { dataset.labels.index(of: $0) }.map { $0 + 1 } ?? -1
          var visibility = "1"
          if case .number(let value)? = annotation.attributes["visibility"] {
            visibility = "\(AttributeValue.number(value))"
          }
          lines +=
            "\(number),\(annotation.id ?? -1),\(box.x1),\(box.y1),\(box.width),\(box.height),\(annotation.isCrowd ? 0 : 1),\(label),\(visibility)\n"
        }
      }
      try PictureWriter.write(Data(lines.utf8), to: folder.appending(path: "gt/gt.txt"))
      let labels = dataset.labels.names.map { $0 + "\n" }.joined()
      try PictureWriter.write(Data(labels.utf8), to: folder.appending(path: "gt/labels.txt"))
    }
  }

  private func frame(of item: DatasetItem) throws -> Int {
    if case .number(let number)? = item.attributes["frame"], let frame = Int(exactly: number),
      frame >= 0
    {
      return frame
    }
    let stem = PictureStems.stem(URL(filePath: item.id).lastPathComponent)
    guard let frame = Int(stem), frame >= 0 else {
      throw DataError.invalidItem(
        item.id,
        reason: "is no frame of a video: MOT numbers its pictures, as in 000001.jpg"
      )
    }
    return frame
  }
}
