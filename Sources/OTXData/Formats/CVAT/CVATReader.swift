import Foundation
import OTXCore
import OTXImage

/// Reads the pictures and tracks of one file.
struct CVATReader {
  let file: String
  let base: URL
  /// The user's; else a picture's own, the task's or the file's name.
  let subset: Subset?
  let pictureRoots: [URL]
  let meta: CVATMeta
  private var items: [Subset: [DatasetItem]] = [:]
  private var problems: [DatasetProblem] = []
  private var finders: [String: PictureFinder] = [:]
  private var usedLabels: [String] = []

  init(file: String, base: URL, subset: Subset?, pictureRoots: [URL], meta: CVATMeta) {
    (self.file, self.base, self.subset) = (file, base, subset)
    (self.pictureRoots, self.meta) = (pictureRoots, meta)
  }

  /// Reads all of a document.
  mutating func read(_ root: XMLElement) {
    for image in root.children("image") { read(image: image) }
    let tracks = root.children("track")
    if !tracks.isEmpty { read(tracks) }
  }

  func finish(into reading: inout FormatReading) {
    for (subset, items) in items { reading.items[subset, default: []] += items }
    reading.problems += problems
    for label in meta.labels + usedLabels where !reading.labels.contains(label) {
      reading.labels.append(label)
    }
    reading.labelDetails.colors.merge(meta.colors) { first, _ in first }
    for (label, points) in meta.points {
      reading.labelDetails.keypoints[label] = KeypointLayout(names: points)
    }
  }

  private func subset(named name: String?) -> Subset {
    if let subset { return subset }
    let stem = PictureStems.stem(file)
    return Subset(looselyNamed: name ?? meta.subset ?? stem)
  }

  private mutating func picture(_ name: String, subset: String?) -> URL {
    let key = subset ?? ""
    // Pictures of one name may lie in the folders of several subsets.
    let own = subset.map { name in pictureRoots.map { $0.appending(path: name) } } ?? []
    return finders[key, default: PictureFinder(roots: own + pictureRoots)].find(name)
  }

  private mutating func read(image: XMLElement) {
    guard let name = image.attributes["name"], !name.isEmpty else {
      problems.leaveOut(
        "picture without a name",
        at: "\(file):\(image.line)",
        "<image> has no name"
      )
      return
    }
    let own = image.attributes["subset"].flatMap { $0.isEmpty ? nil : $0 }
    let url = picture(name, subset: own ?? meta.subset)
    var item = DatasetItem(
      id: url.path(below: base),
      image: .file(url),
      size: size(of: image.attributes),
      annotations: [],
      origin: "\(file):\(image.line)"
    )
    if let frame = image.attributes["id"].flatMap({ Double($0) }) {
      item.attributes["frame"] = .number(frame)
    }
    for element in image.children {
      if let annotation = annotation(element, label: element.attributes["label"], in: item.size) {
        item.annotations.append(annotation)
      }
    }
    items[subset(named: own), default: []].append(item)
  }

  private func size(of attributes: [String: String]) -> ImageSize? {
    guard let height = attributes["height"].flatMap({ Int($0) }),
      let width = attributes["width"].flatMap({ Int($0) })
    else { return nil }
    return ImageSize(height: height, width: width)
  }

  /// The shapes of tracks, frame by frame.
  private mutating func read(_ tracks: [XMLElement]) {
    var frames: [Frame: [Annotation]] = [:]
    for track in tracks {
      let own = track.attributes["subset"].flatMap { $0.isEmpty ? nil : $0 }
      for shape in track.children {
        guard let number = shape.attributes["frame"].flatMap({ Int($0) }), number >= 0 else {
          problems.leaveOut(
            "shape without a frame",
            at: "\(file):\(shape.line)",
            "<\(shape.name)> of a track has no frame number"
          )
          continue
        }
        let frame = Frame(subset: own, number: number)
        frames[frame, default: []] += []
        guard shape.attributes["outside"] != "1",
          var annotation = annotation(
            shape,
            label: track.attributes["label"],
            in: meta.frameSize
          )
        else { continue }
        annotation.id = track.attributes["id"].flatMap { Int($0) }
        if let group = track.attributes["group_id"].flatMap({ Int($0) }) {
          annotation.group = group
        }
        if shape.attributes["keyframe"] == "1" { annotation.attributes["keyframe"] = .flag(true) }
        frames[frame, default: []].append(annotation)
      }
    }
    for (frame, annotations) in frames.sorted(by: { $0.key < $1.key }) {
      let digits = "\(frame.number)"
      let stem = "frame_" + String(repeating: "0", count: max(6 - digits.count, 0)) + digits
      let url = framePicture(stem, frame)
      var item = DatasetItem(
        id: url.path(below: base),
        image: .file(url),
        annotations: annotations,
        origin: file
      )
      item.attributes["frame"] = .number(Double(frame.number))
      items[subset(named: frame.subset), default: []].append(item)
    }
  }

  private struct Frame: Hashable, Comparable {
    var subset: String?
    var number: Int
    static func < (left: Frame, right: Frame) -> Bool {
      (left.subset ?? "", left.number) < (right.subset ?? "", right.number)
    }
  }

  private mutating func framePicture(_ stem: String, _ frame: Frame) -> URL {
    for ending in ["png", "PNG", "jpg", "jpeg", "JPG"] {
      let url = picture("\(stem).\(ending)", subset: frame.subset)
      if FileManager.default.fileExists(atPath: url.path) { return url }
    }
    return picture("\(stem).png", subset: frame.subset)
  }

  /// `nil` for what is no shape or cannot be used, which is noted.
  private mutating func annotation(
    _ element: XMLElement,
    label: String?,
    in size: ImageSize?
  ) -> Annotation? {
    guard element.name != "attribute" else { return nil }
    let label = label.flatMap { $0.isEmpty ? nil : $0 }
    var result: Annotation
    do {
      result = try CVATShape(file: file, size: size, meta: meta).annotation(element, label: label)
    } catch DataError.unreadable(let location, let reason) {
      problems.leaveOut("shape that cannot be used", at: location, reason)
      return nil
    } catch {
      problems.leaveOut("shape that cannot be used", at: "\(file):\(element.line)", "\(error)")
      return nil
    }
    if let label, !usedLabels.contains(label) { usedLabels.append(label) }
    var attributes: [String: AttributeValue] = [:]
    if element.attributes["occluded"] == "1" { attributes["occluded"] = .flag(true) }
    if let order = element.attributes["z_order"].flatMap({ Double($0) }), order != 0 {
      attributes["z_order"] = .number(order)
    }
    for attribute in element.children("attribute") {
      guard let name = attribute.attributes["name"] else { continue }
      attributes[name] = value(attribute.text, of: name)
    }
    // What the writer has no other place for.
    if attributes.removeValue(forKey: "is_crowd") == .flag(true) { result.isCrowd = true }
    if attributes.removeValue(forKey: "is_difficult") == .flag(true) { result.isDifficult = true }
    if !attributes.isEmpty { result.attributes = attributes }
    if let group = element.attributes["group_id"].flatMap({ Int($0) }), group != 0 {
      result.group = group
    }
    return result
  }

  private func value(_ text: String, of name: String) -> AttributeValue {
    switch meta.attributeKinds[name] {
    case "number", "radio", "select": return AttributeValue(word: text)
    default:
      // `true` of a text is Datumaro's flag too.
      let word = AttributeValue(word: text)
      if case .flag = word { return word }
      return .text(text)
    }
  }
}

/// Reads one shape.
struct CVATShape {
  let file: String
  let size: ImageSize?
  let meta: CVATMeta

  func annotation(_ element: XMLElement, label: String?) throws -> Annotation {
    switch element.name {
    case "box": return try box(element, label)
    case "polygon":
      let points = try points(element)
      guard points.count >= 6 else { throw failure(element, "a polygon needs three points") }
      return .region(.polygon(Polygon(points)), label: label)
    case "polyline": return .region(.polyline(try points(element)), label: label)
    case "points":
      let points = try points(element)
      let visibilities = [Keypoints.Visibility](repeating: .visible, count: points.count / 2)
      return .keypoints(Keypoints(points: points, visibilities: visibilities), label: label)
    case "ellipse":
      let (rx, ry) = (try number("rx", element), try number("ry", element))
      let box = RotatedBox(
        x: try number("cx", element),
        y: try number("cy", element),
        width: 2 * rx,
        height: 2 * ry,
        angle: try rotation(element)
      )
      return .region(.ellipse(box), label: label)
    case "mask": return .region(.mask(try mask(element)), label: label)
    case "skeleton": return try skeleton(element, label)
    case "tag":
      guard let label else { throw failure(element, "a tag needs a label") }
      return .label(label)
    default: throw failure(element, "<\(element.name)> is not read")
    }
  }

  private func failure(_ element: XMLElement, _ reason: String) -> DataError {
    .unreadable(file: "\(file):\(element.line)", reason: reason)
  }

  private func number(_ name: String, _ element: XMLElement) throws -> Float {
    guard let text = element.attributes[name] else {
      throw failure(element, "<\(element.name)> has no '\(name)'")
    }
    guard let value = Float(text), value.isFinite else {
      throw failure(element, "'\(name)' of <\(element.name)> is not a number: '\(text)'")
    }
    return value
  }

  private func integer(_ name: String, _ element: XMLElement) throws -> Int {
    guard let value = Int(exactly: try number(name, element)), value >= 0 else {
      throw failure(element, "'\(name)' of <\(element.name)> is no whole number from 0 on")
    }
    return value
  }

  private func rotation(_ element: XMLElement) throws -> Float {
    element.attributes["rotation"] == nil ? 0 : try number("rotation", element)
  }

  private func box(_ element: XMLElement, _ label: String?) throws -> Annotation {
    let box = BoundingBox(
      x1: try number("xtl", element),
      y1: try number("ytl", element),
      x2: try number("xbr", element),
      y2: try number("ybr", element)
    )
    let angle = try rotation(element)
    guard angle != 0 else { return .box(box, label: label) }
    let turned = RotatedBox(
      x: (box.x1 + box.x2) / 2,
      y: (box.y1 + box.y2) / 2,
      width: box.width,
      height: box.height,
      angle: angle
    )
    return .region(.rotatedBox(turned), label: label)
  }

  /// `x,y;x,y;…`.
  private func points(_ element: XMLElement) throws -> [Float] {
    guard let text = element.attributes["points"] else {
      throw failure(element, "<\(element.name)> has no points")
    }
    var result: [Float] = []
    for pair in text.split(separator: ";") {
      let numbers = pair.split(separator: ",").map {
        Float($0.trimmingCharacters(in: .whitespaces))
      }
      guard numbers.count == 2, let x = numbers[0], let y = numbers[1], x.isFinite, y.isFinite
      else {
        throw failure(element, "a point of <\(element.name)> is not 'x,y': '\(pair)'")
      }
      result += [x, y]
    }
    guard !result.isEmpty else { throw failure(element, "<\(element.name)> has no points") }
    return result
  }

  /// Runs row by row inside a window of the picture.
  private func mask(_ element: XMLElement) throws -> RunLengthMask {
    guard let size, size.height > 0, size.width > 0,
      size.height <= ImageHeader.maximumPixelCount / max(size.width, 1)
    else { throw failure(element, "a mask needs the size of its picture") }
    let (left, top) = (try integer("left", element), try integer("top", element))
    let (width, height) = (try integer("width", element), try integer("height", element))
    guard width > 0, left <= size.width - width, height > 0, top <= size.height - height else {
      throw failure(element, "the mask reaches beyond the picture's \(size)")
    }
    var bitmap = [Bool](repeating: false, count: size.height * size.width)
    var (position, isSet) = (0, false)
    for text in (element.attributes["rle"] ?? "").split(separator: ",") {
      guard let run = Int(text.trimmingCharacters(in: .whitespaces)), run >= 0,
        run <= width * height - position
      else { throw failure(element, "the runs of a mask are more than its \(width) x \(height)") }
      if isSet {
        for index in position..<position + run {
          bitmap[(top + index / width) * size.width + left + index % width] = true
        }
      }
      position += run
      isSet.toggle()
    }
    guard position == width * height else {
      throw failure(element, "the runs of a mask are fewer than its \(width) x \(height)")
    }
    return RunLengthMask(size: size, bitmap: bitmap)
  }

  private func skeleton(_ element: XMLElement, _ label: String?) throws -> Annotation {
    let parts = element.children("points")
    let names = label.flatMap { meta.points[$0] } ?? parts.compactMap { $0.attributes["label"] }
    guard !names.isEmpty else { throw failure(element, "a skeleton needs points") }
    var keypoints = Keypoints(
      points: [Float](repeating: 0, count: 2 * names.count),
      visibilities: [Keypoints.Visibility](repeating: .absent, count: names.count)
    )
    for part in parts where part.attributes["outside"] != "1" {
      guard let index = part.attributes["label"].flatMap({ names.firstIndex(of: $0) }) else {
        throw failure(part, "a point of the skeleton '\(label ?? "")' has no known label")
      }
      let place = try points(part)
      (keypoints.points[2 * index], keypoints.points[2 * index + 1]) = (place[0], place[1])
      keypoints.visibilities[index] = part.attributes["occluded"] == "1" ? .hidden : .visible
    }
    return .keypoints(keypoints, label: label)
  }
}
