public import Foundation
public import OTXCore
import OTXImage

/// Cityscapes: pictures in `leftImg8bit`, pictures of labels and of objects in `gtFine`.
///
/// Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016. Of a
/// subset's files `_labelTrainIds.png` go before `_instanceIds.png`, and these before `_labelIds.png`.
/// Labels come from `dataset_meta.json` or `label_colors.txt`, else they are Cityscapes' own; number 0
/// is no label (`unlabeled`, `background`), except among training ids.
public struct CityscapesFormat: WritableDatasetFormat {
  public let name = "cityscapes"
  public let title = "Cityscapes"
  public let layouts = [
    "leftImg8bit/{train,val,test}/<city>/*_leftImg8bit.png, gtFine/{train,val,test}/<city>/*_gtFine_instanceIds.png"
  ]

  public init() {}

  private static let pictureFolder = "leftImg8bit"
  private static let truthFolders = ["gtFine", "gtCoarse"]

  /// Kinds of truth, the preferred one first.
  private enum Truth: String, CaseIterable {
    case trainIDs = "labelTrainIds"
    case instanceIDs = "instanceIds"
    case labelIDs = "labelIds"
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root) else { return .no(nearly: nil) }
    let truth = CityscapesFormat.truth(in: listing)
    let pictures = listing.folder(CityscapesFormat.pictureFolder)
    switch (truth, pictures) {
    case (let truth?, .some):
      return .certain("\(truth.lastPathComponent)/ and \(CityscapesFormat.pictureFolder)/")
    case (let truth?, nil):
      return .no(
        nearly: "\(truth.lastPathComponent)/ is there, \(CityscapesFormat.pictureFolder)/ is not"
      )
    case (nil, .some):
      return .no(nearly: "\(CityscapesFormat.pictureFolder)/ is there, gtFine/ is not")
    case (nil, nil): return .no(nearly: nil)
    }
  }

  private static func truth(in listing: FolderListing) -> URL? {
    truthFolders.lazy.compactMap { listing.folder($0) }.first
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let listing = try FolderListing(root)
    guard let truthRoot = CityscapesFormat.truth(in: listing),
      let pictureRoot = listing.folder(CityscapesFormat.pictureFolder)
    else {
      throw DataError.unreadable(
        file: root.path,
        reason: "is no Cityscapes dataset; expected \(layouts[0])"
      )
    }
    let pictureFolders = try FolderListing(pictureRoot)
    let truthFolders = try FolderListing(truthRoot)
    let names = Set((pictureFolders.folders + truthFolders.folders).map(\.lastPathComponent))
    let files = try Dictionary(
      uniqueKeysWithValues: truthFolders.folders.map {
        ($0.lastPathComponent, try FolderListing.allPictures(below: $0))
      }
    )
    let suffix = "_\(truthRoot.lastPathComponent)_"
    let kind = Truth.allCases.first { kind in
      files.values.joined().contains {
        $0.lastPathComponent.hasSuffix("\(suffix)\(kind.rawValue).png")
      }
    }
    let colors = try CityscapesFormat.colors(of: root, kind: kind)
    var reading = FormatReading()
    reading.labels = colors.names
    reading.labelDetails = colors.details
    for name in names.sorted() {
      let maps = CityscapesFormat.maps(
        files[name] ?? [],
        below: truthFolders.folder(name) ?? truthRoot,
        ending: kind.map { suffix + $0.rawValue } ?? ""
      )
      let pictures =
        try pictureFolders.folder(name).map { folder in
          try LabelMapLayout.pictures(below: folder) { CityscapesFormat.key($0) }
        } ?? []
      let items = LabelMapLayout.items(
        pictures: pictures,
        maps: maps,
        base: root,
        problems: &reading.problems
      ) { url in
        try colors.map(url, instances: kind == .instanceIDs ? .quotient(1000) : .none)
      }
      LabelMapLayout.add(items, to: &reading, Subset(folderName: name) ?? .train)
    }
    return reading
  }

  /// The part of a picture's path that its truth has too.
  private static func key(_ path: String) -> String {
    path.replacingOccurrences(of: "_\(pictureFolder)", with: "")
  }

  private static func maps(
    _ files: [URL],
    below folder: URL,
    ending: String
  ) -> [(key: String, url: URL)] {
    guard !ending.isEmpty else { return [] }
    return files.compactMap { file in
      let path = file.deletingPathExtension().path(below: folder)
      return path.hasSuffix(ending) ? (String(path.dropLast(ending.count)), file) : nil
    }
  }

  private static func colors(of root: URL, kind: Truth?) throws -> LabelColors {
    guard let declared = try LabelColors.declared(in: root, base: root) else {
      return kind == .trainIDs ? ownTrainingLabels : CityscapesLabels.all
    }
    guard kind != .trainIDs else { return declared }
    let labels =
      declared.entries.contains { $0.color == .black } ? declared : declared.withBlackFirst()
    let first = labels.entries.first
    let isNothing = first?.color == .black || first?.name == "background"
    return LabelColors(labels.entries, unmarked: isNothing ? Set([first?.name ?? ""]) : [])
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    [.labelMaps, .polygons, .masks]
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    for item in dataset.items.values.joined() { try LabelMapPainter.check(item, format: title) }
    let writer = ObjectMapColors(dataset)
    guard writer.labels.count <= 64 else {
      throw DataError.invalidItem(
        dataset.root.path,
        reason: "the dataset has \(writer.labels.count) labels; object files have place for 64"
      )
    }
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let pictures = root.appending(path: "\(CityscapesFormat.pictureFolder)/\(subset.rawValue)")
      let maps = root.appending(path: "gtFine/\(subset.rawValue)")
      for folder in [pictures, maps] { try PictureWriter.makeFolder(folder) }
      var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
      for item in items {
        let suffix = "_\(CityscapesFormat.pictureFolder)"
        let (name, size) = try names.write(CityscapesFormat.renamed(item, suffix: suffix))
        let stem = String(
          URL(filePath: name).deletingPathExtension().lastPathComponent.dropLast(suffix.count)
        )
        guard let painting = try writer.painter.paint(item, size: size) else { continue }
        let base = maps.appending(path: "\(stem)_gtFine").path
        func save(_ bytes: [UInt8], _ kind: String) throws {
          try PictureWriter.write(Data(bytes), to: URL(filePath: "\(base)_\(kind).png"))
        }
        try save(painting.labels.png(), "labelIds")
        try save(CityscapesFormat.instances(of: painting, item: item).png(), "instanceIds")
        try save(ImageFile.png(painting.labels.colored(writer.colors)), "color")
      }
    }
    try writer.listed.write(to: root)
  }

  private static func renamed(_ item: DatasetItem, suffix: String) -> DatasetItem {
    var item = item
    let url = URL(filePath: item.id)
    let stem = url.deletingPathExtension().lastPathComponent
    let ending = url.pathExtension.isEmpty ? "png" : url.pathExtension
    // Numbers for equal names go before the suffix's dot, and must not part it.
    item.id =
      "\(stem.hasSuffix(suffix) ? String(stem.dropLast(suffix.count)) : stem)\(suffix).\(ending)"
    return item
  }

  /// `label * 1000 + object`, objects counted from 0; the label alone where there is no object.
  private static func instances(
    of painting: LabelMapPainter.Painting,
    item: DatasetItem
  ) throws -> IndexImage {
    guard painting.objects.values.max() ?? 0 <= 1000 else {
      throw DataError.invalidItem(item.id, reason: "has more than 1000 objects of one label")
    }
    let values = zip(painting.labels.values, painting.objects.values).map { label, object in
      object == 0 || label == 0 ? label : label * 1000 + object - 1
    }
    return IndexImage(size: painting.labels.size, values: values)
  }
}

/// Labels to write where number 0 is no label, with a colour for each.
struct ObjectMapColors {
  /// `background` first.
  let labels: [String]
  let colors: [Color]
  let painter: LabelMapPainter

  init(_ dataset: Dataset) {
    let nothing = "background"
    let names = dataset.writtenLabels.filter { $0 != nothing }
    labels = [nothing] + names
    let own = names.map { dataset.labelDetails.colors[$0] }
    let isUsable = Set(own).count == own.count && !own.contains(nil) && !own.contains(.black)
    colors =
      [.black]
      + names.indices.map { index in
        (isUsable ? own[index] : nil) ?? VOCLabels.color(index + 1)
      }
    painter = LabelMapPainter(labels: labels, background: 0)
  }

  /// The labels with their colours, to be written.
  var listed: LabelColors { LabelColors(zip(labels, colors).map { ($0, $1) }) }
}

/// Cityscapes' labels, which KITTI uses too.
enum CityscapesLabels {
  /// Number 0 is no label.
  static let all = LabelColors(
    [
      ("unlabeled", 0, 0, 0), ("egovehicle", 0, 0, 0), ("rectificationborder", 0, 0, 0),
      ("outofroi", 0, 0, 0), ("static", 0, 0, 0), ("dynamic", 111, 74, 0), ("ground", 81, 0, 81),
      ("road", 128, 64, 128), ("sidewalk", 244, 35, 232), ("parking", 250, 170, 160),
      ("railtrack", 230, 150, 140), ("building", 70, 70, 70), ("wall", 102, 102, 156),
      ("fence", 190, 153, 153), ("guardrail", 180, 165, 180), ("bridge", 150, 100, 100),
      ("tunnel", 150, 120, 90), ("pole", 153, 153, 153), ("polegroup", 153, 153, 153),
      ("trafficlight", 250, 170, 30), ("trafficsign", 220, 220, 0), ("vegetation", 107, 142, 35),
      ("terrain", 152, 251, 152), ("sky", 70, 130, 180), ("person", 220, 20, 60),
      ("rider", 255, 0, 0), ("car", 0, 0, 142), ("truck", 0, 0, 70), ("bus", 0, 60, 100),
      ("caravan", 0, 0, 90), ("trailer", 0, 0, 110), ("train", 0, 80, 100),
      ("motorcycle", 0, 0, 230), ("bicycle", 119, 11, 32), ("licenseplate", 0, 0, 142),
    ],
    unmarked: ["unlabeled"]
  )
}

extension CityscapesFormat {
  /// The labels of training ids, and what Datumaro calls the number behind them.
  static let ownTrainingLabels = LabelColors([
    ("road", 128, 64, 128), ("sidewalk", 244, 35, 232), ("building", 70, 70, 70),
    ("wall", 102, 102, 156), ("fence", 190, 153, 153), ("pole", 153, 153, 153),
    ("trafficlight", 250, 170, 30), ("trafficsign", 220, 220, 0), ("vegetation", 107, 142, 35),
    ("terrain", 152, 251, 152), ("sky", 70, 130, 180), ("person", 220, 20, 60),
    ("rider", 255, 0, 0), ("car", 0, 0, 142), ("truck", 0, 0, 70), ("bus", 0, 60, 100),
    ("train", 0, 80, 100), ("motorcycle", 0, 0, 230), ("bicycle", 119, 11, 32),
    ("background", 0, 0, 0),
  ])
}
