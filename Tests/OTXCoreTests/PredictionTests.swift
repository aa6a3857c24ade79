import OTXTesting
import Testing

@testable import OTXCore

@Suite struct DetectionPredictionTests {
  static let frame = ImageFrame(
    itemID: "picture.jpg",
    originalSize: ImageSize(height: 50, width: 100),
    scaleX: 2,
    scaleY: 2
  )

  private func predict(
    _ rows: [[Float]],
    labels: [Float],
    frames: [ImageFrame] = [Self.frame]
  ) throws -> [Detection.Prediction] {
    let count = rows.count / max(frames.count, 1)
    return try Detection.predictions(
      from: [
        "bboxes": ModelOutput(shape: [frames.count, count, 5], values: rows.flatMap { $0 }),
        "labels": ModelOutput(shape: [frames.count, count], values: labels),
      ],
      frames: frames,
      info: CheckpointFileTests.info
    )
  }

  @Test func readsBoxesInOriginalCoordinates() throws {
    let result = try predict(
      [[0, 0, 20, 40, 0.9], [100, 20, 300, 60, 0.5], [0, 0, 0, 0, 0]],
      labels: [2, 0, 0]
    )
    #expect(
      result == [
        Detection.Prediction(objects: [
          .init(box: BoundingBox(x1: 0, y1: 0, x2: 10, y2: 20), label: 2, score: 0.9),
          .init(box: BoundingBox(x1: 50, y1: 10, x2: 100, y2: 30), label: 0, score: 0.5),
        ])
      ]
    )
  }

  @Test func letsNothingThroughThatIsNoNumber() throws {
    let nan = Float.nan
    let result = try predict(
      [
        [nan, 0, 20, 40, 0.9], [0, 0, 20, nan, 0.9], [nan, nan, nan, nan, nan],
        [0, 0, 20, 40, nan],
        [0, 0, 20, 40, .infinity], [0, 0, 20, 40, 0.7], [0, 0, 20, 40, 0.6], [0, 0, 20, 40, 0.6],
        [20, 40, 0, 0, 0.5], [0, 0, 20, 40, -0.5],
      ],
      labels: [0, 0, 0, 0, 0, nan, .infinity, -1, 0, 0]
    )
    #expect(result == [Detection.Prediction(objects: [])])
    let wide = try predict([[-.infinity, 0, .infinity, 40, 0.9]], labels: [1])
    #expect(wide[0].objects.map(\.box) == [BoundingBox(x1: 0, y1: 0, x2: 100, y2: 20)])
  }

  @Test func putsTheSurestFirst() throws {
    let result = try predict(
      [[0, 0, 9, 9, 0.2], [0, 0, 8, 8, 0.9], [0, 0, 7, 7, 0.5]],
      labels: [0, 0, 0]
    )
    #expect(result[0].objects.map(\.score) == [0.9, 0.5, 0.2])
  }

  @Test func keepsPicturesApart() throws {
    var other = Self.frame
    other.scaleX = 1
    let result = try predict(
      [[0, 0, 20, 40, 0.9], [0, 0, 0, 0, 0], [0, 0, 20, 40, 0.8], [0, 0, 20, 20, 0.7]],
      labels: [0, 0, 1, 2],
      frames: [Self.frame, other]
    )
    #expect(result.map { $0.objects.map(\.label) } == [[0], [1, 2]])
    #expect(result.map { $0.objects[0].box.x2 } == [10, 20])
    #expect(try predict([], labels: [], frames: []).isEmpty)
    #expect(try predict([], labels: []) == [Detection.Prediction(objects: [])])
  }

  @Test func refusesALabelThatTheModelDoesNotHave() throws {
    let error = try #require(throws: ModelError.self) {
      try predict([[0, 0, 20, 40, 0.9]], labels: [3])
    }
    #expect(error.description.contains("label number 3"))
    #expect(try predict([[0, 0, 20, 40, 0]], labels: [3])[0].objects.isEmpty, "padding")
  }

  @Test func namesTheOutputThatIsWrong() throws {
    let boxes = ModelOutput(shape: [1, 2, 5], values: [Float](repeating: 0, count: 10))
    let labels = ModelOutput(shape: [1, 2], values: [0, 0])
    let cases: [([String: ModelOutput], String)] = [
      ([:], "no output 'bboxes'"),
      (["bboxes": boxes], "no output 'labels'"),
      (
        ["bboxes": boxes, "labels": ModelOutput(shape: [2], values: [0, 0])],
        "'labels' has shape [2]"
      ),
      (["bboxes": ModelOutput(shape: [10], values: boxes.values), "labels": labels], "[1, D, 5]"),
      (
        ["bboxes": ModelOutput(shape: [1, 2, 5], values: [1, 2]), "labels": labels],
        "'bboxes' has shape [1, 2, 5], expected a shape of 2 numbers"
      ),
      (["bboxes": boxes, "labels": ModelOutput(shape: [1, 2], values: [0])], "'labels'"),
      (
        ["bboxes": ModelOutput(shape: [1, -2, -5], values: boxes.values), "labels": labels],
        "'bboxes'"
      ),
      (["bboxes": ModelOutput(shape: [.max, .max], values: []), "labels": labels], "'bboxes'"),
    ]
    for (outputs, expected) in cases {
      let error = try #require(throws: ModelError.self) {
        try Detection.predictions(
          from: outputs,
          frames: [Self.frame],
          info: CheckpointFileTests.info
        )
      }
      #expect(error.description.contains(expected), "\(error)")
    }
  }

  @Test func drawsAndNamesEvenWhatIsNoNumber() {
    let prediction = Detection.Prediction(objects: [
      .init(box: BoundingBox(x1: 0, y1: 0, x2: 1, y2: 1), label: 0, score: 0.876),
      .init(box: BoundingBox(x1: 0, y1: 0, x2: 1, y2: 1), label: 99, score: .nan),
    ])
    let marks = Detection.overlay(prediction, labels: LabelInfo(names: ["cat"]))
    let captions = marks.map { mark in
      if case .box(_, let caption, _) = mark { caption } else { "" }
    }
    #expect(captions == ["cat 88%", "label 99 0%"])
    let findings = Detection.findings(prediction, labels: LabelInfo(names: ["cat"]))
    #expect(findings.map(\.label) == ["cat", "label 99"])
  }
}

@Suite struct ClassificationPredictionTests {
  typealias Kind = MultiClassClassification
  private func predict(shape: [Int], _ values: [Float]) throws -> [Kind.Prediction] {
    try Kind.predictions(
      from: ["logits": ModelOutput(shape: shape, values: values)],
      frames: [DetectionPredictionTests.frame],
      info: CheckpointFileTests.info
    )
  }

  @Test func readsProbabilities() throws {
    let result = try predict(shape: [1, 3], [1, 3, 2])
    #expect(result.map(\.label) == [1])
    expectClose(result[0].probabilities, [0.090_030_57, 0.665_240_94, 0.244_728_47])
    #expect(try predict(shape: [1, 3], [1, 1, 1])[0].label == 0, "of equal ones the first")
    #expect(Kind.Prediction(probabilities: []).label == nil)
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func refusesWhatIsNoNumber(_ value: Float) throws {
    let error = try #require(throws: ModelError.self) {
      try predict(shape: [1, 3], [1, value, 2])
    }
    #expect(error == .nonFiniteOutput("logits", item: "picture.jpg"))
    #expect(error.description.contains("picture.jpg"))
  }

  @Test(arguments: [[1, 2], [3], [1, 3, 1], [2, 3], []])
  func refusesOtherShapes(_ shape: [Int]) {
    #expect(throws: ModelError.self) { try predict(shape: shape, [1, 2, 3]) }
    #expect(throws: ModelError.self) { try predict(shape: [1, 3], [1, 2]) }
  }
}
