/// What is annotated in a dataset and how, whether a task here can learn from it or not.
///
/// Numbers are of items (pictures) of the train, val and test subsets unless said otherwise.
public struct DataTraits: Codable, Sendable, Equatable {
  /// Items with a label of the whole picture.
  public var labelledCount = 0
  /// Items with objects of which a box is known, or a region with a box around it.
  public var boxedCount = 0
  /// Items with objects whose outline or pixels are known.
  public var outlinedCount = 0
  /// Items with objects whose pixels are in a file of their own, and no box.
  public var maskFileCount = 0
  /// Items with turned boxes.
  public var turnedCount = 0
  /// Items with a label for each pixel.
  public var segmentedCount = 0
  /// Items with objects of which key points are known.
  public var keypointedCount = 0
  /// Items with a text about them.
  public var captionedCount = 0
  /// Training items about which something is said, and about which nothing is.
  public var annotatedTrainCount = 0
  public var unannotatedTrainCount = 0
  /// Training pictures that show each label, in label order.
  public var pictureCounts: [DatasetProfile.LabelCount] = []
  /// The only label of the training pictures where it means that all is well (`good`), and others
  /// are to be told apart from it.
  public var normalLabel: String?
  /// The video clips that the pictures are frames of, by their names; `nil` for pictures that stand
  /// alone.
  public var clips: Clips?

  /// Frames of several clips.
  public struct Clips: Codable, Sendable, Equatable {
    public var count: Int
    /// Clips with frames in more than one of train, val and test.
    public var sharedCount: Int
    /// Whether the validation subset was made of whole clips.
    public var isSplit: Bool
    public init(count: Int, sharedCount: Int, isSplit: Bool) {
      (self.count, self.sharedCount, self.isSplit) = (count, sharedCount, isSplit)
    }
  }

  public init() {}

  /// The labels that the most and the fewest training pictures show, of those that any shows.
  public var extremes: (most: DatasetProfile.LabelCount, least: DatasetProfile.LabelCount)? {
    let shown = pictureCounts.filter { $0.count > 0 }
    guard let most = shown.max(by: { $0.count < $1.count }),
      let least = shown.min(by: { $0.count < $1.count })
    else { return nil }
    return (most, least)
  }
}
