import Foundation
import OTXCore
import OTXImage

/// Writes a dataset as COCO.
struct COCOWriter {
  enum Layout: Sendable { case standard, roboflow, mmdetection }
  /// What alone is written; `nil` for all that is there.
  var kind: COCOKind?
  var layout: Layout
  var options = DatasetWriteOptions()

  func write(_ dataset: Dataset, to root: URL) throws {
    let kinds = try kinds(of: dataset)
    for items in dataset.items.values {
      for item in items {
        for annotation in item.annotations where !kinds.isDisjoint(with: annotation.cocoKinds) {
          try check(annotation, of: item, dataset.labels)
        }
      }
    }
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let folder = folder(of: subset, below: root)
      try PictureWriter.makeFolder(folder)
      var names = PictureWriter(folder: folder, options: options)
      let pictures = try items.map { item in
        let (name, size) = try names.write(item)
        return Picture(item: item, name: name, size: size)
      }
      for kind in COCOKind.allCases where kinds.contains(kind) {
        let annotations = annotationFile(kind, subset, below: root)
        try PictureWriter.makeFolder(annotations.deletingLastPathComponent())
        let file = COCOFileWriter(kind: kind, dataset: dataset, url: annotations)
        try PictureWriter.write(file.text(pictures), to: annotations)
      }
    }
  }

  /// A picture that has been written.
  struct Picture {
    var item: DatasetItem
    var name: String
    var size: ImageSize
  }

  private func folder(of subset: Subset, below root: URL) -> URL {
    switch layout {
    case .standard: root.appending(path: "images/\(subset.rawValue)")
    case .mmdetection: root.appending(path: subset.rawValue)
    case .roboflow: root.appending(path: subset == .val ? "valid" : subset.rawValue)
    }
  }

  private func annotationFile(_ kind: COCOKind, _ subset: Subset, below root: URL) -> URL {
    layout == .roboflow
      ? folder(of: subset, below: root).appending(path: "_annotations.coco.json")
      : root.appending(path: "annotations/\(kind.rawValue)_\(subset.rawValue).json")
  }

  /// The kinds of files that hold all that is said.
  private func kinds(of dataset: Dataset) throws -> Set<COCOKind> {
    if let kind { return [kind] }
    var found: Set<COCOKind> = []
    var labelled: String?
    for item in dataset.items.values.joined() {
      for annotation in item.annotations {
        found.formUnion(annotation.cocoKinds)
        switch annotation.kind {
        case .label: labelled = labelled ?? item.id
        case .labelMap:
          throw DataError.invalidItem(
            item.id,
            reason: "has a label for each pixel, which COCO's files of objects cannot hold"
          )
        case .object, .caption: break
        }
      }
    }
    found.formIntersection([.instances, .personKeypoints, .captions, .labels])
    if let labelled, found.contains(.instances) {
      throw DataError.invalidItem(
        labelled,
        reason:
          "has a label of the whole picture, and the dataset has objects: COCO holds one of the two; write coco_instances or coco_labels"
      )
    }
    return found.isEmpty ? [.imageInfo] : found
  }

  private func check(_ annotation: Annotation, of item: DatasetItem, _ labels: LabelInfo) throws {
    if annotation.kind == .caption { return }
    guard let label = annotation.label else {
      throw DataError.invalidItem(item.id, reason: "has an object without a label: COCO needs one")
    }
    guard labels.index(of: label) != nil else {
      throw DataError.unknownLabel(label, known: labels.names, item: item.id)
    }
    switch annotation.region {
    case .polyline:
      throw DataError.invalidItem(item.id, reason: "has an open line, which COCO cannot hold")
    case nil where kind == .panoptic:
      throw DataError.invalidItem(
        item.id,
        reason: "has an object without a region, which panoptic segments cannot be"
      )
    default: break
    }
  }
}

extension Annotation {
  /// The kinds of files that an annotation can stand in.
  var cocoKinds: Set<COCOKind> {
    switch kind {
    case .label: [.labels]
    case .caption: [.captions]
    case .labelMap: []
    case .object:
      keypoints == nil
        ? [.instances, .stuff, .panoptic] : [.instances, .stuff, .panoptic, .personKeypoints]
    }
  }
}

/// Writes one annotation file.
struct COCOFileWriter {
  let kind: COCOKind
  let dataset: Dataset
  let url: URL

  func text(_ pictures: [COCOWriter.Picture]) throws -> Data {
    var text = JSONText()
    try text.object { text in
      text.key("images")
      text.lines(pictures.enumerated()) { text, entry in
        text.object { text in
          text.member("id", entry.offset + 1)
          text.member("file_name", entry.element.name)
          text.member("height", entry.element.size.height)
          text.member("width", entry.element.size.width)
          let attributes = entry.element.item.attributes
          if !attributes.isEmpty {
            text.key("attributes")
            text.value(attributes)
          }
        }
      }
      text.key("annotations")
      if kind == .panoptic {
        try panoptic(pictures, &text)
      } else {
        try annotations(of: pictures, &text)
      }
      text.key("categories")
      text.list { if kind.hasCategories { categories(&$0) } }
    }
    return text.data
  }

  private func categories(_ text: inout JSONText) {
    let details = dataset.labelDetails
    for (index, name) in dataset.labels.names.enumerated() {
      let keypoints = details.keypoints[name]
      text.object { text in
        text.member("id", index + 1)
        text.member("name", name)
        text.member("supercategory", details.parents[name] ?? "none")
        if kind == .panoptic { text.member("isthing", 1) }
        if kind == .panoptic, let color = details.colors[name] {
          text.member("color", [color.red, color.green, color.blue].map(Float.init))
        }
        // Readers want both lists of every category, also where nothing is known.
        guard kind == .personKeypoints else { return }
        text.key("keypoints")
        text.list { text in for name in keypoints?.names ?? [] { text.value(name) } }
        text.key("skeleton")
        text.list { text in
          for edge in keypoints?.edges ?? [] {
            text.values([Float(edge.from + 1), Float(edge.to + 1)])
          }
        }
      }
    }
  }

  private func annotations(of pictures: [COCOWriter.Picture], _ text: inout JSONText) throws {
    // One object has one id in all files, by which they are joined.
    var id = 0
    try text.lines(
      pictures.enumerated().flatMap { picture in
        picture.element.item.annotations.compactMap { annotation -> (Int, Int, Annotation)? in
          id += 1
          return annotation.cocoKinds.contains(kind) ? (id, picture.offset, annotation) : nil
        }
      }
    ) { text, entry in
      let (id, picture, annotation) = entry
      try text.object { text in
        text.member("id", id)
        text.member("image_id", picture + 1)
        if let caption = annotation.caption { text.member("caption", caption) }
        if let label = annotation.label, let index = dataset.labels.index(of: label) {
          text.member("category_id", index + 1)
        }
        if annotation.kind == .object {
          try object(annotation, pictures[picture], &text)
        }
        var attributes = annotation.attributes
        if annotation.isDifficult { attributes["difficult"] = .flag(true) }
        guard !attributes.isEmpty else { return }
        text.key("attributes")
        text.value(attributes)
      }
    }
  }

  private func object(
    _ annotation: Annotation,
    _ picture: COCOWriter.Picture,
    _ text: inout JSONText
  ) throws {
    let shape = try annotation.region.map {
      try COCOShape($0, of: picture.item.id, size: picture.size)
    }
    if let box = annotation.box ?? shape?.bounds {
      text.member("bbox", cornerAndSides: box)
      text.key("area")
      text.value(shape?.area ?? box.area)
    }
    text.member("iscrowd", annotation.isCrowd ? 1 : 0)
    switch shape {
    case .polygon(let polygon):
      text.key("segmentation")
      text.list { text in for part in polygon.parts { text.values(part) } }
    case .mask(let mask):
      text.key("segmentation")
      text.object { text in
        text.member("size", [Float(mask.size.height), Float(mask.size.width)])
        text.member("counts", mask.compressed)
      }
    case nil: break
    }
    guard kind == .personKeypoints, let keypoints = annotation.keypoints else { return }
    text.key("keypoints")
    text.list { text in
      for (index, visibility) in keypoints.visibilities.enumerated() {
        text.value(keypoints.points[2 * index])
        text.value(keypoints.points[2 * index + 1])
        text.value(Int(visibility.rawValue))
      }
    }
    text.member("num_keypoints", keypoints.visibilities.count { $0 != .absent })
  }

  // MARK: Panoptic

  /// Segments of pictures, drawn in the order of the annotations: a later one covers an earlier.
  private func panoptic(_ pictures: [COCOWriter.Picture], _ text: inout JSONText) throws {
    let folder = url.deletingPathExtension()
    try PictureWriter.makeFolder(folder)
    try text.lines(pictures.enumerated()) { text, entry in
      let picture = entry.element
      let stem = URL(filePath: picture.name).deletingPathExtension().lastPathComponent
      let name = stem + ".png"
      var image = Image(size: picture.size, red: 0, green: 0, blue: 0)
      let objects = picture.item.annotations.filter { $0.kind == .object }
      try text.object { text in
        text.member("image_id", entry.offset + 1)
        text.member("file_name", name)
        text.key("segments_info")
        try text.list { text in
          for (index, annotation) in objects.enumerated() {
            guard let region = annotation.region, let label = annotation.label,
              let category = dataset.labels.index(of: label)
            else { continue }
            let mask = try region.mask(size: picture.size)
            image.paint(mask, number: index + 1)
            text.object { text in
              text.member("id", index + 1)
              text.member("category_id", category + 1)
              text.member("area", mask.area)
              if let box = annotation.box ?? mask.bounds {
                text.member("bbox", cornerAndSides: box)
              }
              text.member("iscrowd", annotation.isCrowd ? 1 : 0)
              if !annotation.attributes.isEmpty {
                text.key("attributes")
                text.value(annotation.attributes)
              }
            }
          }
        }
      }
      try ImageFile.write(image, to: folder.appending(path: name))
    }
  }
}

extension Image {
  /// Gives the pixels of a mask a number as COCO writes it: red, green, blue from the lowest byte.
  fileprivate mutating func paint(_ mask: RunLengthMask, number: Int) {
    guard mask.size == size else { return }
    for (index, isSet) in mask.bitmap.enumerated() where isSet {
      pixels[3 * index] = UInt8(number & 0xFF)
      pixels[3 * index + 1] = UInt8(number >> 8 & 0xFF)
      pixels[3 * index + 2] = UInt8(number >> 16 & 0xFF)
    }
  }
}
