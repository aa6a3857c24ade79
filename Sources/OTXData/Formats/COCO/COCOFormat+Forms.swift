public import OTXCore

extension COCOFormat {
  public func forms(for dataset: Dataset) -> AnnotationForms {
    let regions: AnnotationForms = [.polygons, .masks, .rotatedBoxes, .ellipses]
    switch kind {
    case nil:
      // Objects and labels of whole pictures are files of two kinds; objects are more.
      let hasObjects = dataset.items.values.joined().contains { item in
        item.annotations.contains { $0.kind == .object || $0.kind == .labelMap }
      }
      return hasObjects ? regions.union([.boxes, .keypoints, .captions]) : [.labels, .captions]
    case .instances, .stuff: return regions.union(.boxes)
    case .personKeypoints: return regions.union([.boxes, .keypoints])
    case .panoptic: return regions
    case .captions: return .captions
    case .labels: return .labels
    case .imageInfo: return []
    }
  }
}
