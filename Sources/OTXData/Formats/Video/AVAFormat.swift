public import Foundation
public import OTXCore
import OTXImage

/// AVA actions: boxes of people and what they do, in frames of films.
///
/// Gu et al., AVA: A Video Dataset of Spatio-temporally Localized Atomic Visual Actions, CVPR 2018,
/// and research.google.com/ava/download.html: `video, second, x1, y1, x2, y2, action, person`, with
/// coordinates as shares of the frame. Files with coordinates beyond 1 are taken as pixels. Each
/// action of a person is an object of its own, whose ``OTXCore/Annotation/id`` is the person. Frames
/// are pictures `frames/<video>/<video>_<second>.jpg`.
public struct AVAFormat: WritableDatasetFormat {
  public let name = "ava"
  public let title = "AVA actions"
  public let layouts = [
    "annotations/ava_{train,val}_v2.2.csv, annotations/ava_action_list_v2.2.pbtxt, frames/<video>/<video>_<second>.jpg"
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let file = try? AVAFormat.files(in: root).first else { return .no(nearly: nil) }
    return .certain(file.path(below: root))
  }

  private static func files(in root: URL) throws -> [URL] {
    let listing = try FolderListing(root)
    let folder = try listing.folder("annotations").map { try FolderListing($0) } ?? listing
    return folder.files(endingIn: "csv").filter { file in
      let name = file.lastPathComponent
      return name.hasPrefix("ava_") && !name.contains("timestamps")
        && name.split(separator: "_").contains { Subset(folderName: String($0)) != nil }
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    guard case .root(let root, _) = location else {
      throw DataError.unreadable(file: "ava", reason: "name the dataset's folder as the data root")
    }
    let files = try AVAFormat.files(in: root)
    guard let first = files.first else {
      throw DataError.unreadable(
        file: root.path,
        reason: "holds no AVA dataset; expected \(layouts[0])"
      )
    }
    var reading = FormatReading()
    let actions = try AVAFormat.actions(beside: first, root)
    reading.labels = actions.sorted { $0.key < $1.key }.map(\.value)
    for file in files {
      let words = file.lastPathComponent.split { "_.".contains($0) }
      let subset = words.lazy.compactMap { Subset(folderName: String($0)) }.first ?? .train
      var reader = AVAReader(root: root, actions: actions)
      reading.items[subset, default: []] += try reader.read(file, name: file.path(below: root))
      reading.problems += reader.problems
      for label in reader.otherLabels where !reading.labels.contains(label) {
        reading.labels.append(label)
      }
    }
    reading.noteUnusedPictures(base: root)
    return reading
  }

  /// Names of actions by number; the list's items are `label { name: "…" label_id: 1 }`.
  private static func actions(beside file: URL, _ root: URL) throws -> [Int: String] {
    let folder = try FolderListing(file.deletingLastPathComponent())
    guard let list = folder.files(endingIn: "pbtxt").first else { return [:] }
    let name = list.path(below: root)
    let text = String(decoding: try ReadFile.bytes(list, name: name), as: UTF8.self)
    let pairs = TFLabelMap.read(text, idKeys: ["id", "label_id"]).map { ($0.number, $0.label) }
    return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try dataset.requireObjects(in: title)
    let annotations = root.appending(path: "annotations")
    try PictureWriter.makeFolder(annotations)
    var list = ""
    for (index, name) in dataset.labels.names.enumerated() {
      let text = name.replacingOccurrences(of: "\"", with: "'")
        .replacingOccurrences(of: "\n", with: " ")
      list += "label {\n  name: \"\(text)\"\n  label_id: \(index + 1)\n}\n"
    }
    try PictureWriter.write(
      Data(list.utf8),
      to: annotations.appending(path: "ava_action_list_v2.2.pbtxt")
    )
    for subset in Subset.allCases {
      guard let items = dataset.items[subset] else { continue }
      var rows = ""
      var writers: [String: PictureWriter] = [:]
      for item in items {
        let stem = PictureStems.stem(URL(filePath: item.id).lastPathComponent)
        // `<video>_<second>`: what stands behind the last `_` is the second.
        let parts = stem.split(separator: "_")
        let isFrame = parts.count > 1 && parts.last.flatMap { Int($0) } != nil
        guard isFrame, let second = parts.last else {
          throw DataError.invalidItem(
            item.id,
            reason: "is no frame of a film: AVA names them <video>_<second>.jpg"
          )
        }
        let video = String(stem.dropLast(second.count + 1))
        let folder = root.appending(path: "frames/\(video)")
        if writers[video] == nil { try PictureWriter.makeFolder(folder) }
        let size = try writers[
          video,
          default: PictureWriter(folder: folder, options: options, hasUniqueStems: true)
        ].write(item).size
        let (height, width) = (Double(size.height), Double(size.width))
        for annotation in item.annotations {
          guard let box = annotation.box, let label = annotation.label,
            let index = dataset.labels.index(of: label)
          else { continue }
          let sides =
            "\(Double(box.x1) / width),\(Double(box.y1) / height),\(Double(box.x2) / width),\(Double(box.y2) / height)"
          rows += "\(CSVText.field(video)),\(second),\(sides),\(index + 1),\(annotation.id ?? -1)\n"
        }
        if item.annotations.isEmpty { rows += "\(CSVText.field(video)),\(second),,,,,,\n" }
      }
      try PictureWriter.write(
        Data(rows.utf8),
        to: annotations.appending(path: "ava_\(subset.rawValue)_v2.2.csv")
      )
    }
  }
}

/// Reads one table of boxes.
struct AVAReader {
  let root: URL
  let actions: [Int: String]
  private(set) var problems: [DatasetProblem] = []
  private(set) var otherLabels: [String] = []
  private var sizes: [String: ImageSize] = [:]

  init(root: URL, actions: [Int: String]) { (self.root, self.actions) = (root, actions) }

  private struct Row {
    var place: Int
    var sides: [Float]
    var action: Int
    var person: Int?
  }

  mutating func read(_ file: URL, name: String) throws -> [DatasetItem] {
    var scanner = try CSVScanner(file, name: name, separator: UInt8(ascii: ","))
    var items: [DatasetItem] = []
    var places: [String: Int] = [:]
    var rows: [Row] = []
    while let row = try scanner.next() {
      let fields = row.fields.map { $0.trimmingCharacters(in: .whitespaces) }
      guard fields.count >= 2, !fields[0].isEmpty, !fields[0].contains("/"),
        !fields[1].contains("/")
      else {
        problems.leaveOut("row that is no frame", at: "\(name):\(row.line)", "no video and second")
        continue
      }
      let key = "\(fields[0])_\(fields[1])"
      let place = places[key] ?? items.count
      if places[key] == nil {
        places[key] = place
        items.append(item(fields[0], key, "\(name):\(row.line)"))
      }
      // A frame in which nobody does anything.
      if fields.dropFirst(2).allSatisfy(\.isEmpty) { continue }
      let sides = fields.dropFirst(2).prefix(4).compactMap { Float($0) }.filter(\.isFinite)
      guard sides.count == 4, fields.count >= 7, let action = Int(fields[6]) else {
        problems.leaveOut(
          "row that is no object",
          at: "\(name):\(row.line)",
          "expected video, second, x1, y1, x2, y2, action and person"
        )
        continue
      }
      let person = fields.count > 7 ? Int(fields[7]) : nil
      rows.append(Row(place: place, sides: sides, action: action, person: person))
    }
    let arePixels = rows.contains { $0.sides.contains { $0 > 1.5 } }
    for row in rows { add(row, arePixels: arePixels, to: &items) }
    return items
  }

  private func item(_ video: String, _ key: String, _ origin: String) -> DatasetItem {
    let folders = ["frames/\(video)", "frames", video].map { root.appending(path: $0) }
    var finder = PictureFinder(roots: folders)
    let names = ["jpg", "png", "jpeg"].map { "\(key).\($0)" }
    let url =
      names.map { finder.find($0) }.first { FileManager.default.fileExists(atPath: $0.path) }
      ?? folders[0].appending(path: names[0])
    return DatasetItem(
      id: url.path(below: root),
      image: .file(url),
      annotations: [],
      origin: origin
    )
  }

  private mutating func add(_ row: Row, arePixels: Bool, to items: inout [DatasetItem]) {
    var scale = (x: Float(1), y: Float(1))
    if !arePixels, let url = items[row.place].image.url {
      // Without a picture the numbers mean nothing; the checker tells of it.
      if items[row.place].size == nil { items[row.place].size = try? ImageHeader(of: url).size }
      guard let size = items[row.place].size else { return }
      scale = (Float(size.width), Float(size.height))
    }
    let box = BoundingBox(
      x1: row.sides[0] * scale.x,
      y1: row.sides[1] * scale.y,
      x2: row.sides[2] * scale.x,
      y2: row.sides[3] * scale.y
    )
    let label = actions[row.action] ?? "action_\(row.action)"
    if actions[row.action] == nil, !otherLabels.contains(label) { otherLabels.append(label) }
    var annotation = Annotation.box(box, label: label)
    if let person = row.person, person >= 0 { annotation.id = person }
    items[row.place].annotations.append(annotation)
  }
}
