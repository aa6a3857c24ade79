import Foundation
import OTXCore

/// Writes a dataset as CVAT's XML of pictures.
///
/// Label maps become masks. Of an object with a region or key points that is written; its box
/// follows from it. Captions have no place.
struct CVATWriter {
  let dataset: Dataset
  let options: DatasetWriteOptions

  func write(to root: URL) throws {
    for item in dataset.items.values.joined() {
      guard item.annotations.isEmpty || item.annotations.contains(where: { $0.kind != .caption })
      else {
        throw DataError.invalidItem(item.id, reason: "has a caption alone; CVAT holds shapes")
      }
    }
    var images: [String] = []
    var count = 0
    for subset in Subset.allCases {
      guard let items = dataset.items[subset] else { continue }
      let folder = root.appending(path: "images/\(subset.rawValue)")
      try PictureWriter.makeFolder(folder)
      var names = PictureWriter(folder: folder, options: options)
      for item in items {
        let (name, size) = try names.write(item)
        images.append(
          "  <image id=\"\(count)\" name=\"\(XMLText.escaped(name))\" subset=\"\(subset.rawValue)\" width=\"\(size.width)\" height=\"\(size.height)\">"
        )
        for annotation in item.annotations { images += try shapes(annotation, size) }
        images.append("  </image>")
        count += 1
      }
    }
    let lines =
      ["<?xml version=\"1.0\" encoding=\"utf-8\"?>", "<annotations>", "  <version>1.1</version>"]
      + meta + images + ["</annotations>", ""]
    let text = lines.joined(separator: "\n")
    try PictureWriter.write(Data(text.utf8), to: root.appending(path: "annotations.xml"))
  }

  private var meta: [String] {
    var lines = ["  <meta>", "    <project>", "      <tasks>"]
    for subset in Subset.allCases where dataset.items[subset] != nil {
      lines.append(
        "        <task><name>\(subset.rawValue)</name><mode>annotation</mode><subset>\(subset.rawValue)</subset></task>"
      )
    }
    lines += ["      </tasks>", "      <labels>"]
    let names =
      dataset.declaredLabels + dataset.labels.names.filter { !dataset.declaredLabels.contains($0) }
    for name in names {
      var label = XMLText.element("name", name)
      if let color = dataset.labelDetails.colors[name] {
        label += "<color>\(color.hexadecimal)</color>"
      }
      lines.append("        <label>\(label)</label>")
      for point in dataset.labelDetails.keypoints[name]?.names ?? [] {
        lines.append(
          "        <label>\(XMLText.element("name", point))<type>points</type>\(XMLText.element("parent", name))</label>"
        )
      }
    }
    return lines + ["      </labels>", "    </project>", "  </meta>"]
  }

  /// The elements of an annotation.
  private func shapes(_ annotation: Annotation, _ size: ImageSize) throws -> [String] {
    switch annotation.kind {
    case .caption: return []
    case .label: return [element("tag", "", annotation)]
    case .labelMap:
      guard let map = annotation.labelMap else { return [] }
      return try map.segments(size: size).map { segment in
        var object = annotation
        object.label = segment.label
        return element("mask", mask(segment.mask), object)
      }
    case .object:
      if let keypoints = annotation.keypoints { return skeleton(keypoints, annotation) }
      return try object(annotation, size)
    }
  }

  private func object(_ annotation: Annotation, _ size: ImageSize) throws -> [String] {
    switch annotation.region {
    case .polygon(let polygon):
      // Parts of one object are objects of one group here.
      return polygon.parts.map { element("polygon", points($0), annotation) }
    case .polyline(let line): return [element("polyline", points(line), annotation)]
    case .rotatedBox(let box):
      let (w, h) = (box.width / 2, box.height / 2)
      let corners = BoundingBox(x1: box.x - w, y1: box.y - h, x2: box.x + w, y2: box.y + h)
      return [element("box", bounds(corners) + " rotation=\"\(box.angle)\"", annotation)]
    case .ellipse(let box):
      let text =
        "cx=\"\(box.x)\" cy=\"\(box.y)\" rx=\"\(box.width / 2)\" ry=\"\(box.height / 2)\" rotation=\"\(box.angle)\""
      return [element("ellipse", text, annotation)]
    case .mask, .maskFile:
      guard let pixels = try annotation.region?.mask(size: size) else { return [] }
      return pixels.area == 0 ? [] : [element("mask", mask(pixels), annotation)]
    case nil:
      return annotation.box.map { [element("box", bounds($0), annotation)] } ?? []
    }
  }

  private func bounds(_ box: BoundingBox) -> String {
    "xtl=\"\(box.x1)\" ytl=\"\(box.y1)\" xbr=\"\(box.x2)\" ybr=\"\(box.y2)\""
  }

  private func points(_ values: [Float]) -> String {
    let pairs = stride(from: 0, to: values.count - 1, by: 2).map {
      "\(values[$0]),\(values[$0 + 1])"
    }
    return "points=\"\(pairs.joined(separator: ";"))\""
  }

  private func mask(_ mask: RunLengthMask) -> String {
    guard let box = mask.bounds else { return "" }
    let (left, top) = (Int(box.x1), Int(box.y1))
    let (width, height) = (Int(box.width), Int(box.height))
    let bitmap = mask.bitmap
    var runs: [Int] = []
    var (isSet, run) = (false, 0)
    for y in top..<top + height {
      for x in left..<left + width {
        if bitmap[y * mask.size.width + x] != isSet {
          runs.append(run)
          (isSet, run) = (!isSet, 0)
        }
        run += 1
      }
    }
    runs.append(run)
    let text = runs.map(String.init).joined(separator: ", ")
    return
      "rle=\"\(text)\" left=\"\(left)\" top=\"\(top)\" width=\"\(width)\" height=\"\(height)\""
  }

  private func skeleton(_ keypoints: Keypoints, _ annotation: Annotation) -> [String] {
    let names = annotation.label.flatMap { dataset.labelDetails.keypoints[$0]?.names } ?? []
    if names.count != keypoints.count {
      let known = keypoints.visibilities.indices.filter { keypoints.visibilities[$0] != .absent }
      let places = known.flatMap { [keypoints.points[2 * $0], keypoints.points[2 * $0 + 1]] }
      return places.isEmpty ? [] : [element("points", points(places), annotation)]
    }
    let parts = names.enumerated().map { index, name in
      let visibility = keypoints.visibilities[index]
      let place = points([keypoints.points[2 * index], keypoints.points[2 * index + 1]])
      return
        "<points label=\"\(XMLText.escaped(name))\" outside=\"\(visibility == .absent ? 1 : 0)\" occluded=\"\(visibility == .hidden ? 1 : 0)\" \(place)/>"
    }
    return [element("skeleton", "", annotation, children: parts)]
  }

  private func element(
    _ name: String,
    _ shape: String,
    _ annotation: Annotation,
    children: [String] = []
  ) -> String {
    var rest = annotation.attributes
    rest["keyframe"] = nil
    var tag = "    <\(name) label=\"\(XMLText.escaped(annotation.label ?? ""))\""
    let isOccluded = rest.removeValue(forKey: "occluded") == .flag(true)
    if name != "tag" { tag += " occluded=\"\(isOccluded ? 1 : 0)\"" }
    if case .number(let order)? = rest["z_order"], let order = Int(exactly: order) {
      tag += " z_order=\"\(order)\""
      rest["z_order"] = nil
    }
    if annotation.group != 0 { tag += " group_id=\"\(annotation.group)\"" }
    if !shape.isEmpty { tag += " \(shape)" }
    if annotation.isCrowd { rest["is_crowd"] = .flag(true) }
    if annotation.isDifficult { rest["is_difficult"] = .flag(true) }
    let attributes = rest.sorted { $0.key < $1.key }.map {
      "<attribute name=\"\(XMLText.escaped($0.key))\">\(XMLText.escaped($0.value.description))</attribute>"
    }
    let content = (attributes + children).joined()
    return tag + (content.isEmpty ? "/>" : ">\(content)</\(name)>")
  }
}
