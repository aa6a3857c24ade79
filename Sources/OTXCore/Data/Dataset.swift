public import Foundation

/// Where a user's data is, before anything of it is read.
public enum DataLocation: Sendable, Equatable {
  /// A folder in some format; `format` is `nil` where it is to be recognised.
  case root(URL, format: String?)
  /// Named files and folders for each subset (`--train-ann-files`, `data.yaml`).
  case subsets([Subset: SubsetLocation], format: String?)
}

/// Where one subset is.
public struct SubsetLocation: Codable, Sendable, Equatable {
  /// The annotation file, or folder of annotation files; `nil` where the format needs none.
  public var annotations: URL?
  /// The folder that picture names are relative to.
  public var root: URL?
  public init(annotations: URL? = nil, root: URL? = nil) {
    (self.annotations, self.root) = (annotations, root)
  }
}

/// A dataset as it was read: items of each subset, and what was wrong with it.
public struct Dataset: Sendable {
  /// Name of the format it was read with: `coco`.
  public var format: String
  /// What the format was known by; empty where it was named.
  public var evidence = ""
  public var root: URL
  /// Every label that an annotation uses, in the order of the dataset's own list.
  public var labels: LabelInfo
  /// Every label that the dataset lists, used or not, in its order.
  public var declaredLabels: [String]
  /// What the dataset says of labels besides their names.
  public var labelDetails: LabelDetails
  public var items: [Subset: [DatasetItem]]
  public var problems: [DatasetProblem]

  public init(
    format: String,
    root: URL,
    labels: LabelInfo,
    declaredLabels: [String]? = nil,
    labelDetails: LabelDetails = LabelDetails(),
    items: [Subset: [DatasetItem]],
    problems: [DatasetProblem] = []
  ) {
    self.format = format
    self.root = root
    self.labels = labels
    self.declaredLabels = declaredLabels ?? labels.names
    self.labelDetails = labelDetails
    self.items = items
    self.problems = problems
  }
}

/// Something wrong with a dataset that its reader could work around.
public struct DatasetProblem: Codable, Sendable, Equatable {
  /// What was done about it.
  public enum Remedy: String, Codable, Sendable { case leftOut, corrected, noted }
  /// A short name of the kind of problem, for counting: `zero-size box`.
  public var kind: String
  /// File, line or item it is about.
  public var location: String
  public var message: String
  public var remedy: Remedy
  public init(kind: String, location: String, message: String, remedy: Remedy) {
    self.kind = kind
    self.location = location
    self.message = message
    self.remedy = remedy
  }
}
