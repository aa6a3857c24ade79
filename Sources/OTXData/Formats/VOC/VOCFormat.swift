public import Foundation
public import OTXCore

/// Pascal VOC: one XML file of objects for each picture; label maps and lists of labels beside.
///
/// Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, IJCV 2010. Coordinates are
/// taken as they stand: `xmin` is where a box begins and `xmax` where it ends. `truncated`,
/// `occluded`, `pose`, actions and `<attributes>` become attributes, `<part>`s boxes of their own in
/// the object's group. Pixels of the label `ignored` (255 in VOC's pictures, the border around
/// objects) belong to no label.
public struct VOCFormat: WritableDatasetFormat {
  let kind: VOCKind

  public var name: String { kind.rawValue }
  public var title: String { kind.title }
  public var aliases: [String] { kind == .all ? ["pascal_voc", "roboflow_voc"] : [] }
  public var layouts: [String] {
    switch kind {
    case .classification:
      ["JPEGImages/*.jpg, ImageSets/Main/{train,val,test}.txt and <label>_{train,val,test}.txt"]
    case .segmentation, .instanceSegmentation:
      [
        "JPEGImages/*.jpg, SegmentationClass/*.png, SegmentationObject/*.png, ImageSets/Segmentation/{train,val,test}.txt"
      ]
    default:
      [
        "Annotations/*.xml, JPEGImages/*.jpg, ImageSets/\(kind.listFolders[0])/{train,val,test}.txt",
        "{train,valid,test}/*.xml with the pictures beside them",
        "*.xml with the pictures beside them, split into train and val when read",
      ]
    }
  }

  public init() { kind = .all }

  init(_ kind: VOCKind) { self.kind = kind }

  public var variants: [any DatasetFormat] {
    kind == .all ? VOCKind.allCases.filter { $0 != .all }.map(VOCFormat.init) : []
  }

  public func recognizes(_ root: URL) -> Recognition {
    do {
      guard
        let source = try VOCLayout(kind: kind).sources(in: root).first(where: {
          !$0.entries.isEmpty
        }),
        let entry = source.entries.first
      else {
        let hasFolder = try FolderListing(root).folder("JPEGImages") != nil
        return .no(
          nearly: hasFolder
            ? "JPEGImages/ is there, Annotations/*.xml is not" : nil
        )
      }
      guard let file = entry.annotations else { return .certain(source.list ?? entry.name) }
      // One damaged file does not make it another format.
      let roots = source.entries.prefix(5).compactMap(\.annotations).map { file in
        try? XMLScanner.read(ReadFile.bytes(file, name: ""), name: "")
      }
      let name = file.path(below: root)
      let found = roots.compactMap { $0 }
      if source.list == nil, let other = found.first(where: { !VOCLayout.isOurs($0) }),
        !found.contains(where: VOCLayout.isOurs)
      {
        return .no(
          nearly: other.name == "annotation"
            ? nil : "\(name) holds <\(other.name)> and not <annotation>"
        )
      }
      return .certain(name)
    } catch {
      return .no(nearly: nil)
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let sources: [VOCSource]
    let base: URL
    switch location {
    case .root(let root, _):
      base = root
      sources = try VOCLayout(kind: kind).sources(in: root)
      guard !sources.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no VOC annotations; expected \(layouts.joined(separator: ", or "))"
        )
      }
    case .subsets(let subsets, _):
      sources = try VOCLayout(kind: kind).sources(subsets)
      base =
        sources.first.map { $0.root ?? $0.pictureRoots.first ?? URL(filePath: "/") }
        ?? URL(filePath: "/")
    }
    var reading = FormatReading()
    let stated = VOCLabels.read(in: base, &reading.problems)
    var used: Set<String> = []
    var hasEvidence = false
    for source in sources {
      let reader = try VOCReader(kind: kind, source: source, base: base, labels: stated)
      let (items, problems) = try reader.read()
      hasEvidence = hasEvidence || source.list != nil
      reading.items[source.subset, default: []] += items
      reading.problems += problems
      used.formUnion(items.flatMap(\.annotations).flatMap(\.labelNames))
    }
    reading.labels = VOCFormat.order(used, by: stated, isVOC: hasEvidence, kind)
    if stated.isStated {
      reading.labelDetails.colors = Dictionary(
        stated.colors.map { ($0.name, $0.color) },
        uniquingKeysWith: { first, _ in first }
      )
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }

  /// The dataset's labels: those it lists, then others by name.
  ///
  /// Without a list, VOC's own labels are declared where VOC's lists of pictures are there and no
  /// label is another; else the labels that are used stand alone.
  private static func order(
    _ used: Set<String>,
    by stated: VOCLabels,
    isVOC: Bool,
    _ kind: VOCKind
  ) -> [String] {
    var known = stated.names(withParts: kind.hasParts)
    let others = used.subtracting(known)
    if stated.isStated { return known + others.sorted() }
    guard others.isEmpty else { return used.sorted() }
    guard isVOC else { return known.filter(used.contains) }
    if kind.isAboutPeople {
      known = known.filter {
        ["background", "person"].contains($0) || VOCLabels.bodyParts.contains($0)
      }
    }
    return known
  }

  public func forms(for dataset: Dataset) -> AnnotationForms {
    var forms: AnnotationForms = []
    if kind.hasLabels { forms.insert(.labels) }
    if kind.hasObjects { forms.insert(.boxes) }
    if kind.hasLabelMaps { forms.insert(.labelMaps) }
    // Regions are painted where label maps are all that there is.
    if kind.hasLabelMaps, kind != .all { forms.formUnion([.polygons, .masks]) }
    return forms
  }

  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    try VOCWriter(kind: kind, options: options).write(dataset, to: root)
  }
}
