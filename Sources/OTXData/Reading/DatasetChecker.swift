import Foundation
import OTXCore
import OTXImage

/// Looks at each picture's header and each box; damaged ones are left out and named.
enum DatasetChecker {
  /// What is left of `reading`, with what was found appended to its problems.
  static func check(
    _ reading: FormatReading,
    root: URL,
    keepsDamaged: Bool = false,
    cache: PictureHeaderCache? = nil
  ) -> FormatReading {
    var result = reading
    let session = cache?.session(
      for: root,
      itemCount: reading.items.values.reduce(0) { $0 + $1.count }
    )
    let now = Int64(Date().timeIntervalSince1970 * 1e9)
    var records: [PictureHeaderSession.Record] = []
    var folders = SharedFolders(root: root)
    for subset in Subset.allCases {
      guard let stated = reading.items[subset] else { continue }
      let items = merged(stated, &result.problems)
      noteNamesOfOneSpelling(items, &result.problems)
      let headers = ParallelResults<CheckedHeader>(count: items.count)
      WorkerThreads.forEach(items.count) { index in
        headers.set(index, Self.header(of: items[index], session, now: now))
      }
      var kept: [DatasetItem] = []
      kept.reserveCapacity(items.count)
      for (item, header) in zip(items, headers.all) {
        guard let header else { continue }
        if let record = header.record { records.append(record) }
        var checked = Self.item(item, header.result, &result.problems)
        if keepsDamaged {
          let size = checked?.size ?? item.size
          checked = item
          checked?.size = size
        }
        guard var checked else { continue }
        folders.share(&checked)
        kept.append(checked)
      }
      result.items[subset] = kept
    }
    session?.save(records)
    result.problems += sharedPictures(result.items)
    return result
  }

  /// Makes one item of entries about the same picture.
  private static func merged(
    _ items: [DatasetItem],
    _ problems: inout [DatasetProblem]
  ) -> [DatasetItem] {
    var places: [String: Int] = [:]
    var result: [DatasetItem] = []
    for item in items {
      guard let place = places[item.id] else {
        places[item.id] = result.count
        result.append(item)
        continue
      }
      let new = item.annotations.filter { !result[place].annotations.contains($0) }
      result[place].annotations += new
      problems.append(
        DatasetProblem(
          kind: "duplicate picture",
          location: item.origin.isEmpty ? item.id : item.origin,
          message:
            "the picture \(item.id) stands twice; \("annotation".counted(new.count)) added to the first entry",
          remedy: .noted
        )
      )
    }
    return result
  }

  /// Notes names that are one on systems where case does not matter: copied there, one file is lost.
  private static func noteNamesOfOneSpelling(
    _ items: [DatasetItem],
    _ problems: inout [DatasetProblem]
  ) {
    var first: [String: String] = [:]
    for item in items {
      guard let other = first.updateValue(item.id, forKey: item.id.lowercased()) else { continue }
      problems.append(
        DatasetProblem(
          kind: "names that differ in case alone",
          location: item.id,
          message: "the names \(other) and \(item.id) differ in case alone; both are used",
          remedy: .noted
        )
      )
    }
  }

  /// Notes pictures that stand in two subsets: a score on them says nothing.
  static func sharedPictures(_ items: [Subset: [DatasetItem]]) -> [DatasetProblem] {
    let train = Set((items[.train] ?? []).map(\.id))
    return [Subset.val, .test].compactMap { subset in
      let shared = (items[subset] ?? []).filter { train.contains($0.id) }
      guard let first = shared.first else { return nil }
      return DatasetProblem(
        kind: "picture in two subsets",
        location: first.id,
        message:
          "\("picture".counted(shared.count)) of \(subset.rawValue) also stand in train, the first: \(first.id): scores on them say nothing",
        remedy: .noted
      )
    }
  }

  /// A look at a picture, and what of it is worth keeping.
  private struct CheckedHeader: Sendable {
    var result: Result<CheckedPicture, DataError>
    var record: PictureHeaderSession.Record?
  }

  private static func header(
    of item: DatasetItem,
    _ session: PictureHeaderSession?,
    now: Int64
  ) -> CheckedHeader {
    guard let session, case .path(let path) = item.image,
      let state = PictureHeaderSession.state(of: path.path)
    else { return CheckedHeader(result: header(of: item)) }
    if let known = session.picture(state) { return CheckedHeader(result: .success(known)) }
    let result = header(of: item)
    guard case .success(let picture) = result else { return CheckedHeader(result: result) }
    let record = PictureHeaderSession.record(state, picture, now: now)
    return CheckedHeader(result: result, record: record)
  }

  private static func header(of item: DatasetItem) -> Result<CheckedPicture, DataError> {
    do {
      switch item.image {
      case .memory(let image):
        return .success(CheckedPicture(size: image.size, storedSize: image.size))
      case .embedded(let picture):
        let size = try picture.size()
        return .success(CheckedPicture(size: size, storedSize: size))
      case .path(let path):
        let header = try ImageHeader(of: path.url)
        // A file whose end is missing is decoded once: some programs leave the end out.
        if !header.hasEnd { _ = try ImageFile.read(path.url) }
        return .success(
          CheckedPicture(
            size: header.size,
            storedSize: header.storedSize,
            hasMorePictures: header.hasMorePictures
          )
        )
      }
    } catch let error as DataError {
      return .failure(error)
    } catch {
      return .failure(.unreadable(file: item.id, reason: "\(error)"))
    }
  }

  private static func item(
    _ item: DatasetItem,
    _ header: Result<CheckedPicture, DataError>,
    _ problems: inout [DatasetProblem]
  ) -> DatasetItem? {
    let origin = item.origin.isEmpty ? item.id : item.origin
    func report(_ kind: String, _ message: String, _ remedy: DatasetProblem.Remedy) {
      problems.append(
        DatasetProblem(kind: kind, location: origin, message: message, remedy: remedy)
      )
    }
    let picture: CheckedPicture
    switch header {
    case .success(let value): picture = value
    case .failure(.unreadable(_, let reason)):
      let isMissing = reason == "the file does not exist"
      report(
        isMissing ? "missing picture" : "unreadable picture",
        isMissing ? "the picture \(item.id) does not exist" : "the picture \(reason)",
        .leftOut
      )
      return nil
    case .failure(let error):
      report("unreadable picture", error.description, .leftOut)
      return nil
    }
    if picture.hasMorePictures {
      report(
        "file of several pictures",
        "the file holds several pictures (pages or frames); the first is used",
        .noted
      )
    }
    var result = item
    result.size = picture.size
    if let stated = item.size, stated.height > 0, stated.width > 0, stated != picture.size {
      guard stated == picture.storedSize else {
        report(
          "wrong picture size",
          "the picture has \(picture.size) pixels and not \(stated): its boxes cannot be trusted",
          .leftOut
        )
        return nil
      }
      // Boxes were drawn on the pixels as they are stored.
      result.size = stated
    }
    guard let size = result.size else { return nil }
    result.annotations = item.annotations.enumerated().compactMap { index, annotation in
      guard let box = annotation.box else { return annotation }
      // A line or a single point has no area; it is no box for a detector, and no mistake.
      if box.isFinite, box.area == 0, annotation.isThin {
        var boxless = annotation
        boxless.box = nil
        return boxless
      }
      switch BoxCheck(box, in: size) {
      case .good: return annotation
      case .clipped(let clipped, let beyond):
        // Less than a pixel is rounding.
        if beyond > 1 {
          report(
            "box beyond the picture",
            "box \(index + 1), \(BoxCheck.text(box)), reaches \(beyond) pixels beyond the picture's \(size)",
            .corrected
          )
        }
        var corrected = annotation
        corrected.box = clipped
        return corrected
      case .bad(let kind, let reason):
        report(kind, "box \(index + 1), \(BoxCheck.text(box)), \(reason)", .leftOut)
        return nil
      }
    }
    return result
  }
}

extension Annotation {
  /// Whether it is made of lines or points, which need not enclose anything.
  fileprivate var isThin: Bool {
    if case .polyline = region { return true }
    return keypoints != nil
  }
}

/// Lets items share what they have in common: folders, and the texts of their names.
private struct SharedFolders {
  private let base: PictureFolder
  private var folders: [String: PictureFolder] = [:]

  init(root: URL) { base = PictureFolder(root) }

  mutating func share(_ item: inout DatasetItem) {
    guard case .path(let path) = item.image, path.folder !== base, path.name != item.id else {
      return
    }
    let full = path.path
    if full.utf8.count == base.path.utf8.count + item.id.utf8.count + 1,
      full.hasPrefix(base.path), full.hasSuffix(item.id)
    {
      item.image = .path(PicturePath(folder: base, name: item.id))
    } else if let known = folders[path.folder.path] {
      item.image = .path(PicturePath(folder: known, name: path.name))
    } else {
      folders[path.folder.path] = path.folder
    }
  }
}

/// What a look at a picture says.
struct CheckedPicture: Sendable, Equatable {
  var size: ImageSize
  var storedSize: ImageSize
  var hasMorePictures = false
}

/// What is to be done with a box.
enum BoxCheck: Equatable {
  case good
  /// Partly outside, by so many pixels.
  case clipped(BoundingBox, beyond: Float)
  case bad(kind: String, reason: String)

  init(_ box: BoundingBox, in size: ImageSize) {
    guard box.isFinite else {
      self = .bad(kind: "box that is not finite", reason: "is not made of finite numbers")
      return
    }
    guard box.width >= 0, box.height >= 0 else {
      self = .bad(kind: "box of negative size", reason: "has a negative width or height")
      return
    }
    guard box.width > 0, box.height > 0 else {
      self = .bad(kind: "box of zero size", reason: "has no area")
      return
    }
    let clipped = box.clipped(to: size)
    guard clipped.width > 0, clipped.height > 0 else {
      self = .bad(kind: "box outside the picture", reason: "lies outside the picture's \(size)")
      return
    }
    let beyond = max(
      clipped.x1 - box.x1,
      clipped.y1 - box.y1,
      box.x2 - clipped.x2,
      box.y2 - clipped.y2
    )
    self = beyond > 0 ? .clipped(clipped, beyond: beyond) : .good
  }

  static func text(_ box: BoundingBox) -> String {
    "(x1 \(box.x1), y1 \(box.y1), x2 \(box.x2), y2 \(box.y2))"
  }
}
