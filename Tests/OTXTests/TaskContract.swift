import Foundation
import OTX
import OTXCore
import OTXTesting
import Testing

/// What every task promises: a minimal item goes all the way from a dataset to a score.
@Suite("Task contract")
struct TaskContract {
  private let labels = LabelInfo(names: ["a", "b"])
  private let size = ImageSize(height: 24, width: 32)

  /// An item with one annotation for each kind of task.
  private var item: DatasetItem {
    var item = DatasetItem(
      id: "picture",
      image: .memory(Image(size: size)),
      annotations: [
        .label("a"), .box(BoundingBox(x1: 0, y1: 0, x2: 32, y2: 24), label: "a"),
      ]
    )
    item.attributes = ["a": .number(1)]
    return item
  }

  @Test("a task's type and its name lead back to it", arguments: TaskType.allCases)
  func kind(_ task: TaskType) throws {
    #expect(task.kind.taskType == task)
    #expect(TaskType(rawValue: task.rawValue) == task)
    let coded = try JSONDecoder().decode([TaskType].self, from: JSONEncoder().encode([task]))
    #expect(coded == [task])
    #expect(!task.kind.title.isEmpty && !task.kind.exportedTaskName.isEmpty)
    #expect(task.kind.exportedEntries["model_type"] != nil)
  }

  @Test("titles and export names differ between tasks")
  func names() {
    #expect(Set(TaskType.allCases.map { $0.kind.title }).count == TaskType.allCases.count)
  }

  @Test(
    "an item becomes an entity, a batch, a prediction and a score",
    arguments: TaskType.allCases
  )
  func road(_ task: TaskType) throws {
    func walk<Kind: VisionTask>(_ kind: Kind.Type) throws {
      #expect(Kind.usableAnnotationCount(of: item) == 1)
      let image = Image(size: size)
      let entity = try Kind.entity(from: item, image: image, labels: labels)
      #expect(entity.frame.itemID == "picture" && entity.frame.originalSize == size)
      let batch = try Kind.Batch(collating: [entity, entity])
      #expect(batch.count == 2 && batch.images.size == size && batch.frames.count == 2)
      #expect(batch.entities.allSatisfy { $0.image.pixels.isEmpty })
      #expect(try batch.prefix(1).count == 1)
      #expect(throws: DataError.self) { try Kind.Batch(collating: []) }

      let info = ModelInfo(
        model: "any",
        backbone: "any",
        task: task,
        labels: labels,
        preprocessing: Preprocessing(inputSize: size)
      )
      let outputs = BoringOutputs.all(count: 2, labelCount: labels.count, size: size)
      let predictions = try Kind.predictions(from: outputs, frames: batch.frames, info: info)
      #expect(predictions.count == 2 && predictions[0] == predictions[1])
      let coded = try JSONDecoder()
        .decode([Kind.Prediction].self, from: JSONEncoder().encode(predictions))
      #expect(coded == predictions)

      // The outputs say the truth: every score is perfect.
      var score = Kind.Score(labels: labels)
      score.update(predictions, batch.entities)
      let report = score.compute(confidenceThreshold: 0.5)
      #expect(report.itemCount == 2 && report.perClass.map(\.label) == labels.names)
      #expect(report.values[Kind.performanceMetric] == 1)
      #expect(report.values[Kind.selectionMetric] == 1)
      #expect(Set(report.values.keys).isSubset(of: Kind.Score.names))
      #expect(!report.table().isEmpty)

      // Nothing seen is no score, and no crash.
      let empty = Kind.Score(labels: labels).compute(confidenceThreshold: nil)
      #expect(empty.itemCount == 0 && empty.primaryValue == 0)

      let confident = Kind.confident(predictions[0], info: info)
      let findings = Kind.findings(confident, labels: labels)
      #expect(findings.first?.label == "a" && findings.allSatisfy { (0...1).contains($0.score) })
      #expect(!Kind.overlay(confident, labels: labels).isEmpty)
    }
    try walk(task.kind)
  }

  @Test("a label that the model does not know, an item without truth", arguments: TaskType.allCases)
  func strangers(_ task: TaskType) throws {
    func walk<Kind: VisionTask>(_ kind: Kind.Type) throws {
      let image = Image(size: size)
      let error = #expect(throws: DataError.self) {
        try Kind.entity(from: item, image: image, labels: LabelInfo(names: ["b"]))
      }
      #expect(error?.description.contains("'a'") == true)
      let frame = ImageFrame(itemID: "nothing known", originalSize: size)
      let entity = Kind.unlabeled(image, frame: frame)
      #expect(entity.objectBoxes.isEmpty && entity.frame.itemID == "nothing known")
      var score = Kind.Score(labels: labels)
      let info = ModelInfo(
        model: "any",
        backbone: "any",
        task: task,
        labels: labels,
        preprocessing: Preprocessing(inputSize: size)
      )
      let outputs = BoringOutputs.all(count: 1, labelCount: labels.count, size: size)
      score.update(
        try Kind.predictions(from: outputs, frames: [frame], info: info),
        [entity]
      )
      _ = score.compute(confidenceThreshold: nil)
    }
    try walk(task.kind)
  }

  @Test("the names of scores are understood in any case", arguments: TaskType.allCases)
  func metrics(_ task: TaskType) throws {
    func walk<Kind: VisionTask>(_ kind: Kind.Type) throws {
      #expect(try Kind.metricName("auto") == Kind.selectionMetric)
      for name in Kind.Score.names { #expect(try Kind.metricName(name.uppercased()) == name) }
      #expect(throws: ConfigurationError.self) { try Kind.metricName("beauty") }
    }
    try walk(task.kind)
  }
}
