public import Foundation
public import OTXCore

/// COCO: JSON files of pictures, and of objects, key points, texts or segments in them.
///
/// Lin et al., Microsoft COCO: Common objects in context, ECCV 2014; Kirillov et al., Panoptic
/// segmentation, CVPR 2019; cocodataset.org "Data format".
///
/// The format itself takes what a folder holds of all kinds that can be said together: instances
/// with the key points of the same ids, and captions. Its variants take one kind each.
public struct COCOFormat: WritableDatasetFormat {
  public let name: String
  public let title: String
  public let aliases: [String]
  public let layouts: [String]
  /// What alone is read and written; `nil` for all that goes together.
  let kind: COCOKind?
  /// How it is written.
  let layout: COCOWriter.Layout

  public init() {
    name = "coco"
    title = "COCO"
    aliases = []
    layouts = [
      "annotations/{instances,person_keypoints,captions,…}_{train,val,test}.json with images/{train,val,test}/ or {train,val,test}/",
      "{train,valid,test}/_annotations.coco.json with the pictures beside it",
      "one .json file with the pictures beside it or below images/",
    ]
    (kind, layout) = (nil, .standard)
  }

  private init(kind: COCOKind) {
    name = "coco_\(kind.rawValue)"
    title = "COCO \(kind.title)"
    aliases = []
    layouts = [
      "annotations/\(kind.rawValue)_{train,val,test}.json with images/{train,val,test}/"
    ]
    (self.kind, layout) = (kind, .standard)
  }

  private init(name: String, title: String, layouts: [String], layout: COCOWriter.Layout) {
    (self.name, self.title, self.layouts, self.layout) = (name, title, layouts, layout)
    (aliases, kind) = ([], .instances)
  }

  public var variants: [any DatasetFormat] {
    guard name == "coco" else { return [] }
    return COCOKind.allCases.map { COCOFormat(kind: $0) } + [
      COCOFormat(
        name: "mmdet_coco",
        title: "COCO in MMDetection's layout",
        layouts: ["annotations/instances_{train,val}2017.json with {train,val}2017/"],
        layout: .mmdetection
      ),
      COCOFormat(
        name: "roboflow_coco",
        title: "COCO in Roboflow's layout",
        layouts: ["{train,valid,test}/_annotations.coco.json with the pictures beside it"],
        layout: .roboflow
      ),
    ]
  }

  public func recognizes(_ root: URL) -> Recognition {
    do {
      let (sources, _) = try wanted(COCOLayout.sources(in: root))
      if let first = sources.first(where: { COCOLayout.looksLikeCOCO($0.annotations) }) {
        return .certain(first.annotations.path(below: root))
      }
      if let first = sources.first {
        return .no(
          nearly:
            "\(first.annotations.path(below: root)) has no 'images', 'annotations' and 'categories'"
        )
      }
      return .no(nearly: nil)
    } catch {
      return .no(nearly: nil)
    }
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let sources: [COCOSource]
    let base: URL
    switch location {
    case .root(let root, _):
      base = root.pathExtension.lowercased() == "json" ? root.deletingLastPathComponent() : root
      // A file of COCO's own name that is damaged at its start is an error, not another file.
      sources = try COCOLayout.sources(in: root).filter {
        COCOLayout.hasOwnName($0.annotations) || COCOLayout.looksLikeCOCO($0.annotations)
      }
      guard !sources.isEmpty else {
        throw DataError.unreadable(
          file: root.path,
          reason: "holds no COCO annotation file; expected \(layouts.joined(separator: ", or "))"
        )
      }
    case .subsets(let subsets, _):
      sources = try COCOLayout.sources(subsets)
      base = sources.first?.annotations.deletingLastPathComponent() ?? URL(filePath: "/")
    }
    let (chosen, others) = wanted(sources)
    guard !chosen.isEmpty else {
      throw DataError.unreadable(
        file: base.path,
        reason: "holds no COCO file of \(kind?.title ?? "annotations")"
      )
    }
    var reader = COCOReader(base: base)
    for index in chosen.indices {
      let later = chosen[(index + 1)...].filter { $0.subset == chosen[index].subset }
      try reader.read(chosen[index], joinedBy: Set(later.compactMap(\.kind)))
    }
    reader.noteOthers(others)
    return reader.finish()
  }

  /// The files that this format is about, and the others.
  private func wanted(_ sources: [COCOSource]) -> (read: [COCOSource], others: [COCOSource]) {
    guard let kind else { return sources.joinable() }
    let own = sources.filter { $0.kind == kind }
    guard own.isEmpty else { return (own, []) }
    // Files of other names may hold it too.
    let unnamed = sources.filter { $0.kind == nil }.map { source in
      var source = source
      source.kind = kind
      return source
    }
    return (unnamed, [])
  }

  /// Writes items as COCO.
  ///
  /// Each kind of annotation goes into the file of its kind. Ids are counted anew, colours and
  /// groups of labels are left out; a turned box becomes a polygon, an ellipse a mask. Lines, label maps
  /// and objects without a label are errors.
  public func write(
    _ dataset: Dataset,
    to root: URL,
    options: DatasetWriteOptions
  ) throws {
    try COCOWriter(kind: kind, layout: layout, options: options).write(dataset, to: root)
  }
}

/// One annotation file, the subset it describes, and folders its picture names may be relative to.
struct COCOSource {
  var subset: Subset
  /// What it says, where its name tells.
  var kind: COCOKind?
  var annotations: URL
  /// The likeliest first.
  var imageRoots: [URL]
}
