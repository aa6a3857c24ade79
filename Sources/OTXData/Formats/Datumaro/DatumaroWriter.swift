import Foundation
import OTXCore

/// Writes one subset as Datumaro's JSON.
struct DatumaroWriter {
  let dataset: Dataset
  let subset: Subset
  let root: URL
  let options: DatasetWriteOptions
  /// Datumaro's name of the subset.
  private let name: String
  /// A number for each object of several parts; unlike groups, they begin anew for each item.
  private var objectCount = 0
  /// A group for each object of several parts that is in none.
  private var nextGroup = 1

  init(dataset: Dataset, subset: Subset, root: URL, options: DatasetWriteOptions) {
    (self.dataset, self.subset, self.root, self.options) = (dataset, subset, root, options)
    name = subset.rawValue
  }

  mutating func write(_ items: [DatasetItem]) throws {
    for item in items {
      for label in item.annotations.compactMap(\.label)
      where dataset.labels.index(of: label) == nil {
        throw DataError.unknownLabel(label, known: dataset.labels.names, item: item.id)
      }
    }
    let folder = root.appending(path: "images/\(name)")
    let annotations = root.appending(path: "annotations/\(name).json")
    try PictureWriter.makeFolder(folder)
    try PictureWriter.makeFolder(annotations.deletingLastPathComponent())
    var pictures = PictureWriter(folder: folder, options: options, hasUniqueStems: true)
    var writer = self
    var text = JSONText()
    try text.object { text in
      text.member("dm_format_version", "1.0")
      text.member("media_type", 2)
      text.key("infos")
      text.object { $0.member("otx_version", 1) }
      text.key("categories")
      writer.categories(&text)
      text.key("items")
      try text.lines(items) { text, item in
        let (picture, size) = try pictures.write(item)
        try writer.item(item, picture, size, &text)
      }
    }
    try PictureWriter.write(text.data, to: annotations)
  }

  // MARK: Labels

  private func categories(_ text: inout JSONText) {
    let details = dataset.labelDetails
    let labels = dataset.labels
    text.object { text in
      text.key("label")
      text.object { text in
        text.key("labels")
        text.lines(labels.names) { text, name in
          text.object { text in
            text.member("name", name)
            text.member("parent", details.parents[name] ?? "")
            text.key("attributes")
            text.list { _ in }
          }
        }
        text.key("label_groups")
        text.lines(details.exclusiveGroups) { text, group in
          text.object { text in
            text.member("name", group.name)
            text.member("group_type", "exclusive")
            text.key("labels")
            text.list { text in for label in group.labels { text.value(label) } }
          }
        }
        text.key("attributes")
        text.list { _ in }
      }
      let colors = labels.names.enumerated().compactMap { index, name in
        details.colors[name].map { (index, $0) }
      }
      if !colors.isEmpty {
        text.key("mask")
        text.object { text in
          text.key("colormap")
          text.lines(colors) { text, entry in
            text.object { text in
              text.member("label_id", entry.0)
              text.member("r", Int(entry.1.red))
              text.member("g", Int(entry.1.green))
              text.member("b", Int(entry.1.blue))
            }
          }
        }
      }
      keypoints(&text)
    }
  }

  private func keypoints(_ text: inout JSONText) {
    let layouts = dataset.labels.names.enumerated().compactMap { index, name in
      dataset.labelDetails.keypoints[name].map { (index, $0) }
    }
    guard !layouts.isEmpty else { return }
    text.key("points")
    text.object { text in
      text.key("items")
      text.lines(layouts) { text, entry in
        text.object { text in
          text.member("label_id", entry.0)
          text.key("labels")
          text.list { text in for name in entry.1.names { text.value(name) } }
          text.key("joints")
          text.list { text in
            for edge in entry.1.edges {
              text.list { text in
                text.value(edge.from)
                text.value(edge.to)
              }
            }
          }
          text.key("positions")
          text.list { _ in }
        }
      }
    }
  }

  // MARK: Items

  private mutating func item(
    _ item: DatasetItem,
    _ picture: String,
    _ size: ImageSize,
    _ text: inout JSONText
  ) throws {
    let stem = URL(filePath: picture).deletingPathExtension().lastPathComponent
    objectCount = 0
    nextGroup = (item.annotations.map(\.group).max() ?? 0) + 1
    let maps = item.annotations.compactMap(\.labelMap)
    var writer = self
    try text.object { text in
      text.member("id", stem)
      if !item.attributes.isEmpty {
        text.key("attr")
        text.value(item.attributes)
      }
      text.key("image")
      text.object { text in
        text.member("path", picture)
        text.member("size", [Float(size.height), Float(size.width)])
      }
      text.key("annotations")
      try text.list { text in
        for annotation in item.annotations {
          try writer.annotation(annotation, &text)
        }
        for map in maps { try writer.parts(of: map, size, &text) }
      }
      guard !maps.isEmpty else { return }
      text.key("otx_label_maps")
      try text.list { text in
        for (index, map) in maps.enumerated() {
          let own = "masks/\(writer.name)/\(stem)" + (index == 0 ? "" : "-\(index + 1)")
          try DatumaroLabelMap.write(map, stem: own, root: writer.root, to: &text)
        }
      }
    }
    self = writer
  }

  /// The labels of a map as masks, for Datumaro.
  private func parts(of map: LabelMap, _ size: ImageSize, _ text: inout JSONText) throws {
    for segment in try map.segments(size: size) {
      // A map may have labels that the dataset's list does not.
      let index = dataset.labels.index(of: segment.label)
      text.object { text in
        text.member("type", "mask")
        if let index { text.member("label_id", index) }
        text.key("otx_label_map_part")
        text.value(true)
        DatumaroWriter.mask(segment.mask, &text)
      }
    }
  }

  // MARK: Annotations

  private mutating func annotation(_ annotation: Annotation, _ text: inout JSONText) throws {
    switch annotation.kind {
    case .labelMap: return
    case .label: entry("label", annotation, Membership(group: annotation.group), &text) { _ in }
    case .caption:
      entry("caption", annotation, Membership(group: annotation.group), &text) { text in
        text.member("caption", annotation.caption ?? "")
      }
    case .object: try object(annotation, &text)
    }
  }

  /// What an entry belongs to.
  private struct Membership {
    var group: Int
    var object: Int?
    /// Whether the group only joins the parts of an object that is in none.
    var isOfParts = false
  }

  private mutating func object(_ annotation: Annotation, _ text: inout JSONText) throws {
    let stated = annotation.region?.bounds ?? annotation.keypoints?.bounds
    let box = annotation.box == stated ? nil : annotation.box
    var outlines: [[Float]] = []
    if case .polygon(let polygon)? = annotation.region { outlines = polygon.parts }
    let regionCount = outlines.isEmpty ? (annotation.region == nil ? 0 : 1) : outlines.count
    let partCount = regionCount + (box == nil ? 0 : 1) + (annotation.keypoints == nil ? 0 : 1)
    var membership = Membership(group: annotation.group)
    if partCount > 1 || annotation.group != 0 {
      objectCount += 1
      membership.object = objectCount
    }
    if partCount > 1, annotation.group == 0 {
      (membership.group, membership.isOfParts) = (nextGroup, true)
      nextGroup += 1
    }
    if let box {
      entry("bbox", annotation, membership, &text) { $0.member("bbox", cornerAndSides: box) }
    }
    if let keypoints = annotation.keypoints {
      entry("points", annotation, membership, &text) { text in
        text.member("points", keypoints.points)
        text.key("visibility")
        text.list { text in
          for visibility in keypoints.visibilities { text.value(Int(visibility.rawValue)) }
        }
      }
    }
    if !outlines.isEmpty {
      for outline in outlines {
        entry("polygon", annotation, membership, &text) { $0.member("points", outline) }
      }
    } else if let region = annotation.region {
      try self.region(region, annotation, membership, &text)
    }
  }

  private func region(
    _ region: Region,
    _ annotation: Annotation,
    _ membership: Membership,
    _ text: inout JSONText
  ) throws {
    switch region {
    case .polygon(let polygon):
      entry("polygon", annotation, membership, &text) { $0.member("points", polygon.points) }
    case .polyline(let points):
      entry("polyline", annotation, membership, &text) { $0.member("points", points) }
    case .mask(let mask):
      entry("mask", annotation, membership, &text) { DatumaroWriter.mask(mask, &$0) }
    case .maskFile(let file):
      let mask = try file.mask()
      entry("mask", annotation, membership, &text) { DatumaroWriter.mask(mask, &$0) }
    case .rotatedBox(let box):
      entry("polygon", annotation, membership, &text) { text in
        text.member("points", box.corners)
        text.member("otx_turned", box.numbers)
      }
    case .ellipse(let box):
      entry("ellipse", annotation, membership, &text) { text in
        text.member(
          "points",
          [
            box.x - box.width / 2, box.y - box.height / 2, box.x + box.width / 2,
            box.y + box.height / 2,
          ]
        )
        text.member("otx_turned", box.numbers)
      }
    }
  }

  private static func mask(_ mask: RunLengthMask, _ text: inout JSONText) {
    text.key("rle")
    text.object { text in
      text.member("counts", mask.compressed)
      text.member("size", [Float(mask.size.height), Float(mask.size.width)])
    }
  }

  private func entry(
    _ kind: String,
    _ annotation: Annotation,
    _ membership: Membership,
    _ text: inout JSONText,
    _ content: (inout JSONText) -> Void
  ) {
    text.object { text in
      text.member("type", kind)
      if let id = annotation.id { text.member("id", id) }
      text.member("group", membership.group)
      if membership.isOfParts { text.member("otx_group", 0) }
      if let object = membership.object { text.member("otx_object", object) }
      if let label = annotation.label, let index = dataset.labels.index(of: label) {
        text.member("label_id", index)
      }
      content(&text)
      var attributes = annotation.attributes
      if annotation.isCrowd { attributes["is_crowd"] = .flag(true) }
      if annotation.isDifficult { attributes["difficult"] = .flag(true) }
      text.key("attributes")
      text.value(attributes)
    }
  }
}
