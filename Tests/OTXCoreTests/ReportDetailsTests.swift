import Foundation
import OTXTesting
import Testing

@testable import OTXCore

/// What a report draws, against pycocotools and scikit-learn.
@Suite struct ReportDetailsTests {
  let golden: Golden
  init() throws { golden = try Golden("report", in: .module) }

  private func score(_ scene: Scene) -> DetectionScore {
    var score = DetectionScore(labels: scene.labels)
    let (predictions, targets) = scene.draw()
    score.update(predictions, targets)
    return score
  }

  private static func scenes(_ names: String...) -> [Scene] {
    Scene.all.filter { names.contains($0.name) }
  }

  @Test(arguments: scenes("plain", "ties", "crowds", "noDetections", "single"))
  func precisionCurvesEqualPycocotools(_ scene: Scene) throws {
    var curves = [AveragePrecision](repeating: AveragePrecision(), count: scene.labelCount)
    let (predictions, targets) = scene.draw()
    for (prediction, target) in zip(predictions, targets) {
      for label in curves.indices {
        let group = DetectionGroup(
          detections: prediction.objects.filter { $0.label == label },
          truth: target.objects.filter { $0.label == label }
        )
        curves[label].add(group, areas: AveragePrecision.areas[0].range)
      }
    }
    let values = curves.flatMap {
      $0.precisionCurve() ?? [Double](repeating: -1, count: AveragePrecision.recalls.count)
    }
    try golden.expect("\(scene.name)/precision", values, rtol: 2e-9, atol: 1e-9)
  }

  @Test(arguments: Scene.all.filter { $0.labelCount < 10 }, ["0.25", "0.5"])
  func confusionEqualsThePlainWay(_ scene: Scene, _ threshold: String) throws {
    let score = score(scene)
    let report = score.compute(confidenceThreshold: Float(threshold))
    let details = score.details(of: report)
    let matrices = details.sections.compactMap { section -> ReportMatrix? in
      if case .matrix(let matrix) = section.content { matrix } else { nil }
    }
    let matrix = try #require(matrices.first)
    #expect(matrices.count == 1 && matrix.rowLabels.count == scene.labelCount + 1)
    try golden.expect(
      "\(scene.name)/confusion/\(threshold)",
      matrix.counts.flatMap { $0.map(Double.init) },
      rtol: 0,
      atol: 0
    )
    // The diagonal holds the hits of the F-measure, the last column what was missed.
    let hits = (0..<scene.labelCount).reduce(0) { $0 + matrix.counts[$1][$1] }
    let objects = matrix.counts.dropLast().reduce(0) { $0 + $1.reduce(0, +) }
    if objects > 0 {
      expectClose(report.values["recall"] ?? -1, Double(hits) / Double(objects), rtol: 1e-12)
    }
    try checkPictures(details, score, matrix)
  }

  /// The worst pictures are the worst, and marks say what the matrix counts.
  private func checkPictures(
    _ details: EvaluationDetails,
    _ score: DetectionScore,
    _ matrix: ReportMatrix
  ) throws {
    let count = EvaluationDetails.pictureCount
    #expect(details.samples.count == min(count, score.targets.count))
    #expect(Set(details.samples.map(\.name)).count == details.samples.count)
    guard score.targets.count <= count else { return }
    let wrongMarks = details.samples.reduce(0) { $0 + $1.truth.count { $0.isError } }
    let wrongCells = matrix.counts.indices.dropLast().reduce(0) { sum, row in
      sum + matrix.counts[row].reduce(0, +) - matrix.counts[row][row]
    }
    #expect(wrongMarks == wrongCells)
    #expect(details.worst.allSatisfy { $0.caption != "all right" })
  }

  @Test(arguments: [("few", 30, 5, 7100), ("many", 200, 100, 7110)])
  func curvesEqualScikitLearn(_ name: String, _ count: Int, _ levels: Int, _ k: Int) throws {
    let truth = Formula.integers([count], below: 2, k: k)
    let scores = Formula.integers([count], below: levels, k: k + 1)
    let items = zip(scores, truth).map { (Float($0) / Float(levels), $1 == 1) }
    let curve = try #require(PrecisionRecallCurve(items))
    try golden.expect("\(name)/precision", curve.precisions, rtol: 1e-8)
    try golden.expect("\(name)/recall", curve.recalls, rtol: 1e-8)
    try golden.expect("\(name)/thresholds", curve.thresholds.map(Double.init), rtol: 1e-6)
    try golden.expect("\(name)/average", [curve.averagePrecision], rtol: 1e-8)
    // Never below the curve, and its own end.
    let interpolated = curve.interpolated(at: curve.recalls.reversed()).reversed()
    #expect(zip(interpolated, curve.precisions).dropLast().allSatisfy { $0 >= $1 })
    #expect(PrecisionRecallCurve([(0.5, false)]) == nil)
  }

  @Test func theWorstComeFirst() {
    let choice = PictureChoice(errors: [0, 3, 0, 5, 3, 0.5], count: 3)
    #expect(choice.worst == [3, 1, 4])
    #expect(choice.samples == [1, 3, 5])
    #expect(PictureChoice(errors: [], count: 3).samples.isEmpty)
    #expect(PictureChoice(errors: [0, 0], count: 8).samples == [0, 1])
    #expect(PictureChoice(errors: [0, 0], count: 8).worst.isEmpty)
  }

  @Test func classificationShowsWhatWentWrong() throws {
    typealias Kind = MultiClassClassification
    let labels = LabelInfo(names: ["cat", "dog"])
    var score = ClassificationScore(labels: labels)
    #expect(score.details(of: score.compute(confidenceThreshold: nil)) == EvaluationDetails())
    score.keepDetails()
    let rows: [(String, Int, [Float])] = [
      ("a", 0, [0.9, 0.1]), ("b", 1, [0.6, 0.4]), ("c", 1, [0.99, 0.01]), ("d", 1, [0.2, 0.8]),
    ]
    for (name, label, probabilities) in rows {
      let frame = ImageFrame(itemID: name, originalSize: ImageSize(height: 2, width: 3))
      score.update(
        [Kind.Prediction(probabilities: probabilities)],
        [Kind.Entity(image: .empty, frame: frame, label: label)]
      )
    }
    let report = score.compute(confidenceThreshold: nil)
    let details = score.details(of: report)
    #expect(details.worst.map(\.name) == ["c", "b"])
    #expect(
      details.worst.map(\.caption) == ["taken for cat; loss 4.61", "taken for cat; loss 0.92"]
    )
    #expect(details.worst[0].prediction.map(\.caption) == ["cat 99%"])
    #expect(details.worst[0].prediction.allSatisfy { $0.isError })
    #expect(details.samples.map(\.name) == ["a", "b", "c", "d"])
    #expect(details.sections.map(\.title) == ["By class", "Precision and recall", "Confusion"])
    guard case .matrix(let matrix) = details.sections[2].content else {
      Issue.record("no matrix")
      return
    }
    #expect(matrix.counts == [[1, 0], [2, 1]])
  }

  /// Eighty labels do not make eighty rows of a matrix, nor eighty colours.
  @Test func manyLabelsAreCut() throws {
    let scene = try #require(Scene.all.first { $0.name == "manyLabels" })
    let score = score(scene)
    let details = score.details(of: score.compute(confidenceThreshold: 0.3))
    var plotCount = 0
    for section in details.sections {
      switch section.content {
      case .matrix(let matrix):
        #expect(matrix.counts.count == ReportMatrix.maximumCount)
        #expect(matrix.counts.allSatisfy { $0.count == ReportMatrix.maximumCount })
        #expect(section.note.contains("25 of 41"))
      case .plots(let plots):
        plotCount += plots.count
        for plot in plots {
          #expect(plot.series.count { $0.style != .faint } <= CurveChoice.maximumCount + 1)
        }
      default: break
      }
    }
    #expect(plotCount == 2)
  }
}
