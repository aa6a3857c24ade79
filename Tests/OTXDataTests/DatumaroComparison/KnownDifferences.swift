/// A sample that we do not read as Datumaro does, and why.
struct KnownDifference: Sendable {
  /// A sample's folder below the data, or `*`.
  var path: String
  /// Datumaro's name of the format, or `*`.
  var format: String
  /// What differs; everything else of the entry is compared.
  var aspects: Set<ComparedAspect>
  var reason: String

  func applies(to entry: DatumaroGolden.Entry) -> Bool {
    (path == "*" || path == entry.path) && (format == "*" || format == entry.format)
  }

  /// Both tables; a test fails for a line that is needed no more.
  static let all = deliberateDifferences + pendingDifferences
}

/// Where we do otherwise on purpose.
let deliberateDifferences: [KnownDifference] = []

/// Where our reader does not yet give all that is there.
///
/// Take a line away with what mends it.
let pendingDifferences: [KnownDifference] = [
  KnownDifference(
    path: "formats/coco_dataset/coco",
    format: "coco",
    aspects: [.annotations, .attributes],
    reason: "polygons, masks, captions and attributes are not read yet"
  ),
  KnownDifference(
    path: "formats/coco_dataset/coco_captions",
    format: "coco",
    aspects: [.reading],
    reason: "captions are not read yet"
  ),
  KnownDifference(
    path: "formats/coco_dataset/coco_image_info",
    format: "coco",
    aspects: [.reading],
    reason: "lists of pictures are not read yet"
  ),
  KnownDifference(
    path: "formats/coco_dataset/coco_instances",
    format: "coco",
    aspects: [.annotations, .attributes],
    reason: "polygons, masks and attributes are not read yet"
  ),
  KnownDifference(
    path: "formats/coco_dataset/coco_labels",
    format: "coco",
    aspects: [.reading],
    reason: "labels of whole pictures are not read yet"
  ),
  KnownDifference(
    path: "formats/coco_dataset/coco_panoptic",
    format: "coco",
    aspects: [.reading],
    reason: "panoptic segments are not read yet"
  ),
  KnownDifference(
    path: "formats/coco_dataset/coco_person_keypoints",
    format: "coco",
    aspects: [.annotations, .attributes],
    reason: "key points, polygons, masks and attributes are not read yet"
  ),
  KnownDifference(
    path: "formats/coco_dataset/coco_stuff",
    format: "coco",
    aspects: [.reading],
    reason: "stuff is not read yet"
  ),
  KnownDifference(
    path: "formats/imagenet_dataset",
    format: "imagenet",
    aspects: [.labels, .subsets, .items, .annotations],
    reason: "folders inside a label's folder are labels of their own; a picture above is unlabelled"
  ),
]
