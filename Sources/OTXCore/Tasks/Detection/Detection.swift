/// Object detection: axis-aligned boxes with a label each.
public enum Detection: VisionTask {
  public static let taskType = TaskType.detection
  public static let title = "object detection"
  public static let exportedTaskName = "detection"
  public static let exportedEntries = ["model_type": "ssd"]
  public static let selectionMetric = "map_50"
  public static let performanceMetric = "f-measure"

  /// A box and what it holds.
  public struct LabeledBox: Codable, Sendable, Equatable {
    public var box: BoundingBox
    public var label: LabelIndex
    /// A region of many objects: neither a hit nor a miss.
    public var isCrowd: Bool
    /// An object that is hard to see (VOC's flag): learned from, but in a score neither a hit nor a
    /// miss.
    public var isDifficult: Bool
    public init(
      box: BoundingBox,
      label: LabelIndex,
      isCrowd: Bool = false,
      isDifficult: Bool = false
    ) {
      self.box = box
      self.label = label
      self.isCrowd = isCrowd
      self.isDifficult = isDifficult
    }

    /// Whether scores pass over the object, and over detections that lie on it.
    var isIgnored: Bool { isCrowd || isDifficult }
  }

  public struct Entity: DataEntity {
    public var image: Image
    public var frame: ImageFrame
    public var objects: [LabeledBox]
    public init(image: Image, frame: ImageFrame, objects: [LabeledBox]) {
      self.image = image
      self.frame = frame
      self.objects = objects
    }

    public var objectBoxes: [BoundingBox] { objects.filter { !$0.isCrowd }.map(\.box) }

    public static var hasBoxes: Bool { true }

    /// Moves the boxes, clips them to the picture and drops what `filter` rules out; a crowd stays
    /// while any of it does.
    public mutating func move(by transform: SpatialTransform, keeping filter: BoxFilter) {
      objects = objects.compactMap { object in
        filter.kept(transform(object.box), in: transform.size, isCrowd: object.isCrowd)
          .map { box in
            var moved = object
            moved.box = box
            return moved
          }
      }
    }

    public func annotations(labels: LabelInfo) -> [Annotation] {
      objects.map { object in
        .box(
          object.box,
          label: labels.name(object.label),
          isCrowd: object.isCrowd,
          isDifficult: object.isDifficult
        )
      }
    }

    /// Takes over the other picture's objects, whatever its share.
    public mutating func join(_ other: Entity, share: Float) { objects += other.objects }
  }

  public typealias Batch = EntityBatch<Entity>

  /// A box, its label and how sure the model is of it (0…1).
  public struct ScoredBox: Codable, Sendable, Equatable {
    public var box: BoundingBox
    public var label: LabelIndex
    public var score: Float
    public init(box: BoundingBox, label: LabelIndex, score: Float) {
      self.box = box
      self.label = label
      self.score = score
    }
  }

  /// The objects found in one picture, surest first.
  public struct Prediction: PredictionEntity {
    public var objects: [ScoredBox]
    public init(objects: [ScoredBox]) { self.objects = objects }
  }

  public typealias Score = DetectionScore

  public static func usableAnnotationCount(of item: DatasetItem) -> Int {
    item.annotations.count { $0.box != nil && $0.label != nil }
  }

  public static func entity(
    from item: DatasetItem,
    image: Image,
    labels: LabelInfo
  ) throws -> Entity {
    var objects: [LabeledBox] = []
    for annotation in item.annotations {
      guard let box = annotation.box, let name = annotation.label else { continue }
      guard let label = labels.index(of: name) else {
        // An ignored label's region: nothing that is found there counts, whatever it is taken for.
        if annotation.isCrowd {
          objects += labels.names.indices.map { LabeledBox(box: box, label: $0, isCrowd: true) }
          continue
        }
        throw DataError.unknownLabel(name, known: labels.names, item: item.id)
      }
      objects.append(
        LabeledBox(
          box: box,
          label: label,
          isCrowd: annotation.isCrowd,
          isDifficult: annotation.isDifficult
        )
      )
    }
    let frame = ImageFrame(itemID: item.id, originalSize: image.size)
    return Entity(image: image, frame: frame, objects: objects)
  }

  public static func unlabeled(_ image: Image, frame: ImageFrame) -> Entity {
    Entity(image: image, frame: frame, objects: [])
  }

  /// Names of the outputs of every detector: `bboxes` `[N, D, 5]` (x1, y1, x2, y2 in pixels of the
  /// network's input, score) and `labels` `[N, D]`, surest first, padded with score 0.
  public enum Output {
    public static let boxes = "bboxes"
    public static let labels = "labels"
  }

  public static func predictions(
    from outputs: [String: ModelOutput],
    frames: [ImageFrame],
    info: ModelInfo
  ) throws -> [Prediction] {
    let boxes = try outputs.output(Output.boxes)
    let labels = try outputs.output(Output.labels)
    guard boxes.shape.count == 3, boxes.shape[0] == frames.count, boxes.shape[2] == 5 else {
      throw ModelError.unexpectedOutputShape(
        Output.boxes,
        shape: boxes.shape,
        expected: "[\(frames.count), D, 5]"
      )
    }
    let detectionCount = boxes.shape[1]
    guard labels.shape == [frames.count, detectionCount] else {
      throw ModelError.unexpectedOutputShape(
        Output.labels,
        shape: labels.shape,
        expected: "[\(frames.count), \(detectionCount)]"
      )
    }
    return try frames.enumerated().map { index, frame in
      var objects: [ScoredBox] = []
      for row in index * detectionCount..<(index + 1) * detectionCount {
        let values = boxes.values[5 * row..<5 * row + 5]
        if let object = try object(values, label: labels.values[row], frame: frame, info: info) {
          objects.append(object)
        }
      }
      let isSorted = zip(objects, objects.dropFirst()).allSatisfy { $0.score >= $1.score }
      if !isSorted { objects.sort { $0.score > $1.score } }
      return Prediction(objects: objects)
    }
  }

  /// One row of a detector's outputs; `nil` for padding and for what is no box in the picture.
  ///
  /// A score or a coordinate that is no number (an overflow in a reduced precision) is no box.
  private static func object(
    _ values: ArraySlice<Float>,
    label: Float,
    frame: ImageFrame,
    info: ModelInfo
  ) throws -> ScoredBox? {
    let start = values.startIndex
    let score = values[start + 4]
    guard score > 0, score.isFinite, let label = Int(exactly: label.rounded()), label >= 0 else {
      return nil
    }
    guard label < info.labels.count else {
      throw ModelError.mismatch(
        "the model found label number \(label), but its list has \(info.labels.count) labels"
      )
    }
    let box = frame.original(
      BoundingBox(
        x1: values[start],
        y1: values[start + 1],
        x2: values[start + 2],
        y2: values[start + 3]
      )
    )
    return box.isFinite && box.area > 0 ? ScoredBox(box: box, label: label, score: score) : nil
  }

  public static func confident(_ prediction: Prediction, info: ModelInfo) -> Prediction {
    let threshold = info.effectiveConfidenceThreshold
    return Prediction(objects: prediction.objects.filter { $0.score >= threshold })
  }

  public static func findings(_ prediction: Prediction, labels: LabelInfo) -> [Finding] {
    prediction.objects.map {
      Finding(label: labels.name($0.label), score: $0.score, box: $0.box)
    }
  }

  public static func overlay(_ prediction: Prediction, labels: LabelInfo) -> [OverlayMark] {
    prediction.objects.map { object in
      .box(
        object.box,
        caption: "\(labels.name(object.label)) \(object.score.percentText)",
        colorIndex: object.label
      )
    }
  }
}
