import OTXTesting

@testable import OTXCore

/// Pictures with objects and detections, drawn by the formula of `Tools/goldens/metrics.py`.
struct Scene {
  var name: String
  var imageCount: Int
  var labelCount: Int
  var objectCount: Int
  var detectionCount: Int
  var scoreLevels: Int
  var crowdShare: Double
  var jitter: Double
  var scale: Double

  static let all: [Scene] = [
    ("plain", 12, 3, 6, 12, 100_000, 0, 0.3, 1),
    ("fractions", 12, 3, 6, 12, 100_000, 0, 0.3, 0.37),
    ("ties", 20, 2, 8, 16, 3, 0, 0.4, 1),
    ("crowds", 15, 3, 8, 16, 50, 0.35, 0.3, 1),
    ("duplicates", 10, 2, 5, 20, 2, 0, 0, 1),
    ("manyLabels", 25, 40, 6, 12, 1000, 0.1, 0.3, 1),
    ("overAHundred", 3, 1, 60, 260, 500, 0.1, 0.5, 1),
    ("noDetections", 4, 2, 5, 0, 10, 0, 0.3, 1),
    ("noObjects", 4, 2, 0, 9, 10, 0, 0.3, 1),
    ("nothing", 2, 2, 0, 0, 10, 0, 0.3, 1),
    ("large", 10, 2, 5, 10, 1000, 0.1, 0.2, 4),
    ("onlyCrowds", 5, 2, 4, 8, 100, 1.1, 0.3, 1),
    ("single", 3, 1, 2, 3, 7, 0, 0.2, 1),
  ].map {
    Scene(
      name: $0.0,
      imageCount: $0.1,
      labelCount: $0.2,
      objectCount: $0.3,
      detectionCount: $0.4,
      scoreLevels: $0.5,
      crowdShare: $0.6,
      jitter: $0.7,
      scale: $0.8
    )
  }

  private static let size = 240

  private struct Square {
    var x, y, width, height, label: Int
    var isCrowd = false
  }

  var labels: LabelInfo { LabelInfo(names: (0..<labelCount).map { "label \($0)" }) }

  private static func units(_ count: Int, _ k: Int) -> [Double] {
    Formula.noise(count: count, k: k).map { ($0 + 1) / 2 }
  }

  private func box(_ square: Square) -> BoundingBox {
    BoundingBox(
      x1: Float(Double(square.x) * scale),
      y1: Float(Double(square.y) * scale),
      x2: Float(Double(square.x + square.width) * scale),
      y2: Float(Double(square.y + square.height) * scale)
    )
  }

  /// The pictures, annotated and predicted.
  func draw() -> (predictions: [Detection.Prediction], targets: [Detection.Entity]) {
    let index = Scene.all.firstIndex { $0.name == name } ?? 0
    let k = 5000 + 10 * index
    let objectUnits = Scene.units(imageCount * objectCount * 8, k)
    let detectionUnits = Scene.units(imageCount * detectionCount * 8, k + 1)
    let countUnits = Scene.units(imageCount * 2, k + 2)
    var predictions: [Detection.Prediction] = []
    var targets: [Detection.Entity] = []
    for image in 0..<imageCount {
      let truth = (0..<Int(countUnits[2 * image] * Double(objectCount + 1))).map {
        object(Array(objectUnits[((image * objectCount + $0) * 8)...].prefix(8)))
      }
      let found = (0..<Int(countUnits[2 * image + 1] * Double(detectionCount + 1))).map {
        detection(Array(detectionUnits[((image * detectionCount + $0) * 8)...].prefix(8)), truth)
      }
      predictions.append(Detection.Prediction(objects: found))
      targets.append(
        Detection.Entity(
          image: .empty,
          frame: ImageFrame(itemID: "\(image)", originalSize: ImageSize(height: 1, width: 1)),
          objects: truth.map {
            Detection.LabeledBox(box: box($0), label: $0.label, isCrowd: $0.isCrowd)
          }
        )
      )
    }
    return (predictions, targets)
  }

  private func object(_ u: [Double]) -> Square {
    let width = 1 + Int(u[0] * u[0] * Double(Scene.size) * 0.6)
    let height = 1 + Int(u[1] * u[1] * Double(Scene.size) * 0.6)
    return Square(
      x: Int(u[2] * Double(Scene.size - width)),
      y: Int(u[3] * Double(Scene.size - height)),
      width: width,
      height: height,
      label: Int(u[4] * Double(labelCount)),
      isCrowd: u[5] < crowdShare
    )
  }

  private func detection(_ u: [Double], _ truth: [Square]) -> Detection.ScoredBox {
    var square: Square
    if !truth.isEmpty, u[0] < 0.7 {
      square = truth[Int(u[1] * Double(truth.count))]
      square.x += Int((u[2] - 0.5) * jitter * Double(square.width))
      square.y += Int((u[3] - 0.5) * jitter * Double(square.height))
      square.width = max(1, square.width + Int((u[4] - 0.5) * jitter * Double(square.width)))
      if u[5] < 0.1 { square.label = Int(u[6] * Double(labelCount)) }
    } else {
      let (width, height) = (1 + Int(u[1] * 80), 1 + Int(u[2] * 80))
      square = Square(
        x: Int(u[3] * Double(Scene.size - width)),
        y: Int(u[4] * Double(Scene.size - height)),
        width: width,
        height: height,
        label: Int(u[6] * Double(labelCount))
      )
    }
    let score = Float(Double(1 + Int(u[7] * Double(scoreLevels))) / Double(scoreLevels + 1))
    return Detection.ScoredBox(box: box(square), label: square.label, score: score)
  }
}
