/// What the auto-configurator knows of a dataset.
///
/// Counting it is the data layer's work.
public struct DatasetProfile: Codable, Sendable, Equatable {
  /// The format that was recognised: `coco`.
  public var format: String
  /// Tasks that the annotations allow, the fittest first, with the number of usable items.
  public var tasks: [TaskFit]
  /// Tasks that the annotations could serve, too, and that nobody means who does not name them:
  /// which labels a detection dataset's pictures show.
  public var otherTasks: [TaskFit] = []
  public var itemCounts: [Subset: Int]
  public var annotationCount: Int
  /// Items or objects of each label in the train subset, in label order.
  public var labelCounts: [LabelCount]
  /// Robust statistics of the train subset's pictures and objects; `nil` without objects.
  public var imageSizes: SizeStatistics?
  /// Square root of each object's area, in pixels.
  public var objectSides: SideStatistics?
  /// Square root of an object's share of its picture, 0…1; the median of all objects.
  public var medianObjectShare: Double?
  /// What is annotated and how; `nil` where nobody looked.
  public var traits: DataTraits?
  /// The most objects of a picture.
  public var maximumObjectCount: Int?

  /// How many items are annotated for a task.
  public struct TaskFit: Codable, Sendable, Equatable {
    public var task: TaskType
    public var itemCount: Int
    public init(task: TaskType, itemCount: Int) { (self.task, self.itemCount) = (task, itemCount) }
  }

  /// How many annotations have a label.
  public struct LabelCount: Codable, Sendable, Equatable {
    public var label: String
    public var count: Int
    public init(label: String, count: Int) { (self.label, self.count) = (label, count) }
  }

  /// Log-domain statistics: `robustMax = min(max, exp(mean + 3σ))`, `robustMin` likewise.
  public struct SideStatistics: Codable, Sendable, Equatable {
    public var robustMin: Double
    public var mean: Double
    public var robustMax: Double
    public init(robustMin: Double, mean: Double, robustMax: Double) {
      self.robustMin = robustMin
      self.mean = mean
      self.robustMax = robustMax
    }
  }

  /// Statistics of both sides.
  public struct SizeStatistics: Codable, Sendable, Equatable {
    public var height: SideStatistics
    public var width: SideStatistics
    public init(height: SideStatistics, width: SideStatistics) {
      (self.height, self.width) = (height, width)
    }
  }

  public init(
    format: String,
    tasks: [TaskFit],
    itemCounts: [Subset: Int],
    annotationCount: Int,
    labelCounts: [LabelCount],
    imageSizes: SizeStatistics?,
    objectSides: SideStatistics?
  ) {
    self.format = format
    self.tasks = tasks
    self.itemCounts = itemCounts
    self.annotationCount = annotationCount
    self.labelCounts = labelCounts
    self.imageSizes = imageSizes
    self.objectSides = objectSides
  }

  public var labels: LabelInfo { LabelInfo(names: labelCounts.map(\.label)) }
}
