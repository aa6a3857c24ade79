public import Foundation
public import OTXCore
import OTXImage

/// MOTS: masks of tracks in the frames of videos, as PNGs.
///
/// Voigtlaender et al., MOTS: Multi-Object Tracking and Segmentation, CVPR 2019: a pixel of a 16-bit
/// PNG is `class * 1000 + instance`; class 1 is a car, 2 a pedestrian, 10 a region to be ignored.
/// `instances/labels.txt` names other classes, from 1 on.
public struct MOTSFormat: WritableDatasetFormat {
  public let name = "mots"
  public let title = "MOTS (PNG)"
  public let aliases = ["mots_png"]
  public let layouts = ["{train,val,test}/images/**/*.jpg and …/instances/**/*.png"]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let source = try? SubsetFolders.find(in: root, where: MOTSFormat.isOne).first else {
      return .no(nearly: nil)
    }
    return .certain("\(source.folder.appending(path: "instances").path(below: root))/")
  }

  /// `instances/` beside `images/` alone: Mapillary Vistas has `labels/` too.
  ///
  /// The PNGs have 16 bits.
  private static func isOne(_ listing: FolderListing) throws -> Bool {
    guard let instances = listing.folder("instances"), listing.folder("images") != nil,
      listing.folder("labels") == nil,
      let first = try FolderListing.allPictures(below: instances, depth: 2).first,
      let bytes = try? ReadableFile(first).bytes(at: 0, count: 26), bytes.count == 26
    else { return false }
    return bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) && bytes[24] == 16 && bytes[25] == 0
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let (base, sources) = try SubsetFolders.find(location, format: self, where: MOTSFormat.isOne)
    var reading = FormatReading()
    var classes = ["car", "pedestrian"]
    for source in sources {
      let list = source.folder.appending(path: "instances/labels.txt")
      guard FileManager.default.fileExists(atPath: list.path) else { continue }
      classes = try NumberedLines.read(list, name: list.path(below: base)).map(\.text)
      break
    }
    let pairs = classes.enumerated().map { ($0.offset + 1, $0.element) }
    let table = LabelTable(Dictionary(pairs, uniquingKeysWith: { first, _ in first }))
    reading.labels = table.names
    for source in sources {
      let listing = try FolderListing(source.folder)
      guard let images = listing.folder("images"), let instances = listing.folder("instances")
      else { continue }
      let maps = try PictureStems(below: instances)
      for (stem, url) in try PictureStems(below: images).all {
        var item = DatasetItem(id: url.path(below: base), image: .file(url), annotations: [])
        if let map = maps[stem], map.path(below: instances).hasPrefix(stem) {
          item.origin = map.path(below: base)
          item.annotations = [
            .labelMap(LabelMap(url: map, instances: .quotient(1000), table: table))
          ]
        }
        reading.items[source.subset, default: []].append(item)
      }
    }
    return reading
  }
}

extension MOTSFormat {
  public func forms(for dataset: Dataset) -> AnnotationForms {
    [.labelMaps, .polygons, .masks]
  }

  /// Paints objects as `class * 1000 + instance`; objects of one class are counted in each picture.
  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    for item in dataset.items.values.joined() { try LabelMapPainter.check(item, format: title) }
    let labels = dataset.writtenLabels
    guard labels.count <= 64 else {
      throw DataError.invalidItem(
        dataset.root.path,
        reason: "the dataset has \(labels.count) labels; 16-bit pixels have place for 64"
      )
    }
    // Classes count from 1: 0 is what belongs to no object.
    let painter = LabelMapPainter(labels: [""] + labels, background: 0)
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let base = root.appending(path: subset.rawValue)
      let (pictures, maps) = (base.appending(path: "images"), base.appending(path: "instances"))
      for folder in [pictures, maps] { try PictureWriter.makeFolder(folder) }
      var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      for item in items {
        let (name, size) = try names.write(item)
        guard let painting = try painter.paint(item, size: size) else { continue }
        guard painting.objects.values.max() ?? 0 < 1000 else {
          throw DataError.invalidItem(item.id, reason: "has more than 999 objects of one label")
        }
        let values = zip(painting.labels.values, painting.objects.values).map { $0 * 1000 + $1 }
        let map = IndexImage(size: size, values: values)
        let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
        try PictureWriter.write(Data(map.png()), to: maps.appending(path: "\(stem).png"))
      }
      let list = labels.map { $0 + "\n" }.joined()
      try PictureWriter.write(Data(list.utf8), to: maps.appending(path: "labels.txt"))
    }
  }
}
