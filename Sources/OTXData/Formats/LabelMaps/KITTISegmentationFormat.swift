public import Foundation
public import OTXCore
import OTXImage

/// KITTI's pixel labels: pictures in `image_2`, `label * 256 + object` in `instance`.
///
/// Alhaija et al., Augmented Reality Meets Computer Vision, IJCV 2018. Where there is no `instance`,
/// the labels of `semantic` are read. Labels come from `dataset_meta.json` or `label_colors.txt` beside
/// the subsets, else they are Cityscapes'.
public struct KITTISegmentationFormat: WritableDatasetFormat {
  public let name = "kitti_segmentation"
  public let title = "KITTI segmentation"
  public let layouts = ["{training,testing}/image_2/*.png, {training,testing}/instance/*.png"]

  public init() {}

  private enum Folder {
    static let pictures = "image_2"
    static let instances = "instance"
    static let semantic = "semantic"
    static let colors = "semantic_rgb"
  }

  private struct Source {
    var subset: Subset
    var folder: FolderListing
  }

  /// Folders with `instance` or `semantic` in them, and those of pictures alone.
  private static func sources(in root: URL) throws -> [Source] {
    let listing = try FolderListing(root)
    func hasMaps(_ listing: FolderListing) -> Bool {
      listing.folder(Folder.pictures) != nil
        && (listing.folder(Folder.instances) ?? listing.folder(Folder.semantic)) != nil
    }
    if hasMaps(listing) {
      let subset = Subset(folderName: root.lastPathComponent) ?? .train
      return [Source(subset: subset, folder: listing)]
    }
    let folders = try listing.folders.map { try FolderListing($0) }
    guard folders.contains(where: hasMaps) else { return [] }
    return folders.filter { $0.folder(Folder.pictures) != nil }.map {
      Source(subset: Subset(folderName: $0.root.lastPathComponent) ?? .train, folder: $0)
    }
  }

  public func recognizes(_ root: URL) -> Recognition {
    let sources = (try? KITTISegmentationFormat.sources(in: root)) ?? []
    guard let first = sources.first else { return .no(nearly: nil) }
    return .certain("\(first.folder.root.path(below: root))/\(Folder.pictures) and its maps")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let sources = try KITTISegmentationFormat.sources(in: root)
    guard let first = sources.first else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    let parent = first.folder.root.deletingLastPathComponent()
    let declared =
      try LabelColors.declared(in: root, base: root)
      ?? LabelColors.declared(in: parent, base: root)
    let colors =
      declared.map { LabelColors($0.entries, unmarked: ["background"]) } ?? CityscapesLabels.all
    var reading = FormatReading()
    reading.labels = colors.names
    reading.labelDetails = colors.details
    for source in sources {
      guard let pictures = source.folder.folder(Folder.pictures) else { continue }
      let instances = source.folder.folder(Folder.instances)
      let maps = instances ?? source.folder.folder(Folder.semantic)
      let items = LabelMapLayout.items(
        pictures: try LabelMapLayout.pictures(below: pictures),
        maps: try maps.map { try LabelMapLayout.pictures(below: $0) } ?? [],
        base: root,
        problems: &reading.problems
      ) { url in
        try colors.map(url, instances: instances == nil ? .none : .product(256))
      }
      LabelMapLayout.add(items, to: &reading, source.subset)
    }
    return reading
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    [.labelMaps, .polygons, .masks]
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    for item in dataset.items.values.joined() { try LabelMapPainter.check(item, format: title) }
    let writer = ObjectMapColors(dataset)
    guard writer.labels.count <= 256 else {
      throw DataError.invalidItem(
        dataset.root.path,
        reason: "the dataset has \(writer.labels.count) labels; object files have place for 256"
      )
    }
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let base = root.appending(path: KITTISegmentationFormat.folderName(of: subset))
      let pictures = base.appending(path: Folder.pictures)
      for name in [Folder.pictures, Folder.instances, Folder.semantic, Folder.colors] {
        try PictureWriter.makeFolder(base.appending(path: name))
      }
      var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      for item in items {
        let (name, size) = try names.write(item)
        guard let painting = try writer.painter.paint(item, size: size) else { continue }
        let map = URL(filePath: name).deletingPathExtension().lastPathComponent + ".png"
        func save(_ bytes: [UInt8], _ folder: String) throws {
          try PictureWriter.write(Data(bytes), to: base.appending(path: "\(folder)/\(map)"))
        }
        try save(
          KITTISegmentationFormat.instances(of: painting, item: item).png(),
          Folder.instances
        )
        try save(painting.labels.png(), Folder.semantic)
        try save(ImageFile.png(painting.labels.colored(writer.colors)), Folder.colors)
      }
    }
    try writer.listed.write(to: root)
  }

  private static func folderName(of subset: Subset) -> String {
    switch subset {
    case .train: "training"
    case .test: "testing"
    case .val: "validation"
    case .unlabeled: subset.rawValue
    }
  }

  private static func instances(
    of painting: LabelMapPainter.Painting,
    item: DatasetItem
  ) throws -> IndexImage {
    guard painting.objects.values.max() ?? 0 < 256 else {
      throw DataError.invalidItem(item.id, reason: "has more than 255 objects of one label")
    }
    let values = zip(painting.labels.values, painting.objects.values).map { $0 * 256 + $1 }
    return IndexImage(size: painting.labels.size, values: values)
  }
}
