import Foundation
import OTXCore

extension DataTraits {
  /// Looks at what is annotated; reads no file.
  init(of dataset: Dataset) {
    self.init()
    let train = dataset.items[.train] ?? []
    for subset in [Subset.train, .val, .test] {
      for item in dataset.items[subset] ?? [] { count(item) }
    }
    unannotatedTrainCount = train.count { $0.annotations.isEmpty }
    annotatedTrainCount = train.count - unannotatedTrainCount
    var pictures: [String: Int] = [:]
    for item in train { for label in item.labelNames { pictures[label, default: 0] += 1 } }
    pictureCounts = dataset.labels.names.map { .init(label: $0, count: pictures[$0] ?? 0) }
    normalLabel = DataTraits.normalLabel(of: dataset, trained: pictures)
    clips = DataTraits.clips(of: dataset)
  }

  private mutating func count(_ item: DatasetItem) {
    var (label, box, outline, file, turned) = (false, false, false, false, false)
    var (map, points, caption) = (false, false, false)
    for annotation in item.annotations {
      switch annotation.kind {
      case .label: label = label || annotation.label != nil
      case .caption: caption = true
      case .labelMap: map = true
      case .object:
        box = box || annotation.box != nil
        points = points || annotation.keypoints != nil
        switch annotation.region {
        case .rotatedBox: turned = true
        case .maskFile: (file, outline) = (file || annotation.box == nil, true)
        case .polygon, .mask, .ellipse: outline = true
        case .polyline, nil: break
        }
      }
    }
    func add(_ isThere: Bool, _ count: inout Int) { if isThere { count += 1 } }
    add(label, &labelledCount)
    add(box, &boxedCount)
    add(outline, &outlinedCount)
    add(file, &maskFileCount)
    add(turned, &turnedCount)
    add(map, &segmentedCount)
    add(points, &keypointedCount)
    add(caption, &captionedCount)
  }

  /// Names of what has no defect, as datasets for anomaly detection have them.
  private static let normalNames: Set<String> = ["good", "normal", "ok", "healthy", "nominal"]

  /// The one label that is trained, if its name says that all is well and others are to be found.
  private static func normalLabel(of dataset: Dataset, trained: [String: Int]) -> String? {
    guard trained.count == 1, let only = trained.keys.first,
      normalNames.contains(only.lowercased())
    else { return nil }
    return only
  }

  private static func clips(of dataset: Dataset) -> Clips? {
    let subsets = [Subset.train, .val, .test].map { dataset.items[$0] ?? [] }
    let all = subsets.flatMap { $0 }
    guard let names = VideoClips.clips(of: all) else { return nil }
    var places: [String: Set<Int>] = [:]
    var index = 0
    for (place, items) in subsets.enumerated() {
      for _ in items {
        places[names[index], default: []].insert(place)
        index += 1
      }
    }
    return Clips(
      count: places.count,
      sharedCount: places.values.count { $0.count > 1 },
      isSplit: dataset.problems.contains { $0.kind == Splitter.clipSplit }
    )
  }
}
