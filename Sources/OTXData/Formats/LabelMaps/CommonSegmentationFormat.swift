public import Foundation
public import OTXCore

/// Pictures in `images`, pictures of labels in `masks`, labels and colours in `dataset_meta.json`: the
/// form of OpenVINO's accuracy checker.
public struct CommonSegmentationFormat: DatasetFormat {
  public let name = "common_semantic_segmentation"
  public let title = "Common semantic segmentation"
  public let layouts = [
    "dataset_meta.json, images/*.png, masks/*.png",
    "{train,val,test}/dataset_meta.json, {train,val,test}/images/*.png, {train,val,test}/masks/*.png",
  ]

  public init() {}

  public var variants: [any DatasetFormat] {
    [
      NamedVariant(
        of: self,
        name: "common_semantic_segmentation_with_subset_dirs",
        title: "Common semantic segmentation with subsets",
        layout: layouts[1]
      )
    ]
  }

  private struct Source {
    var subset: Subset
    var meta: URL
    var pictures: URL?
    var masks: URL
  }

  private static func sources(in root: URL) throws -> [Source] {
    let listing = try FolderListing(root)
    func source(_ folder: FolderListing, _ subset: Subset) -> Source? {
      guard let masks = folder.folder("masks"),
        let meta = folder.file(LabelColors.metaFileName) ?? listing.file(LabelColors.metaFileName)
      else { return nil }
      return Source(subset: subset, meta: meta, pictures: folder.folder("images"), masks: masks)
    }
    if let own = source(listing, .train) { return [own] }
    return try listing.folders.compactMap { folder in
      guard let subset = Subset(folderName: folder.lastPathComponent) else { return nil }
      return source(try FolderListing(folder), subset)
    }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let sources = try? CommonSegmentationFormat.sources(in: root) else {
      return .no(nearly: nil)
    }
    if let first = sources.first, first.pictures != nil {
      return .certain("\(first.meta.path(below: root)) and \(first.masks.path(below: root))/")
    }
    guard let listing = try? FolderListing(root), listing.folder("masks") != nil else {
      return .no(nearly: nil)
    }
    let missing =
      listing.file(LabelColors.metaFileName) == nil
      ? "\(LabelColors.metaFileName), which lists the labels," : "images/"
    return .no(nearly: "masks/ is there, \(missing) is not")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let sources = try CommonSegmentationFormat.sources(in: root)
    guard !sources.isEmpty else {
      throw DataError.unreadable(
        file: root.path,
        reason: "holds no \(layouts.joined(separator: ", nor "))"
      )
    }
    var reading = FormatReading()
    for source in sources {
      let colors = try LabelColors.metaFile(source.meta, name: source.meta.path(below: root))
      reading.labels += colors.names.filter { !reading.labels.contains($0) }
      reading.labelDetails.colors.merge(colors.details.colors) { first, _ in first }
      let pictures = try source.pictures.map { try LabelMapLayout.pictures(below: $0) } ?? []
      let masks = try LabelMapLayout.pictures(below: source.masks)
      let (first, second) = NamePairing.paired(pictures, masks)
      let items = LabelMapLayout.items(
        pictures: first,
        maps: second,
        base: root,
        problems: &reading.problems
      ) { try colors.map($0) }
      LabelMapLayout.add(items, to: &reading, source.subset)
    }
    return reading
  }
}

/// Brings names of pictures and of masks together that differ by what all begin or end with:
/// `image_0001` and `gt_0001`.
enum NamePairing {
  typealias Named = [(key: String, url: URL)]

  /// The same files; where not one picture has the name of a mask, under what is left of their names.
  static func paired(_ pictures: Named, _ masks: Named) -> (Named, Named) {
    let names = Set(masks.map(\.key))
    if pictures.contains(where: { names.contains($0.key) }) { return (pictures, masks) }
    let (first, second) = (stripped(pictures), stripped(masks))
    let keys = Set(second.map(\.key))
    let isUsable =
      keys.count == second.count && Set(first.map(\.key)).count == first.count
      && first.contains { keys.contains($0.key) }
    return isUsable ? (first, second) : (pictures, masks)
  }

  private static func stripped(_ files: Named) -> Named {
    let keys = files.map(\.key)
    guard let first = keys.first else { return files }
    var prefix = keys.reduce(first) { $0.commonPrefix(with: $1) }
    // Digits belong to the number behind them.
    while let last = prefix.last, last.isNumber { prefix.removeLast() }
    let rests = keys.map { String($0.dropFirst(prefix.count).reversed()) }
    var suffix = rests.reduce(rests[0]) { $0.commonPrefix(with: $1) }
    while let last = suffix.last, last.isNumber { suffix.removeLast() }
    return zip(rests, files).map { rest, file in
      (String(rest.dropFirst(suffix.count).reversed()), file.url)
    }
  }
}

/// A format under another name, for those who know it by that.
struct NamedVariant: DatasetFormat {
  let name: String
  let title: String
  let layouts: [String]
  private let format: any DatasetFormat

  init(of format: any DatasetFormat, name: String, title: String, layout: String) {
    (self.format, self.name, self.title, layouts) = (format, name, title, [layout])
  }

  func recognizes(_ root: URL) -> Recognition { format.recognizes(root) }
  func read(_ location: DataLocation) throws -> FormatReading { try format.read(location) }
}
