/// What is known of each label of a picture that may have several, in label order.
public struct LabelTargets: Sendable, Equatable {
  /// 1: the picture shows the label, 0: it does not; between, in pictures that training has mixed.
  public var values: [Float]
  /// How much of the picture that is known of, 0…1; at 0 the label does not count.
  public var weights: [Float]

  /// Of a picture of which nothing is known; its lists are empty.
  public static let unknown = LabelTargets(values: [], weights: [])

  public init(values: [Float], weights: [Float]) { (self.values, self.weights) = (values, weights) }

  /// Targets of a picture that shows `shown` and nothing else.
  public init(showing shown: some Sequence<LabelIndex>, of count: Int) {
    values = [Float](repeating: 0, count: count)
    weights = [Float](repeating: 1, count: count)
    for label in shown where values.indices.contains(label) { values[label] = 1 }
  }

  /// Whether anything is known.
  public var isKnown: Bool { weights.contains { $0 > 0 } }

  /// Labels that the picture shows, at least in parts.
  public var shown: [LabelIndex] {
    values.indices.filter { weights[$0] > 0 && values[$0] > 0 }
  }

  /// Takes over what is known of another picture that makes up `share` of this one.
  ///
  /// A value is the mean over the parts of the picture of which it is known.
  public mutating func mix(_ other: LabelTargets, share: Float) {
    guard other.values.count == values.count else { return }
    for index in values.indices {
      let (own, new) = ((1 - share) * weights[index], share * other.weights[index])
      let sum = own + new
      if sum > 0 { values[index] = (own * values[index] + new * other.values[index]) / sum }
      weights[index] = sum
    }
  }
}

/// A label and how sure a model is of it, 0…1.
public struct ScoredLabel: Codable, Sendable, Equatable {
  public var label: LabelIndex
  public var score: Float
  public init(label: LabelIndex, score: Float) { (self.label, self.score) = (label, score) }
}

extension DatasetItem {
  /// Names of the labels that a picture shows, each once: those said of the whole and those of its
  /// objects; `nil` where it is annotated for something else altogether.
  ///
  /// An annotation with the attribute `unknown` says that nobody knows whether the label is there:
  /// it stands in the second list.
  func shownLabels() -> (shown: [String], unknown: [String])? {
    var result: (shown: [String], unknown: [String]) = ([], [])
    var hasOthers = false
    for annotation in annotations {
      guard annotation.kind == .label || annotation.kind == .object, let name = annotation.label
      else {
        hasOthers = true
        continue
      }
      if annotation.attributes["unknown"] == .flag(true) {
        if !result.unknown.contains(name) { result.unknown.append(name) }
      } else if !result.shown.contains(name) {
        result.shown.append(name)
      }
    }
    let isOfOthersOnly = hasOthers && result.shown.isEmpty && result.unknown.isEmpty
    return isOfOthersOnly ? nil : result
  }
}

/// A sample of which something is known as a whole: no objects, and nothing that moves with pixels.
public protocol WholePictureEntity: DataEntity {}

extension WholePictureEntity {
  public var objectBoxes: [BoundingBox] { [] }
  public static var hasBoxes: Bool { false }
  public mutating func move(by transform: SpatialTransform, keeping filter: BoxFilter) {}
}

/// A sample with a number for each label or target.
public protocol TargetedEntity: WholePictureEntity {
  var targets: LabelTargets { get set }
}

extension TargetedEntity {
  /// Takes over the other picture's numbers, as much of them as of the picture.
  public mutating func join(_ other: Self, share: Float) {
    targets.mix(other.targets, share: share)
  }
}
