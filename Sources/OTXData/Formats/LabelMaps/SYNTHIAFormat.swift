public import Foundation
public import OTXCore

/// SYNTHIA in its three layouts: RAND (`RGB`, `GT`, `GTTXT`), SF (`RGBLeft`, `GTLeft`) and AL (`RGB`,
/// `SemSeg`).
///
/// Ros et al., The SYNTHIA Dataset, CVPR 2016. Labels come from `dataset_meta.json` or
/// `label_colors.txt`, else they are the release's own. RAND's `GTTXT`, text files of label numbers, is
/// read for pictures that `GT` does not have.
public struct SYNTHIAFormat: DatasetFormat {
  enum Release: String, Sendable, CaseIterable {
    case rand, sf, al

    var pictures: String { self == .sf ? "RGBLeft" : "RGB" }
    var maps: String {
      switch self {
      case .rand: "GT"
      case .sf: "GTLeft"
      case .al: "SemSeg"
      }
    }
    var layout: String { "\(pictures)/*.png, \(maps)/*.png" }
  }

  public let name: String
  public let title: String
  public let layouts: [String]
  private let releases: [Release]

  public init() { self.init(name: "synthia", title: "SYNTHIA", releases: Release.allCases) }

  private init(name: String, title: String, releases: [Release]) {
    (self.name, self.title, self.releases) = (name, title, releases)
    layouts = releases.map(\.layout)
  }

  public var variants: [any DatasetFormat] {
    Release.allCases.map {
      SYNTHIAFormat(
        name: "synthia_\($0.rawValue)",
        title: "SYNTHIA-\($0.rawValue.uppercased())",
        releases: [$0]
      )
    }
  }

  private struct Source {
    var release: Release
    var subset: Subset
    var folder: FolderListing
    var pictures: URL
  }

  private func sources(in root: URL) throws -> [Source] {
    let listing = try FolderListing(root)
    func source(_ folder: FolderListing, _ subset: Subset) -> Source? {
      // Depth and names of their own: `RGB` alone says nothing.
      for release in releases {
        guard let pictures = folder.exactFolder(release.pictures),
          folder.exactFolder(release.maps) != nil
            || release == .rand && folder.exactFolder("GTTXT") != nil
        else { continue }
        return Source(release: release, subset: subset, folder: folder, pictures: pictures)
      }
      return nil
    }
    if let own = source(listing, .train) { return [own] }
    return try listing.folders.compactMap { folder in
      guard let subset = Subset(folderName: folder.lastPathComponent) else { return nil }
      return source(try FolderListing(folder), subset)
    }
  }

  public func recognizes(_ root: URL) -> Recognition {
    guard let first = try? sources(in: root).first else { return .no(nearly: nil) }
    return .certain("\(first.release.pictures)/ and \(first.release.maps)/")
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let root = try location.folder(for: title)
    let sources = try sources(in: root)
    guard let first = sources.first else {
      throw DataError.unreadable(
        file: root.path,
        reason: "holds no \(layouts.joined(separator: ", nor "))"
      )
    }
    let colors =
      try LabelColors.declared(in: root, base: root) ?? SYNTHIAFormat.ownLabels(first.release)
    var reading = FormatReading()
    reading.labels = colors.names
    reading.labelDetails = colors.details
    for source in sources {
      let maps = try source.folder.exactFolder(source.release.maps).map {
        try LabelMapLayout.pictures(below: $0)
      }
      var items = LabelMapLayout.items(
        pictures: try LabelMapLayout.pictures(below: source.pictures),
        maps: maps ?? [],
        base: root,
        problems: &reading.problems
      ) { try colors.map($0) }
      if let texts = source.folder.exactFolder("GTTXT"), source.release == .rand {
        for index in items.indices where items[index].annotations.isEmpty {
          guard let picture = items[index].image.url else { continue }
          let stem = picture.deletingPathExtension().lastPathComponent
          let file = texts.appending(path: "\(stem).txt")
          guard FileManager.default.fileExists(atPath: file.path) else { continue }
          let name = file.path(below: root)
          items[index].origin = name
          items[index].annotations = try NumberText(file, name: name).regions(colors.numbers)
        }
      }
      LabelMapLayout.add(items, to: &reading, source.subset)
    }
    return reading
  }

  private static func ownLabels(_ release: Release) -> LabelColors {
    let shared: [(String, UInt8, UInt8, UInt8)] = [
      ("Void", 0, 0, 0), ("Sky", 128, 128, 128), ("Building", 128, 0, 0), ("Road", 128, 64, 128),
      ("Sidewalk", 0, 0, 192), ("Fence", 64, 64, 128), ("Vegetation", 128, 128, 0),
      ("Pole", 192, 192, 128), ("Car", 64, 0, 128),
    ]
    switch release {
    case .rand:
      return LabelColors(
        shared + [
          ("Sign", 192, 128, 128), ("Pedestrian", 64, 64, 0), ("Cyclist", 0, 128, 192),
          ("Lanemarking", 0, 175, 0), ("TrafficLight", 0, 128, 128),
        ]
      )
    case .al:
      return LabelColors(
        shared + [
          ("TrafficSign", 192, 128, 128), ("Pedestrian", 64, 64, 0), ("Bicycle", 0, 128, 192),
          ("Lanemarking", 0, 172, 0), ("TrafficLight", 0, 128, 128),
        ]
      )
    case .sf:
      return LabelColors([
        ("Void", 0, 0, 0), ("Road", 128, 64, 128), ("Sidewalk", 244, 35, 232),
        ("Building", 70, 70, 70), ("Wall", 102, 102, 156), ("Fence", 190, 153, 153),
        ("Pole", 153, 153, 153), ("TrafficLight", 250, 170, 30), ("TrafficSign", 220, 220, 0),
        ("Vegetation", 107, 142, 35), ("Terrian", 152, 251, 152), ("Sky", 70, 130, 180),
        ("Person", 220, 20, 60), ("Rider", 255, 0, 0), ("Car", 0, 0, 142),
        ("Truck", 0, 80, 100), ("Bus", 0, 60, 100), ("Train", 0, 80, 100),
        ("Motorcycle", 0, 0, 230), ("Bicycle", 119, 11, 31), ("RoadLines", 157, 234, 50),
        ("Other", 72, 0, 98), ("RoadWorks", 167, 106, 29),
      ])
    }
  }
}

/// A text file of numbers: a line for each row of pixels.
private struct NumberText {
  private let size: ImageSize
  private let numbers: [Int]

  init(_ file: URL, name: String) throws {
    let text = String(decoding: try ReadFile.bytes(file, name: name), as: UTF8.self)
    var (numbers, width, height) = ([Int](), 0, 0)
    for line in text.split(whereSeparator: { $0.isNewline }) {
      let row = line.split { $0.isWhitespace }.map { Double($0).flatMap { Int(exactly: $0) } }
      guard !row.isEmpty else { continue }
      guard height == 0 || row.count == width, !row.contains(nil) else {
        throw DataError.unreadable(
          file: "\(name):\(height + 1)",
          reason: "is no line of \(height == 0 ? row.count : width) whole numbers"
        )
      }
      (width, height) = (row.count, height + 1)
      numbers += row.compactMap(\.self)
    }
    self.numbers = numbers
    size = ImageSize(height: height, width: width)
  }

  func regions(_ table: LabelTable) -> [Annotation] {
    Set(numbers).sorted().compactMap { number in
      guard let label = table[number] else { return nil }
      let mask = RunLengthMask(size: size, bitmap: numbers.map { $0 == number })
      return .region(.mask(mask), label: label)
    }
  }
}

extension FolderListing {
  /// The folder of a name, in this case and no other.
  func exactFolder(_ name: String) -> URL? { folders.first { $0.lastPathComponent == name } }
}
