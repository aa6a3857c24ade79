public import Foundation
public import OTXCore

/// Open Images, versions 4 to 6 (and 7, whose files are those of 6).
///
/// storage.googleapis.com/openimages/web, "Data formats". Labels are named as the files do
/// (`/m/01g317`). An object's box and its mask are one annotation where the mask's row has the box.
/// Labels of pictures that were verified to be absent (confidence 0) are left out. A group of
/// objects (`IsGroupOf`) is a crowd.
public struct OpenImagesFormat: WritableDatasetFormat {
  public let name = "open_images"
  public let title = "Open Images"
  public let layouts = [
    "annotations/{train,validation,test}-annotations-bbox.csv and the like, *class-descriptions*.csv, images/{train,validation,test}/*.jpg, masks/"
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let files = try? OpenImagesFiles(in: root), let file = files.first else {
      return .no(nearly: nil)
    }
    guard files.descriptions != nil else {
      return .no(nearly: "\(file.lastPathComponent) is there, class-descriptions.csv is not")
    }
    return .certain(file.path(below: root))
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root: URL
    switch location {
    case .root(let folder, _): root = folder
    case .subsets(let subsets, _):
      let places = Subset.allCases.compactMap { subsets[$0] }
      guard let place = places.compactMap({ $0.root ?? $0.annotations }).first else {
        throw DataError.unreadable(file: "open_images", reason: "no folder was named")
      }
      root = place
    }
    let files = try OpenImagesFiles(in: root)
    guard files.first != nil else {
      throw DataError.unreadable(
        file: root.path,
        reason: "holds no Open Images annotations; expected \(layouts[0])"
      )
    }
    var reader = try OpenImagesReader(root: root, files: files)
    return try reader.read()
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    [.labels, .boxes, .masks]
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try OpenImagesWriter(dataset: dataset, options: options).write(to: root)
  }
}

/// The CSV files of a dataset.
struct OpenImagesFiles {
  var descriptions: URL?
  var images: [URL] = []
  var labels: [URL] = []
  var boxes: [URL] = []
  var masks: [URL] = []
  var hierarchy: URL?
  var sizes: URL?

  init(in root: URL) throws {
    let listing = try FolderListing(root)
    let folder = try listing.folder("annotations").map { try FolderListing($0) } ?? listing
    let rank = ["boxable", "class-descriptions"]
    for file in folder.files {
      let name = file.lastPathComponent
      if name.hasSuffix("-annotations-bbox.csv") {
        boxes.append(file)
      } else if name.hasSuffix("-annotations-human-imagelabels.csv") {
        labels.append(file)
      } else if name.hasSuffix("-annotations-object-segmentation.csv") {
        masks.append(file)
      } else if name == "image_ids_and_rotation.csv" || name.hasSuffix("images-with-rotation.csv")
        || name.hasSuffix("images-with-labels-with-rotation.csv")
      {
        images.append(file)
      } else if name.contains("class-descriptions"), name.hasSuffix(".csv") {
        // Version 6 names its file itself; before, boxable classes had a shorter one.
        let isBetter = name.hasPrefix("oidv") || name.contains(rank[0])
        if descriptions == nil || isBetter { descriptions = file }
      } else if name.hasSuffix("hierarchy.json") {
        hierarchy = file
      } else if name == "images.meta" {
        sizes = file
      }
    }
  }

  /// A file that no other format has.
  var first: URL? { images.first ?? boxes.first ?? labels.first ?? masks.first }
}
