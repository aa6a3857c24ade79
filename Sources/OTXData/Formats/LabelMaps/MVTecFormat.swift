public import Foundation
public import OTXCore
import OTXImage

/// MVTec AD: pictures in a folder for each kind of defect, masks of the defects in `ground_truth`.
///
/// Bergmann et al., MVTec AD, CVPR 2019. The folder is one category of the dataset (`bottle`, …). An item
/// has its folder's name as label, and where there is a mask its pixels as an object of that label. The
/// narrower names take a part of it: the label, the pixels, or a box around them (for which masks are
/// read).
public struct MVTecFormat: WritableDatasetFormat {
  enum Part: String, Sendable, CaseIterable { case all, classification, detection, segmentation }

  public let name: String
  public let title = "MVTec AD"
  public let layouts = [
    "{train,test}/<good or a defect>/*.png, ground_truth/<a defect>/*_mask.png"
  ]
  private let part: Part

  public init() { self.init(.all) }

  private init(_ part: Part) {
    self.part = part
    name = part == .all ? "mvtec" : "mvtec_\(part.rawValue)"
  }

  public var variants: [any DatasetFormat] {
    part == .all ? [Part.classification, .detection, .segmentation].map { MVTecFormat($0) } : []
  }

  private static let truthFolder = "ground_truth"

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root) else { return .no(nearly: nil) }
    let sources = (try? MVTecFormat.sources(in: listing)) ?? []
    guard listing.folder(MVTecFormat.truthFolder) != nil else {
      let isNear = sources.contains { source in
        source.labels.contains { $0.lastPathComponent == "good" }
      }
      return .no(nearly: isNear ? "a folder good/ is there, ground_truth/ is not" : nil)
    }
    guard let first = sources.first?.labels.first else {
      return .no(
        nearly: "ground_truth/ is there, train/ and test/ with folders of pictures are not"
      )
    }
    return .certain("\(MVTecFormat.truthFolder)/ and \(first.path(below: root))/")
  }

  private struct Source {
    var subset: Subset
    var labels: [URL]
  }

  private static func sources(in listing: FolderListing) throws -> [Source] {
    try listing.folders.compactMap { folder in
      guard folder.lastPathComponent != truthFolder else { return nil }
      let labels = try FolderListing(folder).folders.filter {
        try !FolderListing($0).pictures.isEmpty
      }
      let subset = Subset(folderName: folder.lastPathComponent) ?? .train
      return labels.isEmpty ? nil : Source(subset: subset, labels: labels)
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let listing = try FolderListing(root)
    let sources = try MVTecFormat.sources(in: listing)
    guard !sources.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    let truth = try listing.folder(MVTecFormat.truthFolder).map { try FolderListing($0) }
    var masks = try MVTecFormat.masks(in: truth)
    var reading = FormatReading()
    reading.labels = Set(sources.flatMap { $0.labels.map(\.lastPathComponent) }).sorted()
    var unmarked: [String] = []
    for source in sources {
      for folder in source.labels {
        let label = folder.lastPathComponent
        for picture in try FolderListing(folder).pictures {
          let stem = picture.deletingPathExtension().lastPathComponent
          // Pictures for training have the numbers of those for testing, and no masks.
          let isTrained = source.subset == .train && sources.count > 1 && label == "good"
          let mask = isTrained ? nil : masks.removeValue(forKey: "\(label)/\(stem)")
          let item = DatasetItem(
            id: picture.path(below: root),
            image: .file(picture),
            annotations: try annotations(label, mask),
            origin: picture.path(below: root)
          )
          if mask == nil, label != "good", truth?.folder(label) != nil { unmarked.append(item.id) }
          reading.items[source.subset, default: []].append(item)
        }
      }
    }
    note(unmarked, masks, root, &reading.problems)
    return reading
  }

  /// Mask files by `<label>/<picture>`.
  private static func masks(in truth: FolderListing?) throws -> [String: URL] {
    var masks: [String: URL] = [:]
    for folder in truth?.folders ?? [] {
      for file in try FolderListing(folder).pictures {
        var stem = file.deletingPathExtension().lastPathComponent
        if stem.hasSuffix("_mask") { stem.removeLast(5) }
        masks["\(folder.lastPathComponent)/\(stem)"] = file
      }
    }
    return masks
  }

  private func annotations(_ label: String, _ mask: URL?) throws -> [Annotation] {
    guard let mask else { return [.label(label)] }
    let region = MaskFile(url: mask, selection: .nonZero)
    switch part {
    case .classification: return [.label(label)]
    case .segmentation: return [.region(.maskFile(region), label: label)]
    case .detection:
      return try region.mask().bounds.map { [.box($0, label: label)] } ?? [.label(label)]
    case .all: return [.label(label), .region(.maskFile(region), label: label)]
    }
  }

  private func note(
    _ unmarked: [String],
    _ masks: [String: URL],
    _ root: URL,
    _ problems: inout [DatasetProblem]
  ) {
    if let first = unmarked.first {
      problems.append(
        DatasetProblem(
          kind: "missing mask",
          location: first,
          message:
            "\("picture".counted(unmarked.count)) of a defect without a mask in ground_truth/, the first: \(first)",
          remedy: .noted
        )
      )
    }
    for (_, file) in masks.sorted(by: { $0.key < $1.key }) {
      problems.append(
        DatasetProblem(
          kind: "annotations without a picture",
          location: file.path(below: root),
          message: "the mask belongs to no picture",
          remedy: .leftOut
        )
      )
    }
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    for item in dataset.items.values.joined() { _ = try MVTecFormat.label(of: item) }
    try PictureWriter.makeFolder(root.appending(path: MVTecFormat.truthFolder))
    var used: Set<String> = []
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var writers: [String: PictureWriter] = [:]
      for item in items {
        let label = try MVTecFormat.label(of: item)
        let folder = root.appending(path: "\(subset.rawValue)/\(label)")
        if writers[label] == nil {
          try PictureWriter.makeFolder(folder)
          writers[label] = PictureWriter(folder: folder, options: options, hasUniqueStems: true)
        }
        let named = MVTecFormat.renamed(item, label, subset, &used)
        guard let (name, size) = try writers[label]?.write(named),
          let mask = try MVTecFormat.mask(of: item, size: size)
        else { continue }
        let masks = root.appending(path: "\(MVTecFormat.truthFolder)/\(label)")
        try PictureWriter.makeFolder(masks)
        let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
        try PictureWriter.write(Data(mask.png()), to: masks.appending(path: "\(stem)_mask.png"))
      }
    }
  }

  /// Items of two subsets share the folder of masks, so that their names must differ.
  private static func renamed(
    _ item: DatasetItem,
    _ label: String,
    _ subset: Subset,
    _ used: inout Set<String>
  ) -> DatasetItem {
    let file = URL(filePath: item.id)
    let stem = file.deletingPathExtension().lastPathComponent
    guard !used.insert("\(label)/\(stem)").inserted else { return item }
    var item = item
    item.id = "\(subset.rawValue)_\(stem).\(file.pathExtension)"
    return item
  }

  private static func label(of item: DatasetItem) throws -> String {
    guard !item.annotations.contains(where: { $0.kind == .labelMap }) else {
      throw DataError.invalidItem(
        item.id,
        reason: "has a label for each pixel; MVTec holds one label and its pixels"
      )
    }
    let labels = Set(item.annotations.compactMap(\.label))
    guard labels.count == 1, let label = labels.first else {
      throw DataError.invalidItem(
        item.id,
        reason: "has \(labels.count) labels; MVTec holds one label and its pixels"
      )
    }
    return label
  }

  /// White where an object is: its region, else its box; `nil` without objects.
  private static func mask(of item: DatasetItem, size: ImageSize) throws -> IndexImage? {
    var whole: RunLengthMask?
    for annotation in item.annotations where annotation.kind == .object {
      let mask: RunLengthMask
      if let region = annotation.region {
        mask = try region.mask(size: size)
      } else if let box = annotation.box {
        mask = Polygon([box.x1, box.y1, box.x2, box.y1, box.x2, box.y2, box.x1, box.y2])
          .mask(size: size)
      } else {
        continue
      }
      whole = whole?.union(mask) ?? mask
    }
    return whole.map { IndexImage(size: size, values: $0.bitmap.map { $0 ? 255 : 0 }) }
  }
}
