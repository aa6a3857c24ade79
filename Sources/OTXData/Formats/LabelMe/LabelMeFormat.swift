public import Foundation
public import OTXCore

/// LabelMe, the web tool: an XML file for each picture.
///
/// Russell et al., LabelMe: A Database and Web-Based Tool for Image Annotation, IJCV 2008. Outlines,
/// boxes (`<type>bounding_box</type>`) and masks, which are picture files of their own; parts of an
/// object are its group. Objects that are `deleted` are passed over. What wkentaro's program of the
/// same name writes is `labelme_json`.
///
/// Written, key points and lines are boxes, turned boxes their corners and ellipses masks.
public struct LabelMeFormat: WritableDatasetFormat {
  public let name = "label_me"
  public let title = "LabelMe"
  public let layouts = [
    "Annotations/{train,val,test}/*.xml with Images/ and Masks/ of the same folders",
    "*.xml with <polygon>s beside the pictures",
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root) else { return .no(nearly: nil) }
    let start = listing.folder("Annotations") ?? root
    // The first file with an object tells.
    let files = LabelMeFormat.files(below: start, depth: 2, limit: 5)
    let file = files.first { file in
      guard let text = TextProbe.start(of: file, count: 8192), !text.contains("<annotations") else {
        return false
      }
      return text.contains("<annotation")
        && ["<polygon", "<segm>", "<imagesize"].contains(where: text.contains)
    }
    guard let file else { return .no(nearly: nil) }
    return .certain(file.path(below: root))
  }

  /// XML files below a folder.
  private static func files(below folder: URL, depth: Int, limit: Int = .max) -> [URL] {
    guard let listing = try? FolderListing(folder) else { return [] }
    var result = Array(listing.files(endingIn: "xml").prefix(limit))
    guard depth > 0 else { return result }
    for folder in listing.folders {
      guard result.count < limit else { break }
      result += files(below: folder, depth: depth - 1, limit: limit - result.count)
    }
    return result
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    var reading = FormatReading()
    var base: URL?
    switch location {
    case .root(let root, _):
      let start = try FolderListing(root).folder("Annotations") ?? root
      let files = LabelMeFormat.files(below: start, depth: 16)
      guard !files.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no LabelMe annotation file; expected \(layouts.joined(separator: ", or "))"
        )
      }
      base = root
      reading.labels = LabelListFile.read(in: root)
      var reader = LabelMeReader(root: root, annotations: start)
      for file in files { reader.read(file, subset: nil, into: &reading) }
    case .subsets(let subsets, _):
      for subset in Subset.allCases {
        guard let place = subsets[subset], let folder = place.annotations ?? place.root else {
          continue
        }
        base = base ?? folder
        var reader = LabelMeReader(root: place.root ?? folder, annotations: folder)
        for file in LabelMeFormat.files(below: folder, depth: 16) {
          reader.read(file, subset: subset, into: &reading)
        }
      }
    }
    if let base { reading.noteUnusedPictures(base: base) }
    return reading
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    [.boxes, .polygons, .masks, .unnamed]
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try dataset.requireObjects(in: title, withLabels: false)
    try LabelMeWriter(options: options).write(dataset, to: root)
  }
}
