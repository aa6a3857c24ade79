public import Foundation
public import OTXCore

/// Classification by folders: one folder of pictures for each label, as ImageNet has it.
public struct ImageFolderFormat: WritableDatasetFormat {
  public let name = "imagenet"
  public let title = "ImageNet folders"
  public let layouts = [
    "{train,val,test}/<label>/*.jpg",
    "<label>/*.jpg, split into train and val when read",
  ]

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
    var reading = FormatReading()
    var labels: Set<String> = []
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
        return Source(subset: subset, labels: try labelFolders(FolderListing(folder)))
      }
      base = found.first?.labels.first?.deletingLastPathComponent() ?? URL(filePath: "/")
    }
    let shared = PictureFolder(base)
    let top = PictureFolder(URL(filePath: "/"))
    for source in found {
      for folder in source.labels {
        let label = folder.lastPathComponent
        labels.insert(label)
        let annotation = Annotation.label(label)
        let prefix = folder.path(below: base)
        reading.items[source.subset, default: []] += try FolderListing.allPictureNames(
          below: folder
        ).map { name in
          // One text serves as the item's name, its place and its path.
          let id = prefix.hasPrefix("/") ? "\(folder.path)/\(name)" : "\(prefix)/\(name)"
          return DatasetItem(
            id: id,
            image: .path(PicturePath(folder: prefix.hasPrefix("/") ? top : shared, name: id)),
            annotations: [annotation],
            origin: id
          )
        }
      }
      guard let parent = source.labels.first?.deletingLastPathComponent() else { continue }
      for picture in try FolderListing(parent).pictures {
        reading.problems.append(
          DatasetProblem(
            kind: "picture without a label",
            location: picture.path(below: base),
            message: "the picture lies in no label's folder",
            remedy: .leftOut
          )
        )
      }
    }
    reading.labels = labels.sorted()
    return reading
  }

  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      var writers: [String: PictureWriter] = [:]
      for item in items {
        let labels = item.annotations.filter { $0.kind == .label }.compactMap(\.label)
        guard labels.count == 1 else {
          throw DataError.invalidItem(
            item.id,
            reason: "has \(labels.count) labels; a picture lies in one folder"
          )
        }
        let folder = root.appending(path: "\(subset.rawValue)/\(labels[0])")
        if writers[labels[0]] == nil { try PictureWriter.makeFolder(folder) }
        _ = try writers[labels[0], default: PictureWriter(folder: folder, options: options)].write(
          item
        )
      }
    }
  }

  private struct Source {
    var subset: Subset
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
      return labels.isEmpty ? nil : Source(subset: subset, labels: labels)
    }
    if !split.isEmpty { return split }
    guard subsets.isEmpty else { return [] }
    let labels = try labelFolders(listing)
    return labels.isEmpty ? [] : [Source(subset: .train, labels: labels)]
  }

  /// Why folders of pictures are probably no labels; `nil` where they may well be.
  private func doubt(about sources: [Source], in root: URL) throws -> String? {
    let parts: Set<String> = [
      "image", "images", "img", "imgs", "jpegimages", "mask", "masks", "label", "labels",
      "annotation", "annotations", "gt", "ground_truth", "instance", "segmentationclass",
      "segmentationobject", "gtfine", "leftimg8bit", "obj_train_data",
    ]
    if try FolderListing(root).folder("ground_truth") != nil {
      return "a folder ground_truth/ is there, as in anomaly datasets, which are not read yet"
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

  /// Folders that hold pictures.
  private func labelFolders(_ listing: FolderListing) throws -> [URL] {
    try listing.folders.filter { try !FolderListing($0).pictureNames.isEmpty }
  }
}
