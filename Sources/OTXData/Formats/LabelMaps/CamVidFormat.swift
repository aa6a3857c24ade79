public import Foundation
public import OTXCore
import OTXImage

/// CamVid: lists of pictures with a picture of labels each.
///
/// Brostow et al., Semantic Object Classes in Video, 2009; the layout is that of SegNet's tutorial.
/// Labels come from `dataset_meta.json` or `label_colors.txt`, else they are CamVid's own 32. In
/// pictures of colours each label is its colour; in grey ones its place in the list.
public struct CamVidFormat: WritableDatasetFormat {
  public let name = "camvid"
  public let title = "CamVid"
  public let layouts = [
    "{train,val,test}.txt with lines '/train/a.png /trainannot/a.png', label_colors.txt",
    "{train,val,test}/*.png and {train,val,test}annot/*.png",
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root) else { return .no(nearly: nil) }
    for file in CamVidFormat.lists(in: listing) {
      if let pair = CamVidFormat.firstPair(of: file) {
        let map = listing.root.appending(path: String(pair.map.drop { $0 == "/" }))
        return FileManager.default.fileExists(atPath: map.path)
          ? .certain(file.lastPathComponent)
          : .no(nearly: "\(file.lastPathComponent) names \(pair.map), which does not exist")
      }
    }
    let folders = CamVidFormat.folderPairs(in: listing)
    return folders.isEmpty
      ? .no(nearly: nil) : .certain("\(folders[0].maps.lastPathComponent)/")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let listing = try FolderListing(root)
    let colors =
      (try LabelColors.declared(in: root, base: root) ?? CamVidFormat.ownLabels).withBlackFirst()
    var reading = FormatReading()
    reading.labels = colors.names
    reading.labelDetails = colors.details
    let lists = CamVidFormat.lists(in: listing).filter { CamVidFormat.firstPair(of: $0) != nil }
    for list in lists {
      let subset = Subset(folderName: list.deletingPathExtension().lastPathComponent) ?? .train
      let items = try CamVidFormat.items(of: list, root: root, colors, &reading.problems)
      LabelMapLayout.add(items, to: &reading, subset)
    }
    guard lists.isEmpty else { return reading }
    for pair in CamVidFormat.folderPairs(in: listing) {
      let items = LabelMapLayout.items(
        pictures: try LabelMapLayout.pictures(below: pair.pictures),
        maps: try LabelMapLayout.pictures(below: pair.maps),
        base: root,
        problems: &reading.problems
      ) { try colors.map($0) }
      LabelMapLayout.add(items, to: &reading, pair.subset)
    }
    guard !reading.items.isEmpty else {
      throw DataError.unreadable(
        file: root.path,
        reason: "holds no CamVid lists; expected \(layouts[0])"
      )
    }
    return reading
  }

  /// Text files of pairs.
  private static func lists(in listing: FolderListing) -> [URL] {
    listing.files(endingIn: "txt").filter { $0.lastPathComponent != LabelColors.colorsFileName }
  }

  private struct Pair {
    var picture: String
    var map: String
  }

  /// The first line that names a picture and a label map; of the first lines of a file.
  private static func firstPair(of file: URL) -> Pair? {
    guard let readable = try? ReadableFile(file),
      let bytes = try? readable.bytes(at: 0, count: 16_384)
    else { return nil }
    let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
    return lines.prefix(20).lazy.compactMap { line -> Pair? in
      let words = words(of: line)
      guard words.count == 2, words.allSatisfy(FolderListing.isPictureName) else { return nil }
      return Pair(picture: words[0], map: words[1])
    }.first
  }

  /// The words of a line; those in quotes may hold space.
  static func words(of line: Substring) -> [String] {
    let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
    return parts.enumerated().flatMap { index, part -> [String] in
      if index % 2 == 1 { return [String(part)] }
      return part.split { $0.isWhitespace }.map(String.init)
    }
  }

  private static func items(
    of list: URL,
    root: URL,
    _ colors: LabelColors,
    _ problems: inout [DatasetProblem]
  ) throws -> [DatasetItem] {
    let name = list.path(below: root)
    let text = String(decoding: try ReadFile.bytes(list, name: name), as: UTF8.self)
    var finder = PictureFinder(roots: [root])
    var items: [DatasetItem] = []
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let words = words(of: line)
      guard let first = words.first else { continue }
      let place = "\(name):\(index + 1)"
      guard words.count <= 2 else {
        problems.append(
          DatasetProblem(
            kind: "damaged line",
            location: place,
            message: "the line holds \(words.count) names; put names with blanks into quotes",
            remedy: .leftOut
          )
        )
        continue
      }
      let path = finder.path(of: String(first.drop { $0 == "/" }))
      var item = DatasetItem(
        id: path.url.path(below: root),
        image: .path(path),
        annotations: [],
        origin: place
      )
      if words.count == 2 {
        let map = finder.find(String(words[1].drop { $0 == "/" }))
        LabelMapLayout.add(map, to: &item, base: root, problems: &problems) { try colors.map($0) }
      }
      items.append(item)
    }
    return items
  }

  private struct FolderPair {
    var subset: Subset
    var pictures: URL
    var maps: URL
  }

  private static func folderPairs(in listing: FolderListing) -> [FolderPair] {
    listing.folders.compactMap { folder in
      let name = folder.lastPathComponent
      guard let subset = Subset(folderName: name), let maps = listing.folder(name + "annot") else {
        return nil
      }
      return FolderPair(subset: subset, pictures: folder, maps: maps)
    }
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    [.labelMaps, .polygons, .masks]
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    for item in dataset.items.values.joined() { try LabelMapPainter.check(item, format: title) }
    let colors = CamVidFormat.writtenColors(of: dataset)
    let palette = colors.entries.map { $0.color ?? .black }
    let painter = LabelMapPainter(labels: colors.names, background: 0)
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let pictures = root.appending(path: subset.rawValue)
      let maps = root.appending(path: "\(subset.rawValue)annot")
      for folder in [pictures, maps] { try PictureWriter.makeFolder(folder) }
      var writer = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      var lines = ""
      for item in items {
        let (name, size) = try writer.write(item)
        let map = URL(filePath: name).deletingPathExtension().lastPathComponent + ".png"
        let painting = try painter.paint(item, size: size)
        if let painting {
          let bytes = try ImageFile.png(painting.labels.colored(palette))
          try PictureWriter.write(Data(bytes), to: maps.appending(path: map))
        }
        let names =
          ["/\(subset.rawValue)/\(name)"]
          + (painting == nil ? [] : ["/\(subset.rawValue)annot/\(map)"])
        let isPlain = names.allSatisfy { !$0.contains(where: \.isWhitespace) }
        lines += names.map { isPlain ? $0 : "\"\($0)\"" }.joined(separator: " ") + "\n"
      }
      try PictureWriter.write(
        Data(lines.utf8),
        to: root.appending(path: "\(subset.rawValue).txt")
      )
    }
    let listed = LabelColors(
      colors.entries.filter { dataset.writtenLabels.contains($0.name) }
    )
    try listed.write(to: root)
  }

  /// The dataset's own colours where they tell all labels apart, else those of VOC's palette; black
  /// is the first.
  private static func writtenColors(of dataset: Dataset) -> LabelColors {
    let names = dataset.writtenLabels
    let own = names.map { dataset.labelDetails.colors[$0] }
    let isUsable = !own.contains(nil) && Set(own).count == own.count
    let labels = names.enumerated().map { index, name in
      (name: name, color: isUsable ? own[index] : VOCLabels.color(index + 1))
    }
    return LabelColors(labels).withBlackFirst()
  }
}

extension CamVidFormat {
  /// The labels of the CamVid dataset with their colours.
  static let ownLabels = LabelColors([
    ("Void", 0, 0, 0), ("Animal", 64, 128, 64), ("Archway", 192, 0, 128),
    ("Bicyclist", 0, 128, 192), ("Bridge", 0, 128, 64), ("Building", 128, 0, 0),
    ("Car", 64, 0, 128), ("CartLuggagePram", 64, 0, 192), ("Child", 192, 128, 64),
    ("Column_Pole", 192, 192, 128), ("Fence", 64, 64, 128), ("LaneMkgsDriv", 128, 0, 192),
    ("LaneMkgsNonDriv", 192, 0, 64), ("Misc_Text", 128, 128, 64),
    ("MotorcycycleScooter", 192, 0, 192), ("OtherMoving", 128, 64, 64),
    ("ParkingBlock", 64, 192, 128), ("Pedestrian", 64, 64, 0), ("Road", 128, 64, 128),
    ("RoadShoulder", 128, 128, 192), ("Sidewalk", 0, 0, 192), ("SignSymbol", 192, 128, 128),
    ("Sky", 128, 128, 128), ("SUVPickupTruck", 64, 128, 192), ("TrafficCone", 0, 0, 64),
    ("TrafficLight", 0, 64, 64), ("Train", 192, 64, 128), ("Tree", 128, 128, 0),
    ("Truck_Bus", 192, 128, 192), ("Tunnel", 64, 0, 64), ("VegetationMisc", 192, 192, 0),
    ("Wall", 64, 192, 0),
  ])
}
