public import Foundation
public import OTXCore

/// Classification by folders: one folder of pictures for each label, as ImageNet has it.
///
/// A folder inside a label's folder is a label of its own, `label/inner`, whose parent the outer one is. A
/// picture above the labels' folders, or in a folder `no_label`, has no label.
public struct ImageFolderFormat: WritableDatasetFormat {
  public let name = "imagenet"
  public let title = "ImageNet folders"
  public let layouts = [
    "{train,val,test}/<label>/*.jpg",
    "<label>/*.jpg, split into train and val when read",
  ]
  public var aliases: [String] { ["imagenet_with_subset_dirs"] }

  /// The folder of pictures without a label.
  private static let noLabel = "no_label"

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    do {
      let sources = try sources(in: root)
      guard let first = sources.first else {
        let pictures = try FolderListing(root).pictures.count
        return .no(nearly: pictures > 0 ? "pictures that are not in a folder for each label" : nil)
      }
      if let doubt = try doubt(about: sources, in: root) { return .no(nearly: doubt) }
      let labels = Set(sources.flatMap { $0.labels.map(\.lastPathComponent) })
      guard labels.count > 1 else {
        return .no(nearly: "one folder of pictures only ('\(labels.first ?? "")')")
      }
      return .possible(
        "a folder of pictures for each label, \(first.labels[0].path(below: root)) …"
      )
    } catch {
      return .no(nearly: nil)
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let found: [Source]
    let base: URL
    switch location {
    case .root(let root, _):
      base = root
      found = try sources(in: root)
      guard !found.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no folder of pictures for a label; expected \(layouts[0])"
        )
      }
    case .subsets(let subsets, _):
      found = try Subset.allCases.compactMap { subset in
        guard let folder = subsets[subset]?.root ?? subsets[subset]?.annotations else { return nil }
        return Source(
          subset: subset,
          folder: folder,
          labels: try labelFolders(FolderListing(folder))
        )
      }
      base = found.first?.folder ?? URL(filePath: "/")
    }
    var walk = FolderWalk(base: base)
    for source in found { try walk.read(source.folder, source.subset) }
    var reading = walk.reading
    reading.labels = walk.labels.sorted { $0.lexicographicallyPrecedes($1) }
      .map { $0.joined(separator: "/") }
    return reading
  }

  /// Goes through the folders of labels.
  private struct FolderWalk {
    let base: URL
    var reading = FormatReading()
    var labels: Set<[String]> = []
    private let shared: PictureFolder
    private let top = PictureFolder(URL(filePath: "/"))

    init(base: URL) { (self.base, shared) = (base, PictureFolder(base)) }

    mutating func read(_ folder: URL, _ subset: Subset) throws {
      try read(folder, label: [], subset, depth: 16)
    }

    private mutating func read(
      _ folder: URL,
      label: [String],
      _ subset: Subset,
      depth: Int
    ) throws {
      let listing = try FolderListing(folder)
      // Tiny ImageNet has `<label>/images`.
      if !label.isEmpty, listing.pictureNames.isEmpty, listing.folders.count == 1,
        listing.folders[0].lastPathComponent == "images"
      {
        return try read(listing.folders[0], label: label, subset, depth: depth - 1)
      }
      let isLabel = !label.isEmpty && label != [noLabel]
      let name = label.joined(separator: "/")
      if isLabel { labels.insert(label) }
      if isLabel, label.count > 1 {
        reading.labelDetails.parents[name] = label.dropLast().joined(separator: "/")
      }
      let annotations: [Annotation] = isLabel ? [.label(name)] : []
      let prefix = folder.isSameFolder(as: base) ? "" : folder.path(below: base) + "/"
      let isElsewhere = prefix.hasPrefix("/")
      for picture in listing.pictureNames {
        // One text serves as the item's name, its place and its path.
        let path = prefix + picture
        reading.items[subset, default: []].append(
          DatasetItem(
            id: path,
            image: .path(
              PicturePath(
                folder: isElsewhere ? top : shared,
                name: isElsewhere ? String(path.dropFirst()) : path
              )
            ),
            annotations: annotations,
            origin: path
          )
        )
        guard label.isEmpty else { continue }
        reading.problems.append(
          DatasetProblem(
            kind: "picture without a label",
            location: path,
            message: "the picture lies in no label's folder, so it has no label",
            remedy: .noted
          )
        )
      }
      // Links may run in circles.
      guard depth > 0 else { return }
      for inner in listing.folders {
        try read(inner, label: label + [inner.lastPathComponent], subset, depth: depth - 1)
      }
    }
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    .labels
  }

  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    for item in dataset.items.values.joined() { _ = try ImageFolderFormat.folderName(of: item) }
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var writers: [String: PictureWriter] = [:]
      for item in items {
        let name = try ImageFolderFormat.folderName(of: item)
        let folder = root.appending(path: "\(subset.rawValue)/\(name)")
        if writers[name] == nil { try PictureWriter.makeFolder(folder) }
        _ = try writers[name, default: PictureWriter(folder: folder, options: options)].write(item)
      }
    }
  }

  private static func folderName(of item: DatasetItem) throws -> String {
    guard !item.annotations.isEmpty else { return noLabel }
    let labels = item.annotations.filter { $0.kind == .label }.compactMap(\.label)
    guard labels.count == 1 else {
      throw DataError.invalidItem(
        item.id,
        reason: "has \(labels.count) labels; a picture lies in one folder"
      )
    }
    return labels[0]
  }

  private struct Source {
    var subset: Subset
    var folder: URL
    /// At least one.
    var labels: [URL]
  }

  private func sources(in root: URL) throws -> [Source] {
    let listing = try FolderListing(root)
    let subsets = listing.folders.compactMap { folder in
      Subset(folderName: folder.lastPathComponent).map { ($0, folder) }
    }
    let split = try subsets.compactMap { subset, folder -> Source? in
      let labels = try labelFolders(FolderListing(folder))
      return labels.isEmpty ? nil : Source(subset: subset, folder: folder, labels: labels)
    }
    if !split.isEmpty { return split }
    guard subsets.isEmpty else { return [] }
    let labels = try labelFolders(listing)
    return labels.isEmpty ? [] : [Source(subset: .train, folder: root, labels: labels)]
  }

  /// Why folders of pictures are probably no labels; `nil` where they may well be.
  private func doubt(about sources: [Source], in root: URL) throws -> String? {
    let parts: Set<String> = [
      "image", "images", "img", "imgs", "jpegimages", "mask", "masks", "label", "labels",
      "annotation", "annotations", "gt", "ground_truth", "instance", "segmentationclass",
      "segmentationobject", "gtfine", "leftimg8bit", "obj_train_data",
    ]
    if try FolderListing(root).folder("ground_truth") != nil {
      return "a folder ground_truth/ is there, as in data sets of anomalies (mvtec)"
    }
    for folder in sources.flatMap(\.labels) {
      let name = folder.lastPathComponent
      if parts.contains(name.lowercased()) {
        return "a folder of pictures is named '\(name)', which is hardly a label"
      }
      let listing = try FolderListing(folder)
      let annotations = ["json", "xml", "npy", "csv"].flatMap { listing.files(endingIn: $0) }
      if let file = annotations.first {
        return "\(file.path(below: root)) lies beside pictures, so its folder is hardly a label"
      }
    }
    return nil
  }

  /// Folders that hold pictures, or folders of pictures.
  private func labelFolders(_ listing: FolderListing) throws -> [URL] {
    try listing.folders.filter { folder in
      let inner = try FolderListing(folder)
      if !inner.pictureNames.isEmpty { return true }
      return try inner.folders.prefix(3).contains { try !FolderListing($0).pictureNames.isEmpty }
    }
  }
}
