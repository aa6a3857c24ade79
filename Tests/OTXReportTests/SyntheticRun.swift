import Foundation
import OTXCore

@testable import OTXReport

/// A made-up run that shows everything a report can show.
enum SyntheticRun {
  /// A page of it.
  static var page: ReportPage {
    get throws {
      let folder = FileManager.default.temporaryDirectory
        .appending(path: "otx-report-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      try write(to: folder)
      return try RunReport(directory: folder).page()
    }
  }

  static func write(to folder: URL, labelCount: Int = 3, stepCount: Int = 40) throws {
    let names = (0..<labelCount).map { $0 == 1 ? "<b>white & red</b>" : "label \($0)" }
    let labels = LabelInfo(names: names)
    writeEvents(to: folder, stepCount: stepCount)
    let evaluation = evaluation(labels)
    try evaluation.write(to: folder)
    try summary(labels, evaluation.scores).write(to: folder)
    let recipe = """
      # Chosen from the data:
      #   model: atss_mobilenetv2 (ATSS, 2.3 million parameters: small enough for 205 images)
      #   inputSize: 448x576 (pictures are up to 480x640, the smallest usual object 37 pixels)
      name: atss_mobilenetv2
      maxEpochs: 4
      """ + String(repeating: "\nkey: value", count: 40)
    try Data(recipe.utf8).write(to: folder.appending(path: "recipe.yaml"))
    let log = "2026-01-01T00:00:00Z | WARNING: a.jpg: is damaged\n"
    try Data((log + log).utf8).write(to: folder.appending(path: "train.log"))
  }

  private static func writeEvents(to folder: URL, stepCount: Int) {
    let log = EventLog(in: folder, host: "host") { Date(timeIntervalSince1970: 1_800_000_000) }
    let perEpoch = stepCount / 4
    for iteration in 1...stepCount {
      let loss = 1 + 2 / Double(iteration) + 0.3 * sin(Double(iteration))
      let step = TrainingStep(
        epoch: (iteration - 1) / perEpoch + 1,
        epochCount: 4,
        step: (iteration - 1) % perEpoch + 1,
        stepCount: perEpoch,
        iteration: iteration,
        learningRate: 0.001,
        time: 0.5,
        dataTime: 0.0625,
        eta: 0,
        memoryBytes: 2 << 30,
        losses: [
          .init(name: "loss_cls", value: loss / 3), .init(name: "loss_bbox", value: loss / 2),
          .init(name: "loss", value: loss),
        ],
        gradientNorm: 4,
        imageCount: 8
      )
      log.observe(.step(step))
      guard iteration % perEpoch == 0 else { continue }
      let score = 0.8 + 0.1 * Double(iteration) / Double(stepCount)
      let report = MetricReport(
        primary: "map_50",
        values: ["map_50": score, "map": score / 2, "f-measure": score - 0.2]
      )
      log.observe(.validated(epoch: step.epoch, report: report, isBest: true))
    }
  }

  private static func summary(_ labels: LabelInfo, _ scores: MetricReport) -> RunSummary {
    let info = ModelInfo(
      model: "atss_mobilenetv2",
      backbone: "mobilenet_v2",
      task: .detection,
      labels: labels,
      preprocessing: Preprocessing(inputSize: ImageSize(height: 448, width: 576))
    )
    let side = DatasetProfile.SideStatistics(robustMin: 100, mean: 480, robustMax: 1640)
    return RunSummary(
      data: "/data/<cells>",
      task: .detection,
      model: "atss_mobilenetv2",
      modelTitle: "ATSS",
      parameterCount: 2_300_000,
      started: Date(timeIntervalSince1970: 1_800_000_000),
      seed: 0,
      profile: DatasetProfile(
        format: "coco",
        tasks: [.init(task: .detection, itemCount: 12_345)],
        itemCounts: [.train: 12_345, .val: 678, .test: 90],
        annotationCount: 98_765,
        labelCounts: labels.names.enumerated().map {
          .init(label: $1, count: 2381 / ($0 + 1))
        },
        imageSizes: .init(height: side, width: side),
        objectSides: side
      ),
      machine: Machine.facts(),
      versions: [ReportFact("OTX", OTXVersion.current)],
      result: TrainingResult(
        checkpoint: URL(filePath: "/runs/my run/weights.pth"),
        info: info,
        epochs: 4,
        stepCount: 40,
        best: scores,
        bestEpoch: 4,
        imagesPerSecond: 16,
        secondsPerEpoch: 5,
        peakMemoryBytes: 3 << 30,
        precision: .fp32,
        stopReason: "all 4 epochs are trained"
      )
    )
  }

  private static func evaluation(_ labels: LabelInfo) -> EvaluationReport {
    var score = DetectionScore(labels: labels)
    for picture in 0..<40 {
      var found: [Detection.ScoredBox] = []
      var truth: [Detection.LabeledBox] = []
      for place in 0..<(picture % 5 + 1) {
        let label = (picture + place) % labels.count
        let x = Float(20 + 110 * place)
        let box = BoundingBox(x1: x, y1: 60, x2: x + 90, y2: 160)
        truth.append(Detection.LabeledBox(box: box, label: label))
        let guess = (picture + place) % 7 == 0 ? (label + 1) % labels.count : label
        let level = 0.4 + 0.5 * Float(picture) / 40
        if (picture * place) % 11 != 3 {
          found.append(Detection.ScoredBox(box: box, label: guess, score: level))
        }
      }
      let size = ImageSize(height: 300, width: 600)
      let frame = ImageFrame(itemID: "test/picture \"\(picture)\".jpg", originalSize: size)
      score.update(
        [Detection.Prediction(objects: found)],
        [Detection.Entity(image: .empty, frame: frame, objects: truth)]
      )
    }
    var scores = score.compute(confidenceThreshold: 0.5)
    scores.values["f-measure"] = 0.8
    return EvaluationReport(
      subset: .test,
      scores: scores,
      performanceMetric: "f-measure",
      itemCount: 40,
      secondsPerImage: 0.02,
      notes: [],
      details: score.details(of: scores)
    )
  }
}
