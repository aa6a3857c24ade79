import Foundation
import OTXTesting
import Testing

@testable import OTXCore

@Suite struct RegressionTests {
  typealias Kind = Regression
  private let image = Image(size: ImageSize(height: 4, width: 4))
  private let frame = ImageFrame(itemID: "a", originalSize: ImageSize(height: 4, width: 4))

  private func item(_ attributes: [String: AttributeValue], _ id: String = "a") -> DatasetItem {
    var item = DatasetItem(id: id, image: .memory(image), annotations: [])
    item.attributes = attributes
    return item
  }

  private func entity(_ values: [Float?]) -> Kind.Entity {
    Kind.Entity(
      image: .empty,
      frame: frame,
      targets: LabelTargets(
        values: values.map { $0 ?? 0 },
        weights: values.map { $0 == nil ? 0 : 1 }
      )
    )
  }

  @Test func equalsScikitLearn() throws {
    let golden = try Golden("metrics", in: .module)
    let (count, width, k) = (50, 3, 7300)
    let truth = Formula.noise(count: count * width, k: k).map { Float(100 * $0) }
    let error = Formula.noise(count: count * width, k: k + 1).map { Float(30 * $0) }
    var score = RegressionScore(labels: LabelInfo(names: ["a", "b", "c"]))
    score.keepDetails()
    for index in 0..<count {
      let row = index * width..<(index + 1) * width
      let found = zip(truth[row], error[row]).map { $0 + $1 }
      score.update([Kind.Prediction(values: found)], [entity(truth[row].map { $0 })])
    }
    let report = score.compute(confidenceThreshold: nil)
    try golden.expect(
      "measures/values",
      RegressionScore.names.map { report.values[$0] ?? -1 },
      rtol: 1e-8
    )
    try golden.expect(
      "measures/perTarget",
      RegressionScore.names.flatMap { name in report.perClass.map { $0.values[name] ?? -1 } },
      rtol: 1e-8
    )
    let details = score.details(of: report)
    #expect(details.sections.map(\.title) == ["By target", "Prediction over truth"])
    #expect(details.worst.count == 8 && details.worst[0].caption.contains("a "))
    #expect(report.table().contains("rmse"))
  }

  @Test func whatIsNotKnownDoesNotCount() {
    var score = RegressionScore(labels: LabelInfo(names: ["a", "b"]))
    score.update(
      [Kind.Prediction(values: [1, 50]), Kind.Prediction(values: [4, 2])],
      [entity([2, nil]), entity([4, 2])]
    )
    let report = score.compute(confidenceThreshold: nil)
    #expect(report.perClass.map(\.groundTruthCount) == [2, 1])
    #expect(report.perClass[0].values["mae"] == 0.5 && report.perClass[0].values["r2"] == 0.5)
    #expect(report.perClass[1].values["mae"] == 0 && report.perClass[1].values["r2"] == nil)
    // The same everywhere: R² says whether that was found.
    var constant = RegressionScore(labels: LabelInfo(names: ["a"]))
    constant.update(
      [Kind.Prediction(values: [3]), Kind.Prediction(values: [3])],
      [entity([3]), entity([3])]
    )
    #expect(constant.compute(confidenceThreshold: nil).values["r2"] == 1)
    constant.update([Kind.Prediction(values: [4])], [entity([3])])
    #expect(constant.compute(confidenceThreshold: nil).values["r2"] == 0)
  }

  private func dataset(_ items: [DatasetItem]) -> Dataset {
    Dataset(
      format: "test",
      root: URL(filePath: "/data"),
      labels: LabelInfo(names: []),
      items: [.train: items]
    )
  }

  @Test func targetsAreTheNumbersThatDiffer() throws {
    let items = (0..<4).map { index in
      item([
        "age": .number(Double(10 * index)), "id": .number(Double(index)), "zoom": .number(2),
        "city": .text("Bern"), "rare": index == 0 ? .number(5) : .text("?"),
      ])
    }
    let found = try RegressionInfo(of: dataset(items), targets: [], loss: .l1)
    #expect(found.targets.map(\.name) == ["age"] && found.loss == .l1)
    #expect(found.targets[0].mean == 15 && abs(found.targets[0].std - 125.squareRoot()) < 1e-12)
    // What is named is taken, whatever it is.
    let named = try RegressionInfo(of: dataset(items), targets: ["zoom", "rare"], loss: .huber)
    #expect(named.targets == [.init(name: "zoom", mean: 2), .init(name: "rare", mean: 5)])
    let error = try #require(throws: DataError.self) {
      try RegressionInfo(of: dataset(items), targets: ["agee"], loss: .huber)
    }
    #expect(error.description.contains("'agee', did you mean 'age'?"))
    #expect(throws: DataError.self) {
      try RegressionInfo(of: dataset([item(["city": .text("Bern")])]), targets: [], loss: .huber)
    }
  }

  @Test func valuesComeFromPicturesAndWhatIsSaidOfThem() throws {
    var label = Annotation.label("person")
    label.attributes = ["age": .number(7), "weight": .number(30)]
    var both = item(["age": .number(5), "height": .number(.nan)])
    both.annotations = [label]
    let labels = LabelInfo(names: ["age", "weight", "height"])
    let targets = try Kind.entity(from: both, image: image, labels: labels).targets
    #expect(targets == LabelTargets(values: [5, 30, 0], weights: [1, 1, 0]))
    #expect(Kind.usableAnnotationCount(of: both) == 2)
    let error = try #require(throws: DataError.self) {
      try Kind.entity(from: both, image: image, labels: LabelInfo(names: ["size"]))
    }
    #expect(error.description.contains("'size'") && error.description.contains("'age'"))
    var mixed = entity([10, 2])
    mixed.join(entity([20, nil]), share: 0.25)
    #expect(mixed.targets.values == [12.5, 2])
  }

  @Test func predictionsAreInTheDatasetsUnits() throws {
    var info = ModelInfo(
      model: "m",
      backbone: "b",
      task: .regression,
      labels: LabelInfo(names: ["age", "weight"]),
      preprocessing: Preprocessing(inputSize: ImageSize(height: 4, width: 4))
    )
    info.regression = RegressionInfo(targets: [
      .init(name: "age", mean: 40, std: 10), .init(name: "weight"),
    ])
    let coded = try ModelInfo(json: info.jsonData(), source: "test")
    #expect(coded == info)
    let outputs = ["values": ModelOutput(shape: [1, 2], values: [41.5, 80.25])]
    let prediction = try Kind.predictions(from: outputs, frames: [frame], info: info)[0]
    let findings = Kind.findings(prediction, labels: info.labels)
    #expect(findings.map(\.value) == [41.5, 80.25])
    #expect(Kind.summary(of: findings) == "age 41.5, weight 80.25")
    let broken = ["values": ModelOutput(shape: [1, 2], values: [.nan, 1])]
    #expect(throws: ModelError.self) {
      try Kind.predictions(from: broken, frames: [frame], info: info)
    }
  }
}
