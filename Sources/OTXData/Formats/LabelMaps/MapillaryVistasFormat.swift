public import Foundation
public import OTXCore

/// Mapillary Vistas 1.2 and 2.0: pictures of objects, panoptic segments, or labels.
///
/// Neuhold et al., The Mapillary Vistas Dataset for Semantic Understanding of Street Scenes, ICCV 2017.
/// `instances` holds `label * 256 + object` in 16 bits, `panoptic` segments as in COCO, `labels` the
/// labels alone. Labels and colours come from `config*.json`, of panoptic sets from their own file.
public struct MapillaryVistasFormat: DatasetFormat {
  public let name: String
  public let title = "Mapillary Vistas"
  public let layouts = [
    "config_v2.0.json, {training,validation}/images/*.jpg, {training,validation}/v2.0/{instances,labels}/*.png",
    "{training,validation}/images/*.jpg, {training,validation}/v2.0/panoptic/{panoptic_2020.json,*.png}",
    "config_v1.2.json and v1.2 in place of v2.0, or config.json and no folder of a version",
  ]
  private let kinds: [Kind]

  enum Kind: String, Sendable, CaseIterable { case instances, panoptic, labels }

  public init() { self.init(name: "mapillary_vistas", kinds: Kind.allCases) }

  private init(name: String, kinds: [Kind]) { (self.name, self.kinds) = (name, kinds) }

  public var variants: [any DatasetFormat] {
    [
      MapillaryVistasFormat(name: "mapillary_vistas_instances", kinds: [.instances]),
      MapillaryVistasFormat(name: "mapillary_vistas_panoptic", kinds: [.panoptic]),
      MapillaryVistasFormat(name: "mapillary_vistas_semantic", kinds: [.labels]),
    ]
  }

  private struct Source {
    var subset: Subset
    var kind: Kind
    var pictures: URL
    var truth: FolderListing
    var version: String?
  }

  private static let versions = ["v2.0", "v1.2"]

  private func sources(in root: URL) throws -> [Source] {
    let listing = try FolderListing(root)
    let folders = try [listing] + listing.folders.map { try FolderListing($0) }
    for kind in kinds {
      let sources = try folders.compactMap { folder -> Source? in
        guard let pictures = folder.folder("images") else { return nil }
        let subset = Subset(folderName: folder.root.lastPathComponent) ?? .train
        for version in MapillaryVistasFormat.versions {
          guard let truth = folder.folder(version),
            let own = try FolderListing(truth).folder(kind.rawValue)
          else { continue }
          return Source(
            subset: subset,
            kind: kind,
            pictures: pictures,
            truth: try FolderListing(own),
            version: version
          )
        }
        // Version 1.1 has no folder of a version, and names that other datasets have too.
        guard listing.file("config.json") != nil, let own = folder.folder(kind.rawValue) else {
          return nil
        }
        return Source(
          subset: subset,
          kind: kind,
          pictures: pictures,
          truth: try FolderListing(own),
          version: nil
        )
      }
      if !sources.isEmpty { return sources }
    }
    return []
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? sources(in: root).first else { return .no(nearly: nil) }
    return .certain("\(first.truth.root.path(below: root))/ and images/")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let sources = try sources(in: root)
    guard let first = sources.first else {
      throw DataError.unreadable(
        file: root.path,
        reason:
          "holds no \(kinds.map(\.rawValue).joined(separator: " or ")); expected \(layouts[0])"
      )
    }
    var reading = FormatReading()
    if first.kind == .panoptic {
      for source in sources {
        guard let file = source.truth.files(endingIn: "json").first else {
          throw DataError.unreadable(
            file: source.truth.root.path(below: root),
            reason: "holds no panoptic_2020.json (of version 1.2: panoptic_2018.json)"
          )
        }
        try MapillaryPanoptic(file: file, pictures: source.pictures, base: root)
          .read(source.subset, into: &reading)
      }
      return reading
    }
    let colors = try MapillaryVistasFormat.colors(of: root, first)
    reading.labels = colors.names
    reading.labelDetails = colors.details
    for source in sources {
      let items = LabelMapLayout.items(
        pictures: try LabelMapLayout.pictures(below: source.pictures),
        maps: try LabelMapLayout.pictures(below: source.truth.root),
        base: root,
        problems: &reading.problems
      ) { url in
        LabelMap(
          url: url,
          instances: source.kind == .instances ? .product(256) : .none,
          table: colors.numbers
        )
      }
      LabelMapLayout.add(items, to: &reading, source.subset)
    }
    return reading
  }

  private static func colors(of root: URL, _ source: Source) throws -> LabelColors {
    let place = source.pictures.deletingLastPathComponent()
    let name = source.version.map { "config_\($0).json" } ?? "config.json"
    for folder in [place, place.deletingLastPathComponent()] {
      let listing = try FolderListing(folder)
      if let meta = listing.file(LabelColors.metaFileName) {
        return try LabelColors.metaFile(meta, name: meta.path(below: root))
      }
      if let file = listing.file(name) { return try config(file, name: file.path(below: root)) }
      if folder.isSameFolder(as: root) { break }
    }
    throw DataError.unreadable(
      file: root.path,
      reason: "holds no \(name), which lists the labels; it comes with the dataset"
    )
  }

  /// `{"labels": [{"name": …, "color": [r, g, b]}]}`; the place in the list is the number.
  private static func config(_ file: URL, name: String) throws -> LabelColors {
    var labels: [(name: String, color: Color?)] = []
    try JSONScanner.scan(file, name: name) { scanner in
      try scanner.object { scanner, key in
        guard key == "labels" else { return try scanner.skipValue() }
        try scanner.array { scanner in
          var label: (name: String, color: Color?) = ("", nil)
          try scanner.object { scanner, key in
            switch key {
            case "name": label.name = try scanner.string()
            case "color" where scanner.nextKind() == .array:
              var parts: [Int] = []
              try scanner.array { parts.append(try $0.integerIfPresent() ?? -1) }
              let bytes = parts.compactMap { UInt8(exactly: $0) }
              if bytes.count >= 3 {
                label.color = Color(red: bytes[0], green: bytes[1], blue: bytes[2])
              }
            default: try scanner.skipValue()
            }
          }
          labels.append(label)
        }
      }
    }
    guard !labels.isEmpty else {
      throw DataError.unreadable(file: name, reason: "lists no labels")
    }
    return LabelColors(labels)
  }
}

/// Reads a panoptic file of Mapillary Vistas: COCO's form, image ids are texts.
struct MapillaryPanoptic {
  let file: URL
  let pictures: URL
  let base: URL

  private struct Segment {
    var id = 0
    var category: Int?
    var isCrowd = false
  }

  private struct Entry {
    var image = ""
    var file = ""
    var segments: [Segment] = []
  }

  private struct Picture {
    var file = ""
    var height: Int?
    var width: Int?
  }

  private struct Category {
    var name = ""
    var parent: String?
    var color: Color?
  }

  func read(_ subset: Subset, into reading: inout FormatReading) throws {
    let name = file.path(below: base)
    var images: [String: Picture] = [:]
    var entries: [Entry] = []
    var categories: [Int: Category] = [:]
    try JSONScanner.scan(file, name: name) { scanner in
      try scanner.object { scanner, key in
        switch key {
        case "images":
          try scanner.array { scanner in
            let (id, picture) = try MapillaryPanoptic.picture(&scanner)
            images[id] = picture
          }
        case "categories":
          try scanner.array { scanner in
            let (id, category) = try MapillaryPanoptic.category(&scanner)
            if !reading.labels.contains(category.name) { reading.labels.append(category.name) }
            reading.labelDetails.parents[category.name] = category.parent
            reading.labelDetails.colors[category.name] = category.color
            categories[id] = category
          }
        case "annotations":
          try scanner.array { entries.append(try MapillaryPanoptic.entry(&$0)) }
        default: try scanner.skipValue()
        }
      }
    }
    let maps = file.deletingLastPathComponent()
    for entry in entries {
      guard let picture = images[entry.image] else {
        reading.problems.append(
          DatasetProblem(
            kind: "annotations without a picture",
            location: name,
            message: "segments of the image '\(entry.image)', which is not on the list of images",
            remedy: .leftOut
          )
        )
        continue
      }
      let url = pictures.appending(path: picture.file)
      let map = maps.appending(path: entry.file)
      let size = picture.height.flatMap { height in
        picture.width.map { ImageSize(height: height, width: $0) }
      }
      let annotations = entry.segments.map { segment in
        let color = Color(
          red: UInt8(segment.id & 0xFF),
          green: UInt8(segment.id >> 8 & 0xFF),
          blue: UInt8(segment.id >> 16 & 0xFF)
        )
        var annotation = Annotation.region(
          .maskFile(MaskFile(url: map, selection: .color(color))),
          label: segment.category.flatMap { categories[$0]?.name },
          isCrowd: segment.isCrowd
        )
        (annotation.id, annotation.group) = (segment.id, segment.id)
        return annotation
      }
      reading.items[subset, default: []].append(
        DatasetItem(
          id: url.path(below: base),
          image: .file(url),
          size: size,
          annotations: annotations,
          origin: name
        )
      )
    }
  }

  /// A text, or a number as one.
  private static func id(_ scanner: inout JSONScanner) throws -> String {
    scanner.nextKind() == .string
      ? try scanner.string() : try scanner.integerIfPresent().map { "\($0)" } ?? ""
  }

  private static func picture(_ scanner: inout JSONScanner) throws -> (String, Picture) {
    var (id, picture) = ("", Picture())
    try scanner.object { scanner, key in
      switch key {
      case "id": id = try self.id(&scanner)
      case "file_name": picture.file = try scanner.string()
      case "height": picture.height = try scanner.integerIfPresent()
      case "width": picture.width = try scanner.integerIfPresent()
      default: try scanner.skipValue()
      }
    }
    return (id, picture)
  }

  private static func category(_ scanner: inout JSONScanner) throws -> (Int, Category) {
    var (id, category) = (0, Category())
    try scanner.object { scanner, key in
      switch key {
      case "id": id = try scanner.integerIfPresent() ?? 0
      case "name": category.name = try scanner.string()
      case "supercategory": category.parent = try scanner.stringIfPresent()
      case "color" where scanner.nextKind() == .array:
        var parts: [UInt8] = []
        try scanner.array { scanner in
          if let part = try scanner.integerIfPresent().flatMap({ UInt8(exactly: $0) }) {
            parts.append(part)
          }
        }
        if parts.count >= 3 {
          category.color = Color(red: parts[0], green: parts[1], blue: parts[2])
        }
      default: try scanner.skipValue()
      }
    }
    return (id, category)
  }

  private static func entry(_ scanner: inout JSONScanner) throws -> Entry {
    var entry = Entry()
    try scanner.object { scanner, key in
      switch key {
      case "image_id": entry.image = try id(&scanner)
      case "file_name": entry.file = try scanner.string()
      case "segments_info":
        try scanner.array { scanner in
          var segment = Segment()
          try scanner.object { scanner, key in
            switch key {
            case "id": segment.id = try scanner.integerIfPresent() ?? 0
            case "category_id": segment.category = try scanner.integerIfPresent()
            case "iscrowd": segment.isCrowd = try scanner.integerIfPresent() == 1
            default: try scanner.skipValue()
            }
          }
          entry.segments.append(segment)
        }
      default: try scanner.skipValue()
      }
    }
    return entry
  }
}
