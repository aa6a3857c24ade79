public import OTXCore

/// What a dataset looks like in numbers.
public struct DatasetStatistics: Sendable, Equatable {
  /// Annotations and pictures of one label in one subset.
  public struct LabelRow: Sendable, Equatable {
    public var label: String
    public var annotationCounts: [Subset: Int]
    public var pictureCounts: [Subset: Int]
  }

  public var format: String
  public var subsets: [Subset: Int]
  public var kinds: [AnnotationKindCount]
  public var labels: [LabelRow]
  /// Height and width of each picture, in the order of the items.
  public var pictureSizes: [ImageSize]
  /// Objects of each picture, in the order of the items.
  public var objectCounts: [Int]
  /// Square root of each object's area in pixels.
  public var objectSides: [Double]
  /// Share of its picture's area that each object takes, 0…1.
  public var objectShares: [Double]
  /// Width by height of each object.
  public var aspectRatios: [Double]
  /// How often a centre of an object lies where: `[gridSide, gridSide]` from the top left.
  public var centers: [[Int]]
  public var centersByLabel: [String: [[Int]]]

  /// How many annotations are of one kind: `boxes`.
  public struct AnnotationKindCount: Sendable, Equatable {
    public var kind: String
    public var count: Int
  }

  static let gridSide = 24

  /// Counts a dataset; no picture is read.
  public init(_ dataset: Dataset) {
    format = dataset.format
    subsets = dataset.items.mapValues(\.count)
    kinds = dataset.annotationKinds
    labels = []
    pictureSizes = []
    objectCounts = []
    objectSides = []
    objectShares = []
    aspectRatios = []
    let empty = [[Int]](
      repeating: [Int](repeating: 0, count: DatasetStatistics.gridSide),
      count: DatasetStatistics.gridSide
    )
    centers = empty
    centersByLabel = [:]
    var rows = Dictionary(
      uniqueKeysWithValues: dataset.labels.names.map {
        ($0, LabelRow(label: $0, annotationCounts: [:], pictureCounts: [:]))
      }
    )
    for subset in Subset.allCases {
      for item in dataset.items[subset] ?? [] {
        if let size = item.size { pictureSizes.append(size) }
        let names = item.annotations.flatMap(\.labelNames)
        for name in names { rows[name]?.annotationCounts[subset, default: 0] += 1 }
        for name in Set(names) { rows[name]?.pictureCounts[subset, default: 0] += 1 }
        objectCounts.append(item.annotations.count { $0.box != nil })
        for annotation in item.annotations where !annotation.isCrowd {
          add(annotation, item.size, empty)
        }
      }
    }
    labels = dataset.labels.names.compactMap { rows[$0] }
  }

  private mutating func add(_ annotation: Annotation, _ size: ImageSize?, _ empty: [[Int]]) {
    guard let box = annotation.box, box.area > 0 else { return }
    objectSides.append(Double(box.area).squareRoot())
    aspectRatios.append(Double(box.width / box.height))
    guard let size, size.height > 0, size.width > 0 else { return }
    objectShares.append(Double(box.area) / Double(size.height * size.width))
    let side = DatasetStatistics.gridSide
    let x = Int((box.x1 + box.x2) / 2 / Float(size.width) * Float(side))
    let y = Int((box.y1 + box.y2) / 2 / Float(size.height) * Float(side))
    guard (0..<side).contains(x), (0..<side).contains(y) else { return }
    centers[y][x] += 1
    if let label = annotation.label { centersByLabel[label, default: empty][y][x] += 1 }
  }
}

extension Dataset {
  /// How many annotations there are of each kind, in a fixed order, kinds without any left out.
  public var annotationKinds: [DatasetStatistics.AnnotationKindCount] {
    let names = [
      "labels", "boxes", "polygons", "masks", "rotated boxes", "ellipses", "lines", "key points",
      "captions", "label maps",
    ]
    var counts: [String: Int] = [:]
    for annotation in items.values.joined().lazy.flatMap(\.annotations) {
      switch annotation.kind {
      case .label: counts["labels", default: 0] += 1
      case .caption: counts["captions", default: 0] += 1
      case .labelMap: counts["label maps", default: 0] += 1
      case .object:
        if annotation.keypoints != nil { counts["key points", default: 0] += 1 }
        switch annotation.region {
        case nil: if annotation.keypoints == nil { counts["boxes", default: 0] += 1 }
        case .polygon: counts["polygons", default: 0] += 1
        case .mask, .maskFile: counts["masks", default: 0] += 1
        case .rotatedBox: counts["rotated boxes", default: 0] += 1
        case .ellipse: counts["ellipses", default: 0] += 1
        case .polyline: counts["lines", default: 0] += 1
        }
      }
    }
    return names.compactMap { name in
      counts[name].map { DatasetStatistics.AnnotationKindCount(kind: name, count: $0) }
    }
  }
}
