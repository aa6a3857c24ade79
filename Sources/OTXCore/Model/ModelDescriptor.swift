/// A model that can be built, as `otx find` lists it: values only, no network.
public struct ModelDescriptor: Sendable, Equatable {
  /// The name users type: `atss_mobilenetv2`.
  public var name: String
  /// Name for people: `ATSS`.
  public var title: String
  public var task: TaskType
  /// Backbones that fit, the model's own first.
  public var backbones: [String]
  /// What the network expects of its pictures, at the size it is trained at by default.
  public var preprocessing: Preprocessing
  /// Input height and width must be multiples of it.
  public var sizeMultiple: Int
  /// Whether weights trained at one input size run at another.
  public var hasDynamicSize: Bool
  /// Parameters, for labels of a data set with 3 labels.
  public var parameterCount: Int
  /// Multiply-adds of one picture at the default size, in 10⁹.
  public var gigaMultiplyAdds: Double

  public init(
    name: String,
    title: String,
    task: TaskType,
    backbones: [String],
    preprocessing: Preprocessing,
    sizeMultiple: Int = 32,
    hasDynamicSize: Bool,
    parameterCount: Int,
    gigaMultiplyAdds: Double
  ) {
    self.name = name
    self.title = title
    self.task = task
    self.backbones = backbones
    self.preprocessing = preprocessing
    self.sizeMultiple = sizeMultiple
    self.hasDynamicSize = hasDynamicSize
    self.parameterCount = parameterCount
    self.gigaMultiplyAdds = gigaMultiplyAdds
  }
}

extension Sequence<ModelDescriptor> {
  /// The model called `name`: that of `task`, or, where no task is said, the first of several tasks'.
  package func model(named name: String, task: TaskType?) -> ModelDescriptor? {
    first { $0.name == name && (task == nil || $0.task == task) }
  }

  /// The names of the models of `task`, or of all, each once.
  package func names(of task: TaskType?) -> [String] {
    var known: Set<String> = []
    return filter { task == nil || $0.task == task }.map(\.name).filter {
      known.insert($0).inserted
    }
  }
}
