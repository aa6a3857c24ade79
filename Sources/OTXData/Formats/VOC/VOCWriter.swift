import Foundation
import OTXCore
import OTXImage

/// Writes a dataset as Pascal VOC: objects as XML, labels of pictures as lists, label maps as they
/// are.
///
/// Label maps are copied byte for byte where `labelmap.txt` can tell their labels, else painted anew
/// in VOC's colours. Of an object's region the box is written; the variants of segmentation paint its
/// pixels too.
struct VOCWriter {
  let kind: VOCKind
  var options = DatasetWriteOptions()

  func write(_ dataset: Dataset, to root: URL) throws {
    let palette = try VOCPalette(dataset, kind: kind)
    try check(dataset)
    let pictures = root.appending(path: "JPEGImages")
    try PictureWriter.makeFolder(pictures)
    var names = PictureWriter(folder: pictures, options: options, hasUniqueStems: true)
    for subset in Subset.allCases {
      guard let items = dataset.items[subset] else { continue }
      var list = SubsetList()
      for item in items {
        let (name, size) = try names.write(item)
        let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
        try write(item, name: name, stem: stem, size: size, palette, to: root)
        list.add(stem, item)
      }
      try write(list, subset, to: root)
    }
    try PictureWriter.write(Data(palette.text.utf8), to: root.appending(path: "labelmap.txt"))
  }

  /// The lists of one subset.
  private struct SubsetList {
    var all: [String] = []
    var segmented: [String] = []
    var labels: [String: Set<String>] = [:]

    mutating func add(_ stem: String, _ item: DatasetItem) {
      all.append(stem)
      if item.annotations.contains(where: { $0.kind == .labelMap }) { segmented.append(stem) }
      for annotation in item.annotations where annotation.kind == .label {
        if let label = annotation.label { labels[label, default: []].insert(stem) }
      }
    }
  }

  /// Refuses what VOC cannot hold, before anything is written.
  private func check(_ dataset: Dataset) throws {
    for item in dataset.items.values.joined() {
      for annotation in item.annotations {
        if annotation.kind == .label, kind.hasLabels, let label = annotation.label,
          label.contains("/") || label.isEmpty
        {
          throw DataError.invalidItem(
            item.id,
            reason: "has the label '\(label)', which cannot be part of a file name"
          )
        }
      }
      // A kind without a place for any of it would lose the dataset without a word.
      let isLost = !item.annotations.isEmpty && !item.annotations.contains(where: holds)
      if isLost {
        throw DataError.invalidItem(
          item.id,
          reason: "has no annotation that \(kind.title) holds"
        )
      }
    }
  }

  private func holds(_ annotation: Annotation) -> Bool {
    switch annotation.kind {
    case .label: kind.hasLabels && annotation.label != nil
    case .object:
      kind.hasObjects && annotation.box != nil && annotation.label != nil
        && (!kind.isAboutPeople || annotation.label == "person" || VOCWriter.isPart(annotation))
        || VOCPalette.paints(annotation, kind)
    case .labelMap: kind.hasLabelMaps
    case .caption: false
    }
  }

  static func isPart(_ annotation: Annotation) -> Bool {
    annotation.group != 0 && annotation.attributes["part"] == .flag(true)
  }

  private func write(
    _ item: DatasetItem,
    name: String,
    stem: String,
    size: ImageSize,
    _ palette: VOCPalette,
    to root: URL
  ) throws {
    if kind.hasObjects {
      let annotations = root.appending(path: "Annotations")
      let objects = item.annotations.filter { $0.kind == .object && $0.box != nil && holds($0) }
      if !objects.isEmpty || item.annotations.isEmpty || kind != .all {
        try PictureWriter.makeFolder(annotations)
        let text = document(objects, name: name, size: size)
        try PictureWriter.write(Data(text.utf8), to: annotations.appending(path: "\(stem).xml"))
      }
    }
    guard kind.hasLabelMaps else { return }
    if palette.isPainted { return try paint(item, stem: stem, size: size, palette, to: root) }
    guard let map = item.annotations.lazy.compactMap(\.labelMap).first else { return }
    func copy(_ file: URL, to folder: String) throws {
      let folder = root.appending(path: folder)
      try PictureWriter.makeFolder(folder)
      let bytes = try ReadFile.bytes(file, name: file.lastPathComponent)
      try PictureWriter.write(Data(bytes), to: folder.appending(path: "\(stem).png"))
    }
    try copy(map.url, to: "SegmentationClass")
    if kind.hasInstances, case .file(let file, _) = map.instances {
      try copy(file, to: "SegmentationObject")
    }
  }

  /// Paints label maps and regions, later ones over earlier ones.
  private func paint(
    _ item: DatasetItem,
    stem: String,
    size: ImageSize,
    _ palette: VOCPalette,
    to root: URL
  ) throws {
    var segments: [LabelSegment] = []
    for annotation in item.annotations {
      if let map = annotation.labelMap {
        segments += try map.segments(size: size)
      } else if VOCPalette.paints(annotation, kind), let label = annotation.label,
        let region = annotation.region
      {
        segments.append(
          LabelSegment(label: label, instance: 1, mask: try region.mask(size: size))
        )
      }
    }
    guard !segments.isEmpty else { return }
    var (classes, objects) = (Image(size: size), Image(size: size))
    for (index, segment) in segments.enumerated() {
      let color = palette.color(of: segment.label)
      // Segments of whole labels are no objects.
      let object = segment.instance == nil ? Color.black : VOCLabels.color(index + 1)
      for (position, isSet) in segment.mask.bitmap.enumerated() where isSet {
        classes.set(position, color)
        objects.set(position, object)
      }
    }
    func write(_ image: Image, _ folder: String) throws {
      let folder = root.appending(path: folder)
      try PictureWriter.makeFolder(folder)
      try PictureWriter.write(Data(ImageFile.png(image)), to: folder.appending(path: "\(stem).png"))
    }
    try write(classes, "SegmentationClass")
    if kind.hasInstances, segments.contains(where: { $0.instance != nil }) {
      try write(objects, "SegmentationObject")
    }
  }

  private func write(_ list: SubsetList, _ subset: Subset, to root: URL) throws {
    func write(_ lines: [String], _ folder: String, _ name: String) throws {
      let folder = root.appending(path: "ImageSets/\(folder)")
      try PictureWriter.makeFolder(folder)
      let text = lines.map { $0 + "\n" }.joined()
      try PictureWriter.write(Data(text.utf8), to: folder.appending(path: "\(name).txt"))
    }
    try write(list.all, kind.listFolders[0], subset.rawValue)
    if kind == .all, !list.segmented.isEmpty {
      try write(list.segmented, "Segmentation", subset.rawValue)
    }
    guard kind.hasLabels else { return }
    for (label, stems) in list.labels.sorted(by: { $0.key < $1.key }) {
      let lines = list.all.map { "\($0) \(stems.contains($0) ? " 1" : "-1")" }
      try write(lines, "Main", "\(label)_\(subset.rawValue)")
    }
  }

  private func document(_ objects: [Annotation], name: String, size: ImageSize) -> String {
    var lines = [
      "<annotation>", "  <filename>\(XMLText.escaped(name))</filename>",
      "  <size><width>\(size.width)</width><height>\(size.height)</height><depth>3</depth></size>",
    ]
    let parts = Dictionary(grouping: objects.filter(VOCWriter.isPart), by: \.group)
    for object in objects where !VOCWriter.isPart(object) {
      lines += element(object, parts: object.group == 0 ? [] : parts[object.group] ?? [])
    }
    return (lines + ["</annotation>", ""]).joined(separator: "\n")
  }

  private func element(_ object: Annotation, parts: [Annotation]) -> [String] {
    guard let box = object.box, let label = object.label else { return [] }
    var rest = object.attributes
    var lines = ["  <object>", "    \(XMLText.element("name", label))"]
    if case .text(let pose)? = rest["pose"] {
      lines.append("    \(XMLText.element("pose", pose))")
      rest["pose"] = nil
    }
    for name in ["truncated", "occluded"] {
      guard case .flag(let value)? = rest[name] else { continue }
      lines.append("    <\(name)>\(value ? 1 : 0)</\(name)>")
      rest[name] = nil
    }
    lines.append("    <difficult>\(object.isDifficult ? 1 : 0)</difficult>")
    lines.append("    \(bounds(box))")
    if case .numbers(let point)? = rest["point"], point.count == 2 {
      lines.append("    <point><x>\(point[0])</x><y>\(point[1])</y></point>")
      rest["point"] = nil
    }
    if kind.hasParts {
      for part in parts {
        guard let box = part.box, let name = part.label else { continue }
        lines.append("    <part>\(XMLText.element("name", name))\(bounds(box))</part>")
      }
    }
    lines += attributes(rest)
    return lines + ["  </object>"]
  }

  private func bounds(_ box: BoundingBox) -> String {
    "<bndbox><xmin>\(box.x1)</xmin><ymin>\(box.y1)</ymin><xmax>\(box.x2)</xmax><ymax>\(box.y2)</ymax></bndbox>"
  }

  private func attributes(_ attributes: [String: AttributeValue]) -> [String] {
    var actions: [String] = []
    var others: [String] = []
    for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
      if kind.hasActions, VOCLabels.actions.contains(name), case .flag(let isDone) = value {
        actions.append("<\(name)>\(isDone ? 1 : 0)</\(name)>")
      } else {
        others.append(
          "<attribute>\(XMLText.element("name", name))\(XMLText.element("value", value.description))</attribute>"
        )
      }
    }
    return
      (actions.isEmpty ? [] : ["    <actions>\(actions.joined())</actions>"])
      + (others.isEmpty ? [] : ["    <attributes>\(others.joined())</attributes>"])
  }
}

extension Image {
  fileprivate mutating func set(_ position: Int, _ color: Color) {
    pixels[3 * position] = color.red
    pixels[3 * position + 1] = color.green
    pixels[3 * position + 2] = color.blue
  }
}
