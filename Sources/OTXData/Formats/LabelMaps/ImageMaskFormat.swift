public import Foundation
public import OTXCore

/// A folder of pictures and a folder of masks, without a word about labels: as competitions have it.
///
/// Labels and colours come from `class_dict.csv` (`name,r,g,b`) where it is there; else what is not black is
/// `object`, and the rest `background`. Masks may be called `a_mask.png` or `a_L.png` for `a.jpg`.
public struct ImageMaskFormat: DatasetFormat {
  public let name = "image_mask"
  public let title = "Pictures and masks"
  public let layouts = [
    "images/*.jpg, masks/*.png, class_dict.csv where there are several labels",
    "{train,val,test}/*.png, {train,val,test}_labels/*_L.png, class_dict.csv",
  ]
  public var aliases: [String] { ["kaggle_image_mask"] }

  private static let pictureNames = ["images", "image", "imgs", "img"]
  private static let maskNames = ["masks", "mask", "labels", "annotations"]
  private static let colorsFile = "class_dict.csv"

  public init() {}

  private struct Source {
    var subset: Subset
    var pictures: URL
    var masks: URL
  }

  private static func sources(in root: URL) throws -> [Source] {
    let listing = try FolderListing(root)
    guard listing.file(LabelColors.metaFileName) == nil else { return [] }
    func source(_ folder: FolderListing, _ subset: Subset) throws -> Source? {
      guard let pictures = pictureNames.lazy.compactMap({ folder.folder($0) }).first,
        let masks = maskNames.lazy.compactMap({ folder.folder($0) }).first,
        try !FolderListing(pictures).pictures.isEmpty, try !FolderListing(masks).pictures.isEmpty
      else { return nil }
      return Source(subset: subset, pictures: pictures, masks: masks)
    }
    if let own = try source(listing, .train) { return [own] }
    return try listing.folders.compactMap { folder in
      let name = folder.lastPathComponent
      guard let subset = Subset(folderName: name) else { return nil }
      let masks = ["_labels", "_masks"].lazy.compactMap { listing.folder(name + $0) }.first
      if let masks, try !FolderListing(masks).pictures.isEmpty {
        return Source(subset: subset, pictures: folder, masks: masks)
      }
      return try source(FolderListing(folder), subset)
    }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? ImageMaskFormat.sources(in: root).first else { return .no(nearly: nil) }
    return .possible("\(first.pictures.path(below: root))/ and \(first.masks.path(below: root))/")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let sources = try ImageMaskFormat.sources(in: root)
    guard !sources.isEmpty else {
      throw DataError.unreadable(
        file: root.path,
        reason: "holds no \(layouts.joined(separator: ", nor "))"
      )
    }
    let colors = try ImageMaskFormat.colors(in: root)
    var reading = FormatReading()
    reading.labels = colors.names
    reading.labelDetails = colors.details
    for source in sources {
      let (pictures, masks) = NamePairing.paired(
        try LabelMapLayout.pictures(below: source.pictures),
        try LabelMapLayout.pictures(below: source.masks)
      )
      let items = LabelMapLayout.items(
        pictures: pictures,
        maps: masks,
        base: root,
        problems: &reading.problems
      ) { try colors.map($0) }
      LabelMapLayout.add(items, to: &reading, source.subset)
    }
    return reading
  }

  private static func colors(in root: URL) throws -> LabelColors {
    guard let file = try FolderListing(root).file(colorsFile) else {
      let object = Color(red: 255, green: 255, blue: 255)
      // White, or 1: both are in use.
      return LabelColors([
        LabelColors.Entry(name: "background", color: .black, number: 0),
        LabelColors.Entry(name: "object", color: object, number: 255),
        LabelColors.Entry(name: "object", color: object, number: 1),
      ])
    }
    let name = file.lastPathComponent
    var table = try CSVTable(file, name: name, requiring: ["name", "r", "g", "b"])
    var labels: [(name: String, color: Color?)] = []
    while let row = try table.next() {
      let parts = try ["r", "g", "b"].map { UInt8(exactly: try table.number($0, of: row)) }
      guard let label = table.value("name", of: row), let red = parts[0], let green = parts[1],
        let blue = parts[2]
      else {
        throw DataError.unreadable(
          file: "\(name):\(row.line)",
          reason: "is no name with three numbers from 0 to 255"
        )
      }
      labels.append((label, Color(red: red, green: green, blue: blue)))
    }
    return LabelColors(labels)
  }
}
