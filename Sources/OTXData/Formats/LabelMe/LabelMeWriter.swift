import Foundation
import OTXCore
import OTXImage

/// Writes a dataset as LabelMe's XML.
struct LabelMeWriter {
  let options: DatasetWriteOptions

  func write(_ dataset: Dataset, to root: URL) throws {
    for subset in Subset.allCases {
      guard let items = dataset.items[subset] else { continue }
      let folders = ["Annotations", "Images", "Masks"].map {
        root.appending(path: "\($0)/\(subset.rawValue)")
      }
      for folder in folders.prefix(2) { try PictureWriter.makeFolder(folder) }
      var names = PictureWriter(folder: folders[1], options: options, hasUniqueStems: true)
      for item in items {
        let (name, size) = try names.write(item)
        let file = LabelMeFile(
          name: name,
          folder: subset.rawValue,
          size: size,
          masks: folders[2]
        )
        let text = try file.text(item.annotations.filter { $0.kind == .object })
        let stem = PictureStems.stem(name)
        try PictureWriter.write(Data(text.utf8), to: folders[0].appending(path: "\(stem).xml"))
      }
    }
    try LabelListFile.write(dataset.labels.names, in: root)
  }
}

/// One annotation file.
private struct LabelMeFile {
  let name: String
  let folder: String
  let size: ImageSize
  let masks: URL

  func text(_ annotations: [Annotation]) throws -> String {
    var lines = [
      "<annotation>", XMLText.element("filename", name), XMLText.element("folder", folder),
      "<source><sourceImage></sourceImage><sourceAnnotation></sourceAnnotation></source>",
      "<imagesize><nrows>\(size.height)</nrows><ncols>\(size.width)</ncols></imagesize>",
    ]
    var objects: [(annotation: Annotation, shape: String)] = []
    for annotation in annotations {
      for shape in try shapes(annotation, number: objects.count) {
        objects.append((annotation, shape))
      }
    }
    for (index, object) in objects.enumerated() {
      let annotation = object.annotation
      let others = objects.indices.filter {
        $0 != index && annotation.group != 0 && objects[$0].annotation.group == annotation.group
      }
      let isFirst = others.allSatisfy { $0 > index }
      let children = isFirst ? others.map(String.init).joined(separator: ",") : ""
      let parent = isFirst ? "" : others.first.map(String.init) ?? ""
      let isOccluded = annotation.attributes["occluded"] == .flag(true)
      lines += [
        "<object>", XMLText.element("name", annotation.label ?? ""),
        "<deleted>0</deleted><verified>0</verified>",
        "<occluded>\(isOccluded ? "yes" : "no")</occluded><date></date><id>\(index)</id>",
        "<parts><hasparts>\(children)</hasparts><ispartof>\(parent)</ispartof></parts>",
        XMLText.element("attributes", LabelMeAttributes.text(annotation.attributes)),
        object.shape, "</object>",
      ]
    }
    return (lines + ["</annotation>", ""]).joined(separator: "\n")
  }

  private func shapes(_ annotation: Annotation, number: Int) throws -> [String] {
    let user =
      annotation.attributes["username"].map { XMLText.element("username", $0.description) } ?? ""
    func outline(_ points: [Float]) -> String {
      let pairs = stride(from: 0, to: points.count - 1, by: 2).map {
        "<pt><x>\(points[$0])</x><y>\(points[$0 + 1])</y></pt>"
      }
      return "<polygon>\(user)\(pairs.joined())</polygon>"
    }
    switch annotation.region {
    case .polygon(let polygon): return polygon.parts.map(outline)
    case .rotatedBox(let box): return [outline(box.corners)]
    case .mask, .maskFile, .ellipse:
      guard let mask = try annotation.region?.mask(size: size), let box = mask.bounds else {
        return []
      }
      return [try segment(mask, box, user, number)]
    case .polyline, nil:
      guard let box = annotation.box else { return [] }
      let corners = [box.x1, box.y1, box.x2, box.y1, box.x2, box.y2, box.x1, box.y2]
      return ["<type>bounding_box</type>\(outline(corners))"]
    }
  }

  private func segment(
    _ mask: RunLengthMask,
    _ box: BoundingBox,
    _ user: String,
    _ number: Int
  ) throws -> String {
    var image = Image(size: size)
    for (position, isSet) in mask.bitmap.enumerated() where isSet {
      for channel in 0..<3 { image.pixels[3 * position + channel] = 255 }
    }
    try PictureWriter.makeFolder(masks)
    let file = "\(PictureStems.stem(name))_mask_\(number).png"
    try PictureWriter.write(Data(ImageFile.png(image)), to: masks.appending(path: file))
    let bounds =
      "<box><xmin>\(Int(box.x1))</xmin><ymin>\(Int(box.y1))</ymin><xmax>\(Int(box.x2))</xmax><ymax>\(Int(box.y2))</ymax></box>"
    return "<segm>\(user)\(bounds)\(XMLText.element("mask", file))</segm>"
  }
}
