public import Foundation
public import OTXCore
import OTXImage

/// Small datasets drawn in code: circles, squares and triangles on a textured ground.
///
/// For demonstrations and tests: they need no download, and a detector learns them in minutes. The
/// same numbers draw the same pictures.
public struct SampleDataset: Sendable {
  public static let labels = LabelInfo(names: ["circle", "square", "triangle"])

  /// Pictures of each subset.
  public var counts: [Subset: Int]
  public var size: ImageSize
  public var seed: UInt64

  public init(
    counts: [Subset: Int] = [.train: 24, .val: 8, .test: 8],
    size: ImageSize = ImageSize(height: 192, width: 256),
    seed: UInt64 = 0
  ) {
    self.counts = counts
    self.size = size
    self.seed = seed
  }

  /// One to four shapes in a picture, each with its box.
  public func detection() throws -> Dataset {
    try dataset { number, generator in
      var image = background(&generator)
      var boxes: [BoundingBox] = []
      var annotations: [Annotation] = []
      let count = 1 + generator.index(below: 4)
      for _ in 0..<count {
        let shape = Shape(
          kind: generator.index(below: 3),
          in: size,
          scale: 0.10...0.24,
          using: &generator
        )
        // Shapes may touch but not hide each other.
        guard !boxes.contains(where: { $0.iou(shape.box) > 0.02 }) else { continue }
        try shape.draw(on: &image)
        boxes.append(shape.box)
        annotations.append(.box(shape.box, label: SampleDataset.labels.names[shape.kind]))
      }
      return (image, annotations)
    }
  }

  /// One shape in a picture, which has its label; labels take turns.
  public func classification() throws -> Dataset {
    try dataset { number, generator in
      var image = background(&generator)
      let shape = Shape(kind: number % 3, in: size, scale: 0.22...0.42, using: &generator)
      try shape.draw(on: &image)
      return (image, [.label(SampleDataset.labels.names[shape.kind])])
    }
  }

  /// One to three shapes in a picture, which has the labels of all.
  public func multiLabel() throws -> Dataset {
    try dataset { number, generator in
      var image = background(&generator)
      var kinds: Set<Int> = []
      for _ in 0...generator.index(below: 3) {
        let shape = Shape(
          kind: generator.index(below: 3),
          in: size,
          scale: 0.14...0.26,
          using: &generator
        )
        // The last one hides what is below, but not all of it, as a rule.
        try shape.draw(on: &image)
        kinds.insert(shape.kind)
      }
      return (image, kinds.sorted().map { .label(SampleDataset.labels.names[$0]) })
    }
  }

  /// One shape in a picture: round or angular, and if angular a square or a triangle; by itself,
  /// whether it is large.
  public func hierarchical() throws -> Dataset {
    var result = try dataset { number, generator in
      var image = background(&generator)
      let isLarge = generator.index(below: 2) == 1
      let scale = isLarge ? 0.34...0.42 : 0.14...0.22
      let shape = Shape(kind: number % 3, in: size, scale: scale, using: &generator)
      try shape.draw(on: &image)
      let names = [["round"], ["angular", "square"], ["angular", "triangle"]][shape.kind]
      return (image, (names + (isLarge ? ["large"] : [])).map { .label($0) })
    }
    result.labels = LabelInfo(names: ["round", "angular", "square", "triangle", "large"])
    result.declaredLabels = result.labels.names
    result.labelDetails.parents = ["square": "angular", "triangle": "angular"]
    result.labelDetails.exclusiveGroups = [
      LabelGroup(name: "shape", labels: ["round", "angular"]),
      LabelGroup(name: "angles", labels: ["square", "triangle"]),
    ]
    return result
  }

  /// One shape in a picture, its size to be learned.
  public func regression() throws -> Dataset {
    var result = try dataset { number, generator in
      var image = background(&generator)
      let shape = Shape(kind: number % 3, in: size, scale: 0.12...0.42, using: &generator)
      try shape.draw(on: &image)
      var radius = Annotation(label: nil)
      radius.attributes["radius"] = .number(Double(shape.radius))
      return (image, [radius])
    }
    for (subset, items) in result.items {
      result.items[subset] = items.map { item in
        var item = item
        item.attributes = item.annotations.first?.attributes ?? [:]
        item.annotations = []
        return item
      }
    }
    result.labels = LabelInfo(names: [])
    result.declaredLabels = []
    return result
  }

  /// Draws pictures for object detection into a folder, as COCO in Roboflow's layout.
  public func drawDetection(at root: URL) throws {
    try COCOWriter(layout: .roboflow).write(detection(), to: root)
  }

  /// Draws pictures for classification into a folder, a folder for each label.
  public func drawClassification(at root: URL) throws {
    try ImageFolderFormat().write(classification(), to: root)
  }

  private func dataset(
    _ draw: (_ number: Int, inout CounterGenerator) throws -> (Image, [Annotation])
  ) throws -> Dataset {
    var items: [Subset: [DatasetItem]] = [:]
    for (index, subset) in Subset.allCases.enumerated() {
      items[subset] = try (0..<(counts[subset] ?? 0)).map { number in
        var generator = CounterGenerator(seed: seed, UInt64(index), UInt64(number))
        let (image, annotations) = try draw(number, &generator)
        let digits = String(1000 + number).dropFirst()
        return DatasetItem(
          id: "\(subset.rawValue)-\(digits).jpg",
          image: .memory(image),
          size: size,
          annotations: annotations
        )
      }
    }
    return Dataset(
      format: "sample",
      root: URL(filePath: "/"),
      labels: SampleDataset.labels,
      items: items.filter { !$0.value.isEmpty }
    )
  }

  /// Soft grey patches with grain.
  private func background(_ generator: inout CounterGenerator) -> Image {
    let patchSize = ImageSize(height: 6, width: 8)
    var patches = Image(size: patchSize)
    for index in 0..<patchSize.height * patchSize.width {
      let level = 150 + generator.index(below: 80)
      for channel in 0..<3 {
        patches.pixels[3 * index + channel] = UInt8(level + generator.index(below: 25))
      }
    }
    guard var image = try? patches.resized(to: size, interpolation: .bicubic) else {
      return patches
    }
    for index in image.pixels.indices {
      let grain = Int(truncatingIfNeeded: generator.next() >> 60) - 8
      image.pixels[index] = UInt8(min(max(Int(image.pixels[index]) + grain, 0), 255))
    }
    return image
  }
}

/// A shape of one colour.
private struct Shape {
  var kind: Int
  var x: Int
  var y: Int
  var radius: Int
  var color: Color

  /// Draws a place, a size (`scale` of the picture's shorter side is the radius) and a colour near
  /// the label's.
  init(
    kind: Int,
    in size: ImageSize,
    scale: ClosedRange<Double>,
    using generator: inout CounterGenerator
  ) {
    self.kind = kind
    let side = Double(min(size.height, size.width))
    radius = max(Int(side * generator.uniform(scale.lowerBound, scale.upperBound)), 3)
    x = radius + generator.index(below: max(size.width - 2 * radius, 1))
    y = radius + generator.index(below: max(size.height - 2 * radius, 1))
    let hue = (Double(kind) * 120 + generator.uniform(-25, 25) + 360)
    color = Color(
      hue: hue.truncatingRemainder(dividingBy: 360),
      saturation: generator.uniform(0.6, 0.95),
      value: generator.uniform(0.55, 0.9)
    )
  }

  /// The box that the shape fills.
  var box: BoundingBox {
    BoundingBox(
      x1: Float(x - radius),
      y1: Float(y - radius),
      x2: Float(x + radius + 1),
      y2: Float(y + radius + 1)
    )
  }

  func draw(on image: inout Image) throws {
    switch kind {
    case 0: try image.fillCircle(x: x, y: y, radius: radius, color)
    case 1:
      try image.fillRectangle(
        x1: x - radius,
        y1: y - radius,
        x2: x + radius,
        y2: y + radius,
        color
      )
    default:
      try image.fillPolygon(
        [(x: x, y: y - radius), (x: x + radius, y: y + radius), (x: x - radius, y: y + radius)],
        color
      )
    }
  }
}
