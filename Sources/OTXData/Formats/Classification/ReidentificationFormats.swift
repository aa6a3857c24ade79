public import Foundation
public import OTXCore

/// Market-1501: pictures of persons whose names say who, by which camera and when.
///
/// Zheng et al., Scalable Person Re-identification, ICCV 2015. Names are
/// `<person>_c<camera>s<sequence>_<frame>_<box>.jpg`. They become attributes of the item, cameras counted
/// from 0, as Datumaro gives them; pictures to search for (`query`) are of the test subset.
public struct Market1501Format: WritableDatasetFormat {
  public let name = "market1501"
  public let title = "Market-1501"
  public let layouts = [
    "bounding_box_train/0002_c1s1_000451_03.jpg, bounding_box_test/*.jpg, query/*.jpg"
  ]

  private static let prefix = "bounding_box_"

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let listing = try? FolderListing(root),
      let first = listing.folders.first(where: {
        $0.lastPathComponent.hasPrefix(Market1501Format.prefix)
      })
    else { return .no(nearly: nil) }
    return .certain("\(first.lastPathComponent)/")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    var reading = FormatReading()
    var unnamed: [String] = []
    for folder in try FolderListing(root).folders {
      let name = folder.lastPathComponent
      let isQuery = name.hasPrefix("query")
      guard isQuery || name.hasPrefix(Market1501Format.prefix) else { continue }
      let word = String(name.dropFirst(Market1501Format.prefix.count))
      let subset: Subset = isQuery ? .test : Subset(folderName: word) ?? .train
      for url in try FolderListing.allPictures(below: folder) {
        let path = url.path(below: root)
        var item = DatasetItem(id: path, image: .file(url), annotations: [], origin: path)
        let stem = url.deletingPathExtension().lastPathComponent
        if let attributes = Market1501Format.attributes(stem) {
          item.attributes = attributes
          item.attributes["query"] = .flag(isQuery)
        } else {
          unnamed.append(path)
        }
        reading.items[subset, default: []].append(item)
      }
    }
    guard !reading.items.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    if let first = unnamed.first {
      reading.problems.append(
        DatasetProblem(
          kind: "name that says nothing",
          location: first,
          message:
            "\("picture".counted(unnamed.count)) not named '0002_c1s1_000451_03', the first: \(first)",
          remedy: .noted
        )
      )
    }
    return reading
  }

  /// What a name says; `nil` for another kind of name.
  private static func attributes(_ stem: String) -> [String: AttributeValue]? {
    guard let match = stem.prefixMatch(of: /(-?\d+)_c(\d+)s(\d+)_(\d+)_(\d+)/) else { return nil }
    let numbers = [match.2, match.3, match.4, match.5].compactMap { Double($0) }
    guard numbers.count == 4 else { return nil }
    return [
      "person_id": .text(String(match.1)), "camera_id": .number(numbers[0] - 1),
      "track_id": .number(numbers[1]), "frame_id": .number(numbers[2]),
      "bbox_id": .number(numbers[3]),
    ]
  }
}

extension Market1501Format {
  public func forms(for dataset: Dataset) -> AnnotationForms { [] }

  /// Writes pictures under names made of their attributes; a picture without them is an error.
  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    var names: [String: Set<String>] = [:]
    var planned: [(item: DatasetItem, folder: String, stem: String)] = []
    for (subset, items) in dataset.items.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      for item in items {
        let isQuery = item.attributes["query"] == .flag(true)
        let folder = isQuery ? "query" : Market1501Format.prefix + subset.rawValue
        let stem = try Market1501Format.stem(of: item)
        guard names[folder, default: []].insert(stem).inserted else {
          throw DataError.invalidItem(item.id, reason: "is the second picture named \(stem)")
        }
        planned.append((item, folder, stem))
      }
    }
    var writers: [String: PictureWriter] = [:]
    for (item, folder, stem) in planned {
      let place = root.appending(path: folder)
      if writers[folder] == nil { try PictureWriter.makeFolder(place) }
      var named = item
      let ending = URL(filePath: item.id).pathExtension
      named.id = ending.isEmpty ? stem : "\(stem).\(ending)"
      _ = try writers[folder, default: PictureWriter(folder: place, options: options)].write(named)
    }
  }

  /// The name that an item's attributes make.
  private static func stem(of item: DatasetItem) throws -> String {
    func number(_ key: String) -> Int? {
      guard case .number(let value)? = item.attributes[key] else { return nil }
      return Int(exactly: value)
    }
    guard let person = item.attributes["person_id"]?.description, let camera = number("camera_id"),
      let track = number("track_id"), let frame = number("frame_id"), let box = number("bbox_id"),
      person.wholeMatch(of: /-?\d+/) != nil
    else {
      throw DataError.invalidItem(
        item.id,
        reason:
          "does not say who it shows, by which camera and when (person_id, camera_id, track_id, frame_id, bbox_id); Market-1501 makes its names of these"
      )
    }
    return "\(person)_c\(camera + 1)s\(track)_" + String(format: "%06d_%02d", frame, box)
  }
}

/// MARS: a folder of pictures for each person, cut out of videos.
///
/// Zheng et al., MARS: A Video Benchmark for Large-Scale Person Re-identification, ECCV 2016. Names are
/// `<person>C<camera>T<track>F<frame>.jpg`; `00-1` are detections of nobody.
public struct MARSFormat: DatasetFormat {
  public let name = "mars"
  public let title = "MARS"
  public let layouts = ["bbox_{train,test}/<person>/0001C1T0001F001.jpg"]

  public init() {}

  private static func persons(in folder: URL) throws -> [URL] {
    try FolderListing(folder).folders.filter { folder in
      let name = folder.lastPathComponent
      return name == "00-1" || name.count == 4 && name.allSatisfy(\.isNumber)
    }
  }

  private static func sources(in root: URL) throws -> [(subset: Subset, persons: [URL])] {
    try FolderListing(root).folders.compactMap { folder in
      let name = folder.lastPathComponent
      guard name.hasPrefix("bbox_") else { return nil }
      let persons = try persons(in: folder)
      return persons.isEmpty
        ? nil : (Subset(folderName: String(name.dropFirst(5))) ?? .train, persons)
    }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? MARSFormat.sources(in: root).first?.persons.first else {
      return .no(nearly: nil)
    }
    return .certain("\(first.path(below: root))/")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let sources = try MARSFormat.sources(in: root)
    guard !sources.isEmpty else {
      throw DataError.unreadable(file: root.path, reason: "holds no \(layouts[0])")
    }
    var reading = FormatReading()
    reading.labels = Set(sources.flatMap { $0.persons.map(\.lastPathComponent) }).sorted()
    for source in sources {
      for folder in source.persons {
        let label = folder.lastPathComponent
        for url in try FolderListing(folder).pictures {
          let path = url.path(below: root)
          let stem = url.deletingPathExtension().lastPathComponent
          var item = DatasetItem(
            id: path,
            image: .file(url),
            annotations: [.label(label)],
            origin: path
          )
          if let match = stem.wholeMatch(of: /(.{4})C(\d)T(\d{4})F(\d{3})/) {
            guard match.1 == label else {
              reading.problems.append(
                DatasetProblem(
                  kind: "picture in a wrong folder",
                  location: path,
                  message: "the picture shows \(match.1) and lies in the folder \(label)",
                  remedy: .leftOut
                )
              )
              continue
            }
            let numbers = [match.2, match.3, match.4].map { Double($0) ?? 0 }
            item.attributes = [
              "person_id": .text(label), "camera_id": .number(numbers[0]),
              "track_id": .number(numbers[1]), "frame_id": .number(numbers[2]),
            ]
          }
          reading.items[source.subset, default: []].append(item)
        }
      }
    }
    return reading
  }
}
