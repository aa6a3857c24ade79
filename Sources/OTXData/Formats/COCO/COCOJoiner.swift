import Foundation
import OTXCore

/// Puts what a file says to the items of its subset.
struct COCOJoiner {
  let base: URL
  let file: COCOFile
  let source: COCOSource
  private(set) var items: [DatasetItem]
  /// Whether the pictures may stand in `items` already.
  let isJoined: Bool
  /// Whether `instances` are needed later.
  let keepsInstances: Bool
  private(set) var instances: [Int: (item: Int, annotation: Int)]

  /// Place of each picture of the file in `items`, by its id.
  private var places: [Int: Int] = [:]
  /// Ids that two pictures have.
  private var ambiguous: Set<Int> = []
  private var labels: [Int: String] = [:]
  private var masks: PictureFinder

  init(
    base: URL,
    file: COCOFile,
    source: COCOSource,
    items: [DatasetItem],
    isJoined: Bool,
    keepsInstances: Bool,
    instances: [Int: (item: Int, annotation: Int)]
  ) {
    (self.base, self.file, self.source, self.items) = (base, file, source, items)
    (self.isJoined, self.keepsInstances, self.instances) = (isJoined, keepsInstances, instances)
    labels = Dictionary(file.categories.map { ($0.id, $0.name) }) { first, _ in first }
    let stem = source.annotations.deletingPathExtension()
    let folders = [
      stem, stem.deletingLastPathComponent(), base.appending(path: stem.lastPathComponent),
    ]
    masks = PictureFinder(
      roots: folders.filter { FileManager.default.fileExists(atPath: $0.path) }
    )
  }

  mutating func join(_ log: inout ProblemLog) throws {
    try addPictures(&log)
    let duplicates = duplicateIDs()
    let homes = homes()
    reserve(homes)
    var seen: [Int: COCOObjects.Object] = [:]
    var index = 0
    for objects in file.objects {
      try objects.list.withUnsafeBufferPointer { list in
        for place in list.indices {
          defer { index += 1 }
          if duplicates == nil, addPlain(list[place], Int(homes[index])) { continue }
          let object = list[place]
          if let duplicates, object.id != .min, duplicates.contains(object.id) {
            let isNew = try checkDuplicate(object, &seen, &log)
            if !isNew { continue }
          }
          try add(object, &log)
        }
      }
    }
    guard !ambiguous.isEmpty else { return }
    let dropped = Set(ambiguous.compactMap { places[$0] })
    items = items.enumerated().filter { !dropped.contains($0.offset) }.map(\.element)
    // Places have moved.
    instances = [:]
  }

  // MARK: Pictures

  private mutating func addPictures(_ log: inout ProblemLog) throws {
    var finder = PictureFinder(roots: source.imageRoots)
    var prefixes: [ObjectIdentifier: String] = [:]
    var known: [String: Int] = [:]
    if isJoined {
      for (index, item) in items.enumerated() { known[item.id] = index }
    }
    items.reserveCapacity(items.count + file.pictureCount)
    places.reserveCapacity(file.pictureCount)
    for picture in file.pictures.lazy.flatMap(\.list) {
      let path = finder.path(of: picture.fileName)
      let id = self.id(of: path, &prefixes)
      if let place = places[picture.id] {
        let isSame = items[place].id == id
        if !isSame { ambiguous.insert(picture.id) }
        try log.leftOut(
          "duplicate image id",
          at: picture.position,
          isSame
            ? "image \(picture.id) (\(picture.fileName)) stands twice"
            : "two images have the id \(picture.id): \(items[place].id) and \(picture.fileName); both are left out"
        )
        continue
      }
      if let place = known[id] {
        places[picture.id] = place
        continue
      }
      places[picture.id] = items.count
      var item = DatasetItem(
        id: id,
        image: .path(path),
        size: picture.size,
        annotations: [],
        origin: file.name,
        entry: picture.id
      )
      if !picture.attributes.isEmpty { item.attributes = picture.attributes }
      items.append(item)
    }
  }

  /// The picture's path below the dataset's folder.
  private func id(of path: PicturePath, _ prefixes: inout [ObjectIdentifier: String]) -> String {
    let name = path.name
    // Only such names have parts that lead elsewhere.
    if COCOJoiner.leadsElsewhere(name) {
      return path.url.path(below: base)
    }
    let folder = ObjectIdentifier(path.folder)
    if let prefix = prefixes[folder] { return prefix.isEmpty ? name : prefix + name }
    let own = URL(filePath: path.folder.path)
    var prefix = own.isSameFolder(as: base) ? "" : own.path(below: base)
    if !prefix.isEmpty, !prefix.hasSuffix("/") { prefix += "/" }
    prefixes[folder] = prefix
    return prefix + name
  }

  /// Whether a path has a part that is empty or begins with a dot.
  private static func leadsElsewhere(_ path: String) -> Bool {
    var last = UInt8(ascii: "/")
    for byte in path.utf8 {
      if last == UInt8(ascii: "/"), byte == last || byte == UInt8(ascii: ".") { return true }
      last = byte
    }
    return false
  }

  // MARK: Annotations

  /// Ids that stand more than once; `nil` for none, as a rule.
  private func duplicateIDs() -> Set<Int>? {
    var ids: [Int] = []
    ids.reserveCapacity(file.objects.reduce(0) { $0 + $1.list.count })
    var isRising = true
    for objects in file.objects {
      objects.list.withUnsafeBufferPointer { list in
        for index in list.indices where list[index].id != .min {
          if let last = ids.last, last >= list[index].id { isRising = false }
          ids.append(list[index].id)
        }
      }
    }
    if isRising { return nil }
    ids.sort()
    let duplicates = zip(ids, ids.dropFirst()).filter { $0 == $1 }.map(\.0)
    return duplicates.isEmpty ? nil : Set(duplicates)
  }

  /// Place of each object's picture in `items`; -1 for an object of none.
  private func homes() -> [Int32] {
    var homes: [Int32] = []
    homes.reserveCapacity(file.objects.reduce(0) { $0 + $1.list.count })
    for objects in file.objects {
      objects.list.withUnsafeBufferPointer { list in
        for index in list.indices {
          homes.append(places[list[index].imageID].flatMap { Int32(exactly: $0) } ?? -1)
        }
      }
    }
    return homes
  }

  /// Room for the annotations of each item.
  private mutating func reserve(_ homes: [Int32]) {
    var counts = [Int32](repeating: 0, count: items.count)
    for home in homes where home >= 0 { counts[Int(home)] += 1 }
    for (place, count) in counts.enumerated() where count > 0 {
      items[place].annotations.reserveCapacity(items[place].annotations.count + Int(count))
    }
  }

  /// The quick way of ``add(_:_:)`` for nearly all objects; `false` for those that need more.
  @inline(__always)
  private mutating func addPlain(_ object: borrowing COCOObjects.Object, _ home: Int) -> Bool {
    guard home >= 0, !keepsInstances, !isJoined, !object.hasExtras, let box = object.box,
      let category = object.categoryID, let label = labels[category]
    else { return false }
    if case .mask? = object.region { return false }
    items[home].annotations.append(
      Annotation(label: label, box: box, region: object.region, isCrowd: object.isCrowd)
    )
    return true
  }

  /// - Returns: Whether the object says something new.
  private func checkDuplicate(
    _ object: COCOObjects.Object,
    _ seen: inout [Int: COCOObjects.Object],
    _ log: inout ProblemLog
  ) throws -> Bool {
    guard let other = seen.updateValue(object, forKey: object.id) else { return true }
    guard places[object.imageID] != nil else { return true }
    if other.imageID == object.imageID, other.categoryID == object.categoryID,
      other.box == object.box, other.region == object.region,
      other.extras?.caption == object.extras?.caption
    {
      try log.leftOut("duplicate annotation", at: object.position, "\(object.title) stands twice")
      return false
    }
    try log.noted(
      "duplicate annotation id",
      at: object.position,
      "two annotations have the id \(object.id); both are kept"
    )
    return true
  }

  private mutating func add(_ object: COCOObjects.Object, _ log: inout ProblemLog) throws {
    guard let place = places[object.imageID] else {
      return try log.leftOut(
        "unknown image id",
        at: object.position,
        "\(object.title) belongs to image \(object.imageID), which is not in the file"
      )
    }
    if let segments = object.extras?.segments {
      return try add(segments, place, at: object.position, &log)
    }
    if let caption = object.extras?.caption, object.box == nil {
      var annotation = Annotation.caption(caption)
      if let attributes = object.extras?.attributes, !attributes.isEmpty {
        annotation.attributes = attributes
      }
      items[place].annotations.append(annotation)
      return
    }
    guard let category = object.categoryID, let label = labels[category] else {
      return try log.leftOut(
        "unknown category id",
        at: object.position,
        "\(object.title) has category \(object.categoryID.map(String.init) ?? "none"), which is not in the file"
      )
    }
    if source.kind == .labels, object.box == nil {
      items[place].annotations.append(annotation(of: object, label))
      return
    }
    guard object.box != nil else {
      return try log.leftOut(
        "incomplete annotation",
        at: object.position,
        "\(object.title) needs a 'bbox' of 4 numbers, it has 0"
      )
    }
    if addKeypoints(of: object, label, place) { return }
    if keepsInstances, object.id != .min {
      instances[object.id] = (place, items[place].annotations.count)
    }
    var annotation = annotation(of: object, label)
    if case .mask(let mask)? = object.region, let size = items[place].size, size != mask.size {
      annotation.region = nil
      try log.noted(
        "unusable region",
        at: object.position,
        "\(object.title) has a mask of \(mask.size) in a picture of \(size); its box is kept"
      )
    }
    items[place].annotations.append(annotation)
  }

  private func annotation(of object: COCOObjects.Object, _ label: String) -> Annotation {
    var annotation = Annotation(
      label: label,
      box: object.box,
      region: object.region,
      isCrowd: object.isCrowd
    )
    guard let extras = object.extras else { return annotation }
    if let keypoints = extras.keypoints { annotation.keypoints = keypoints }
    var attributes = extras.attributes
    if let caption = extras.caption { attributes["caption"] = .text(caption) }
    if case .flag(true)? = attributes["difficult"] {
      annotation.isDifficult = true
      attributes["difficult"] = nil
    }
    if !attributes.isEmpty { annotation.attributes = attributes }
    return annotation
  }

  /// Adds key points to the instance that has the same id; `false` where there is none.
  private mutating func addKeypoints(
    of object: COCOObjects.Object,
    _ label: String,
    _ place: Int
  ) -> Bool {
    guard isJoined, source.kind == .personKeypoints, let known = instances[object.id],
      known.item == place, items[place].annotations[known.annotation].label == label
    else { return false }
    if let keypoints = object.extras?.keypoints {
      items[place].annotations[known.annotation].keypoints = keypoints
    }
    return true
  }

  /// A picture of segments: each number is `red + green * 256 + blue * 65536`.
  private mutating func add(
    _ segments: COCOObjects.Segments,
    _ place: Int,
    at position: Int,
    _ log: inout ProblemLog
  ) throws {
    let url = masks.find(segments.fileName)
    for segment in segments.list {
      let title = "a segment of \(segments.fileName)"
      guard (0..<1 << 24).contains(segment.id) else {
        try log.leftOut(
          "incomplete annotation",
          at: segment.position,
          "\(title) needs an 'id' from 0 to 16777215"
        )
        continue
      }
      guard let category = segment.categoryID, let label = labels[category] else {
        try log.leftOut(
          "unknown category id",
          at: segment.position,
          "\(title) has category \(segment.categoryID.map(String.init) ?? "none"), which is not in the file"
        )
        continue
      }
      let color = Color(
        red: UInt8(segment.id & 0xFF),
        green: UInt8(segment.id >> 8 & 0xFF),
        blue: UInt8(segment.id >> 16)
      )
      var object = segment
      object.region = .maskFile(MaskFile(url: url, selection: .color(color)))
      items[place].annotations.append(annotation(of: object, label))
    }
  }
}
