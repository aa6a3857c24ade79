public import Foundation
public import OTXCore

/// YOLO: a text file for each picture, a line for each object, numbers relative to the picture.
///
/// Two ways to say what belongs together are read, under any of the names: Darknet's `obj.data`,
/// `obj.names` and lists of pictures (github.com/AlexeyAB/darknet, "How to train to detect your
/// custom objects"), and a `data.yaml` with folders `images/` and `labels/` beside each other
/// (docs.ultralytics.com, "Datasets Overview"); also such folders without either file. A line is
///
/// - `class x-centre y-centre width height`;
/// - the same with `x y visibility` of each key point behind it, where `data.yaml` has `kpt_shape`;
/// - `class x1 y1 x2 y2 x3 y3 …` for an outline, of which the detection box is the bounding box.
///
/// Four points may be an outline or the corners of a turned box. They are turned boxes where the
/// format is named `yolo_ultralytics_obb`, where `data.yaml` says `task: obb` or the dataset's
/// folder has `obb` in its name, and where all outlines of the dataset are rectangles, of which
/// nothing is lost; else they are outlines.
///
/// `yolo` is written as Darknet's, which holds boxes alone; `yolo_ultralytics` with a `data.yaml`,
/// as boxes, outlines, turned boxes or key points, whichever the dataset holds. Neither has a place
/// for crowds, difficult objects and attributes; of masks and ellipses the box is written. Pictures
/// with a label alone, as for classification, are folders: `imagenet` reads and writes them.
public struct YOLOFormat: WritableDatasetFormat {
  enum Kind: String, Sendable {
    case darknet = "yolo"
    case ultralytics = "yolo_ultralytics"
    case turnedBoxes = "yolo_ultralytics_obb"
  }

  let kind: Kind

  public var name: String { kind.rawValue }
  public var title: String {
    switch kind {
    case .darknet: "YOLO"
    case .ultralytics: "YOLO with a data.yaml"
    case .turnedBoxes: "YOLO with a data.yaml, turned boxes"
    }
  }
  public var aliases: [String] {
    switch kind {
    case .darknet: ["darknet"]
    case .ultralytics: ["roboflow_yolo", "yolov5", "yolov8"]
    case .turnedBoxes: ["roboflow_yolo_obb"]
    }
  }
  public var variants: [any DatasetFormat] {
    kind == .darknet ? [YOLOFormat(.ultralytics), YOLOFormat(.turnedBoxes)] : []
  }
  public let layouts = [
    "data.yaml (path, train, val, test, names) with images/{train,val,test}/*.jpg and labels/{train,val,test}/*.txt",
    "obj.data, obj.names, train.txt with the .txt files beside the pictures (Darknet)",
    "{train,val,test}/images/*.jpg and {train,val,test}/labels/*.txt with classes.txt",
  ]

  public init() { kind = .darknet }

  init(_ kind: Kind) { self.kind = kind }

  public func recognizes(_ root: URL) -> Recognition {
    do {
      if let file = try YOLOLayout.dataFile(in: root) {
        return .certain(file.lastPathComponent)
      }
      let listing = try FolderListing(root)
      let folders = try YOLOLayout.pictureFolders(in: listing)
      var labelFile: URL?
      for (_, folder) in folders {
        labelFile = try labelFile ?? YOLOLayout.firstLabelFile(of: folder)
      }
      guard let labelFile else {
        let isNear = listing.folder("labels") != nil && listing.folder("images") != nil
        return .no(nearly: isNear ? "labels/ is there, but no .txt file of a picture" : nil)
      }
      let name = labelFile.path(below: root)
      // Without a data.yaml, files in labelTxt/ are DOTA's.
      guard labelFile.deletingLastPathComponent().lastPathComponent.lowercased() != "labeltxt"
      else {
        return .no(nearly: nil)
      }
      guard try YOLOLayout.beginsLikeLabels(labelFile) else {
        return .no(nearly: "\(name) does not begin with a class and four numbers")
      }
      // Beside pictures, text files may be anything: a list of names makes sure.
      let isBeside = folders.allSatisfy {
        $0.folder.isSameFolder(as: labelFile.deletingLastPathComponent())
      }
      if isBeside, try YOLOLayout.namesFile(in: listing) == nil { return .possible(name) }
      return .certain(name)
    } catch {
      return .no(nearly: nil)
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    switch location {
    case .root(let root, _):
      var description = try YOLOLayout.description(of: root)
      let folder = description.base.lastPathComponent.lowercased()
      if kind == .turnedBoxes
        || folder.split(whereSeparator: { "_- .".contains($0) }).contains("obb")
      {
        description.hasTurnedBoxes = true
      }
      guard !description.sources.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no YOLO labels; expected \(layouts.joined(separator: ", or "))"
        )
      }
      return try YOLOReader(description).read()
    case .subsets(let subsets, _):
      var description = try YOLOLayout.description(of: subsets)
      description.hasTurnedBoxes = kind == .turnedBoxes
      return try YOLOReader(description).read()
    }
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    switch kind {
    case .darknet: return .boxes
    case .turnedBoxes: return [.boxes, .rotatedBoxes]
    case .ultralytics:
      let objects = dataset.items.values.joined().lazy.flatMap(\.annotations)
      // A file holds one kind of line: key points, else outlines, else turned boxes.
      if objects.contains(where: { $0.keypoints != nil }) { return [.boxes, .keypoints] }
      let isTurned = objects.contains { if case .rotatedBox = $0.region { true } else { false } }
      let isOutlined = objects.contains {
        switch $0.region {
        case .polygon, .mask, .maskFile: true
        default: $0.kind == .labelMap
        }
      }
      return isTurned && !isOutlined ? [.boxes, .rotatedBoxes] : [.boxes, .polygons]
    }
  }

  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    switch kind {
    case .darknet: try DarknetWriter(options: options).write(dataset, to: root)
    case .ultralytics: try YOLOWriter(options: options).write(dataset, to: root)
    case .turnedBoxes:
      try YOLOWriter(options: options, content: .turnedBoxes).write(dataset, to: root)
    }
  }
}

/// What a YOLO dataset says of itself, before any label file is read.
struct YOLODescription {
  /// What names of items and files in messages are relative to.
  var base: URL
  /// The classes by number; `nil` where no file names them.
  var names: [String]?
  /// The file that names them, for messages.
  var namesFile = ""
  /// What stands behind the box; `nil` without key points.
  var keypoints: YOLOKeypointShape?
  /// Whether outlines of four points are turned boxes.
  var hasTurnedBoxes = false
  var sources: [YOLOSource] = []
  var problems: [DatasetProblem] = []
}

/// The pictures of one subset; a label file's place follows from its picture's.
struct YOLOSource {
  var subset: Subset
  var pictures: [URL]
}

/// Key points as a `data.yaml` describes them: `kpt_shape`, `flip_idx` and `kpt_names`.
struct YOLOKeypointShape: Equatable {
  var pointCount: Int
  /// 2, or 3 with visibilities.
  var dimensionCount: Int
  var flips: [Int] = []
  /// Names by class.
  var names: [Int: [String]] = [:]

  var numberCount: Int { pointCount * dimensionCount }

  func layouts(_ labels: [String]) -> [String: KeypointLayout] {
    var result: [String: KeypointLayout] = [:]
    for (index, label) in labels.enumerated() where result[label] == nil {
      let known = names[index] ?? []
      let names =
        known.count == pointCount ? known : (0..<pointCount).map { "point_\($0 + 1)" }
      result[label] = KeypointLayout(names: names, flips: flips)
    }
    return result
  }
}
