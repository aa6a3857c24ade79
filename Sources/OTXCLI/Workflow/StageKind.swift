import OTXCore

/// A stage as the Model Preparation Algorithm called it, and the job it is here.
struct StageKind: Sendable, Equatable {
  enum Job: String, Sendable {
    case train, eval, infer, export, hpo, analyze
  }

  var name: String
  var job: Job
  /// Tasks it is for; empty: all.
  var tasks: [TaskType]
  /// What is missing here, in words; `nil`: nothing.
  var missing: String?

  private static let classification: [TaskType] = [
    .multiClassClassification, .multiLabelClassification, .hierarchicalClassification,
  ]

  /// All of them, in alphabetical order within each task.
  static var all: [StageKind] {
    [
      StageKind(
        name: "SelfSLTrainer",
        job: .train,
        tasks: [],
        missing: "self-supervised learning"
      ),
      StageKind(name: "ClsInferrer", job: .infer, tasks: classification),
      StageKind(name: "ClsEvaluator", job: .eval, tasks: classification),
      StageKind(name: "ClsExporter", job: .export, tasks: classification),
      StageKind(name: "ClsTrainer", job: .train, tasks: classification),
      StageKind(name: "DetectionInferrer", job: .infer, tasks: [.detection]),
      StageKind(name: "DetectionEvaluator", job: .eval, tasks: [.detection]),
      StageKind(name: "DetectionExporter", job: .export, tasks: [.detection]),
      StageKind(name: "DetectionTrainer", job: .train, tasks: [.detection]),
      StageKind(name: "SegExporter", job: .export, tasks: [], missing: "segmentation"),
      StageKind(name: "SegTrainer", job: .train, tasks: [], missing: "segmentation"),
      StageKind(name: "HpoRunner", job: .hpo, tasks: []),
      StageKind(name: "MdaRunner", job: .analyze, tasks: []),
    ]
  }

  /// The stage called `name`.
  ///
  /// - Throws: ``ConfigurationError``: no such stage, or one that this version cannot run.
  static func named(_ name: String) throws -> StageKind {
    guard let kind = all.first(where: { $0.name == name }) else {
      throw ConfigurationError.unknownName(name, kind: "stage type", known: all.map(\.name))
    }
    if let missing = kind.missing {
      throw ConfigurationError.invalid("--stage-type \(name): this version has no \(missing) yet")
    }
    return kind
  }

  /// Lines for the help.
  static var help: String {
    all.map { "  \($0.name)\($0.missing.map { " (not yet: \($0))" } ?? "")" }
      .joined(separator: "\n")
  }
}
