public import Foundation
public import OTXCore

/// YOLO: a text file for each picture, a line for each object, numbers relative to the picture.
///
/// Two ways to say what belongs together are read: Darknet's `obj.data`, `obj.names` and lists of
/// pictures (github.com/AlexeyAB/darknet, "How to train to detect your custom objects"), and a
/// `data.yaml` with folders `images/` and `labels/` beside each other (docs.ultralytics.com,
/// "Object Detection Datasets Overview"); also such folders without either file. A line is `class
/// x-centre y-centre width height`, or `class x1 y1 x2 y2 x3 y3 …` for an outline, of which the
/// detection box is the bounding box and which stays the object's region.
///
/// The format has no place for crowds and difficult objects: written, they are ordinary ones.
public struct YOLOFormat: WritableDatasetFormat {
  public let name = "yolo"
  public let title = "YOLO"
  public let layouts = [
    "data.yaml (path, train, val, test, names) with images/{train,val,test}/*.jpg and labels/{train,val,test}/*.txt",
    "obj.data, obj.names, train.txt with the .txt files beside the pictures (Darknet)",
    "{train,val,test}/images/*.jpg and {train,val,test}/labels/*.txt with classes.txt",
  ]

  public init() {}

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
      let description = try YOLOLayout.description(of: root)
      guard !description.sources.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no YOLO labels; expected \(layouts.joined(separator: ", or "))"
        )
      }
      return try YOLOReader(description).read()
    case .subsets(let subsets, _):
      return try YOLOReader(YOLOLayout.description(of: subsets)).read()
    }
  }

  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    try YOLOWriter(options: options).write(dataset, to: root)
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
  /// Numbers of a keypoint after the box: `kpt_shape` of a `data.yaml`, multiplied.
  var keypointNumberCount = 0
  var sources: [YOLOSource] = []
  var problems: [DatasetProblem] = []
}

/// The pictures of one subset; a label file's place follows from its picture's.
struct YOLOSource {
  var subset: Subset
  var pictures: [URL]
}
