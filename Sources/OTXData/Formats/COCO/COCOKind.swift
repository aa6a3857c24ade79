import Foundation

/// What a COCO annotation file says of its pictures; the raw values begin the files' names.
enum COCOKind: String, CaseIterable, Sendable {
  case instances
  case personKeypoints = "person_keypoints"
  case panoptic, stuff, captions, labels
  case imageInfo = "image_info"

  /// The kind that a file is named after: `instances_train2017.json`.
  init?(fileName: String) {
    let name = fileName.lowercased()
    guard let kind = COCOKind.allCases.first(where: { name.hasPrefix($0.rawValue + "_") })
    else { return nil }
    self = kind
  }

  /// Whether files of this kind must list labels.
  var hasCategories: Bool { self != .captions && self != .imageInfo }

  var title: String {
    switch self {
    case .instances: "objects"
    case .personKeypoints: "key points"
    case .panoptic: "panoptic segments"
    case .stuff: "stuff"
    case .captions: "captions"
    case .labels: "labels"
    case .imageInfo: "image info"
    }
  }
}

extension [COCOSource] {
  /// The files that are read together: one kind of objects, the likeliest first, and what can be
  /// said beside them.
  ///
  /// Instances and key points are the same objects, and captions are about the same pictures.
  /// Panoptic segments and stuff are the same pictures seen in another way: with them, each object
  /// would stand twice, and labels would mean two things.
  func joinable() -> (read: [COCOSource], others: [COCOSource]) {
    let kinds: [COCOKind?] = [.instances, nil, .personKeypoints, .panoptic, .stuff, .labels]
    let first = kinds.first { kind in contains { $0.kind == kind } } ?? nil
    var wanted: Set<COCOKind?> = [first, .captions]
    if first == nil, !contains(where: { $0.kind == nil }) {
      // Nothing is said about objects.
      wanted = contains { $0.kind == .captions } ? [.captions] : [.imageInfo]
    }
    if first == .instances { wanted.insert(.personKeypoints) }
    let read = filter { wanted.contains($0.kind) }
    return (
      // What others are joined to comes first.
      read.filter { $0.kind == first } + read.filter { $0.kind != first },
      filter { !wanted.contains($0.kind) }
    )
  }
}
