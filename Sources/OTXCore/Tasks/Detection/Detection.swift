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
    public init(box: BoundingBox, label: LabelIndex, isCrowd: Bool = false) {
      self.box = box
      self.label = label
      self.isCrowd = isCrowd
    }
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

    /// Moves the boxes and clips them to the picture.
    ///
    /// An object whose centre has left the picture is dropped (SSD, Liu et al. 2016, section 2.2),
    /// and so is one that is less than a pixel high or wide; a crowd stays while any of it does.
    public mutating func move(by transform: SpatialTransform) {
      objects = objects.compactMap { object in
        var object = object
        let box = transform(object.box)
        let (x, y) = ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
        let isCenterInside =
          x >= 0 && y >= 0 && x < Float(transform.size.width) && y < Float(transform.size.height)
        object.box = box.clipped(to: transform.size)
        guard isCenterInside || object.isCrowd, object.box.width >= 1, object.box.height >= 1
        else { return nil }
        return object
      }
    }
  }

  public struct Batch: BatchDataEntity {
    public let images: ImageBatch
    public let entities: [Entity]
    public init(collating entities: [Entity]) throws {
      images = try ImageBatch(stacking: entities.map(\.image))
      self.entities = entities.map { entity in
        var entity = entity
        entity.image = .empty
        return entity
      }
    }
  }

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
    item.annotations.count { annotation in
      if case .box = annotation { true } else { false }
    }
  }

  public static func entity(
    from item: DatasetItem,
    image: Image,
    labels: LabelInfo
  ) throws -> Entity {
    var objects: [LabeledBox] = []
    for annotation in item.annotations {
      guard case .box(let box, let name, let isCrowd, _) = annotation else { continue }
      guard let label = labels.index(of: name) else {
        throw DataError.unknownLabel(name, known: labels.names, item: item.id)
      }
      objects.append(LabeledBox(box: box, label: label, isCrowd: isCrowd))
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
    let found = Array(outputs.keys)
    guard let boxes = outputs[Output.boxes] else {
      throw ModelError.unknownOutput(Output.boxes, found: found)
    }
    guard let labels = outputs[Output.labels] else {
      throw ModelError.unknownOutput(Output.labels, found: found)
    }
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
    return frames.enumerated().map { index, frame in
      var objects: [ScoredBox] = []
      for row in index * detectionCount..<(index + 1) * detectionCount {
        let score = boxes.values[5 * row + 4]
        let label = Int(labels.values[row])
        guard score > 0, info.labels.names.indices.contains(label) else { continue }
        let box = frame.original(
          BoundingBox(
            x1: boxes.values[5 * row],
            y1: boxes.values[5 * row + 1],
            x2: boxes.values[5 * row + 2],
            y2: boxes.values[5 * row + 3]
          )
        )
        guard box.area > 0 else { continue }
        objects.append(ScoredBox(box: box, label: label, score: score))
      }
      return Prediction(objects: objects)
    }
  }

  public static func confident(_ prediction: Prediction, info: ModelInfo) -> Prediction {
    let threshold = info.effectiveConfidenceThreshold
    return Prediction(objects: prediction.objects.filter { $0.score >= threshold })
  }

  public static func findings(_ prediction: Prediction, labels: LabelInfo) -> [Finding] {
    prediction.objects.map {
      Finding(label: labels.names[$0.label], score: $0.score, box: $0.box)
    }
  }

  public static func overlay(_ prediction: Prediction, labels: LabelInfo) -> [OverlayMark] {
    prediction.objects.map { object in
      let percent = Int((object.score * 100).rounded())
      return .box(
        object.box,
        caption: "\(labels.names[object.label]) \(percent)%",
        colorIndex: object.label
      )
    }
  }
}
