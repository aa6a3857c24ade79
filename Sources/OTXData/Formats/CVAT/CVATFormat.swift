public import Foundation
public import OTXCore
import OTXImage

/// CVAT's own XML, of pictures and of videos (version 1.1).
///
/// docs.cvat.ai, "CVAT for image 1.1" and "CVAT for video 1.1". Boxes (turned ones too), polygons,
/// lines, points, ellipses, masks, skeletons and tags; of a track, the shapes of each frame, whose
/// ``OTXCore/Annotation/id`` is the track. A shape that is `outside` is not in its picture and left
/// out. Cuboids are not read.
public struct CVATFormat: WritableDatasetFormat {
  public let name = "cvat"
  public let title = "CVAT"
  public let layouts = [
    "annotations.xml with <annotations>, pictures in images/ or images/{train,val,test}/"
  ]

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    guard let files = try? CVATFormat.files(in: root), let file = files.first else {
      return .no(nearly: nil)
    }
    return .certain(file.lastPathComponent)
  }

  /// The XML files of a folder that begin as CVAT's do.
  private static func files(in root: URL) throws -> [URL] {
    if root.pathExtension.lowercased() == "xml" { return beginsWell(root) ? [root] : [] }
    return try FolderListing(root).files(endingIn: "xml").filter(beginsWell)
  }

  private static func beginsWell(_ file: URL) -> Bool {
    TextProbe.start(of: file)?.contains("<annotations") ?? false
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    var sources: [(file: URL, subset: Subset?, roots: [URL])] = []
    let base: URL
    switch location {
    case .root(let root, _):
      base = root.pathExtension.lowercased() == "xml" ? root.deletingLastPathComponent() : root
      for file in try CVATFormat.files(in: root) {
        sources.append((file, nil, [base.appending(path: "images"), base]))
      }
      guard !sources.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no CVAT annotation file; expected \(layouts[0])"
        )
      }
    case .subsets(let subsets, _):
      for subset in Subset.allCases {
        guard let place = subsets[subset], let file = place.annotations else { continue }
        let folder = file.deletingLastPathComponent()
        sources.append(
          (file, subset, [place.root, folder.appending(path: "images"), folder].compactMap { $0 })
        )
      }
      base = sources.first?.roots.last ?? URL(filePath: "/")
    }
    var reading = FormatReading()
    for source in sources {
      let name = source.file.path(below: base)
      let root = try XMLScanner.read(ReadFile.bytes(source.file, name: name), name: name)
      guard root.name == "annotations" else {
        throw DataError.unreadable(file: name, reason: "holds <\(root.name)> and not <annotations>")
      }
      var reader = CVATReader(
        file: name,
        base: base,
        subset: source.subset,
        pictureRoots: source.roots,
        meta: CVATMeta(root)
      )
      reader.read(root)
      reader.finish(into: &reading)
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    AnnotationForms.all.subtracting([.captions, .labelMaps])
  }

  public func write(_ dataset: Dataset, to root: URL, options: DatasetWriteOptions) throws {
    try CVATWriter(dataset: dataset, options: options).write(to: root)
  }
}

/// Looks at the beginnings of text files.
enum TextProbe {
  /// The first bytes as text; `nil` for what cannot be read.
  static func start(of file: URL, count: Int = 4096) -> String? {
    guard let bytes = try? ReadableFile(file).bytes(at: 0, count: count) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// What `<meta>` says: labels, the kinds of their attributes, points of skeletons.
struct CVATMeta {
  var labels: [String] = []
  var colors: [String: Color] = [:]
  /// Points of skeletons by label.
  var points: [String: [String]] = [:]
  /// `checkbox`, `number`, `text`, … by attribute.
  var attributeKinds: [String: String] = [:]
  /// Of a video's frames.
  var frameSize: ImageSize?
  /// The subset of a task; `nil` for several of them or none.
  var subset: String?

  init(_ root: XMLElement) {
    guard let meta = root.child("meta") else { return }
    var subsets: Set<String> = []
    for element in CVATMeta.all(meta) {
      switch element.name {
      case "label": add(element)
      case "attribute":
        if let name = element.text("name"), let kind = element.text("input_type") {
          attributeKinds[name] = kind
        }
      case "original_size":
        if let height = element.text("height").flatMap({ Int($0) }),
          let width = element.text("width").flatMap({ Int($0) })
        {
          frameSize = ImageSize(height: height, width: width)
        }
      case "subset":
        if let name = element.value { subsets.insert(name) }
      default: break
      }
    }
    subset = subsets.count == 1 ? subsets.first : nil
  }

  /// An element and all below it; nested 64 deep at most.
  private static func all(_ element: XMLElement) -> [XMLElement] {
    [element] + element.children.flatMap(all)
  }

  private mutating func add(_ label: XMLElement) {
    guard let name = label.text("name") else { return }
    if let parent = label.text("parent") {
      points[parent, default: []].append(name)
      return
    }
    if !labels.contains(name) { labels.append(name) }
    if let text = label.text("color"), text.hasPrefix("#"), text.count == 7,
      let number = Int(text.dropFirst(), radix: 16)
    {
      colors[name] = Color(number: number)
    }
  }
}
