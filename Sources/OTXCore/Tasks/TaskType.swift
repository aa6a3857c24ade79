/// The vision task that a dataset, a model and a recipe are about.
///
/// The raw values are the names that users type and that `otx find --task` prints.
public enum TaskType: String, Codable, CaseIterable, Sendable {
  case multiClassClassification = "MULTI_CLASS_CLS"
  case multiLabelClassification = "MULTI_LABEL_CLS"
  case hierarchicalClassification = "H_LABEL_CLS"
  case regression = "REGRESSION"
  case detection = "DETECTION"
}

extension TaskType {
  /// The static description of this task.
  ///
  /// The only `switch` over `TaskType` in the package.
  public var kind: any VisionTask.Type {
    switch self {
    case .multiClassClassification: MultiClassClassification.self
    case .multiLabelClassification: MultiLabelClassification.self
    case .hierarchicalClassification: HierarchicalClassification.self
    case .regression: Regression.self
    case .detection: Detection.self
    }
  }
}
