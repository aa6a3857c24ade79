/// The part of a VOC dataset that is read: one of its challenges, or all of them together.
enum VOCKind: String, Sendable, CaseIterable {
  case all = "voc"
  case classification = "voc_classification"
  case detection = "voc_detection"
  case segmentation = "voc_segmentation"
  case instanceSegmentation = "voc_instance_segmentation"
  case layout = "voc_layout"
  case action = "voc_action"

  var title: String {
    switch self {
    case .all: "Pascal VOC"
    case .classification: "Pascal VOC, labels of pictures"
    case .detection: "Pascal VOC, boxes"
    case .segmentation: "Pascal VOC, label maps"
    case .instanceSegmentation: "Pascal VOC, label maps with objects"
    case .layout: "Pascal VOC, body parts"
    case .action: "Pascal VOC, actions"
    }
  }

  /// The folders of `ImageSets` whose lists say which pictures belong to it, the likeliest first.
  var listFolders: [String] {
    switch self {
    case .all: ["Main", "Segmentation", "Layout", "Action"]
    case .classification, .detection: ["Main"]
    case .segmentation, .instanceSegmentation: ["Segmentation"]
    case .layout: ["Layout"]
    case .action: ["Action"]
    }
  }

  var hasLabels: Bool { self == .all || self == .classification }
  var hasObjects: Bool { self != .classification && self != .segmentation }
  var hasParts: Bool { self == .all || self == .layout }
  var hasActions: Bool { self == .all || self == .action }
  var hasLabelMaps: Bool { self == .all || self == .segmentation || self == .instanceSegmentation }
  var hasInstances: Bool { self == .all || self == .instanceSegmentation }
  /// The challenges about people leave other objects out.
  var isAboutPeople: Bool { self == .layout || self == .action }
}
