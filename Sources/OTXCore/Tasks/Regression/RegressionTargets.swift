import Foundation

/// The numbers that a regression model gives for a picture, and how it learned them.
public struct RegressionInfo: Codable, Sendable, Equatable {
  /// In the order of the model's outputs; the labels of the model are their names.
  public var targets: [RegressionTarget]
  public var loss: RegressionLoss
  public init(targets: [RegressionTarget], loss: RegressionLoss = .huber) {
    (self.targets, self.loss) = (targets, loss)
  }
}

/// A number that a model gives for a picture.
///
/// Networks learn `(value - mean) / std`, so that targets of any size weigh the same; outputs are in the
/// dataset's own units.
public struct RegressionTarget: Codable, Sendable, Equatable {
  public var name: String
  /// Of the training pictures.
  public var mean: Double
  /// Of the training pictures; above 0.
  public var std: Double
  public init(name: String, mean: Double = 0, std: Double = 1) {
    (self.name, self.mean, self.std) = (name, mean, std)
  }
}

/// What training minimises of a standardised difference `d`.
public enum RegressionLoss: String, Codable, CaseIterable, Sendable {
  /// `|d|`.
  case l1
  /// `d²`.
  case l2
  /// `d² / 2` up to 1, `|d| - 1/2` beyond: a few wild values do not rule.
  case huber
}

extension DatasetItem {
  /// Attributes that number an item rather than measure it.
  private static let bookkeeping: Set = [
    "id", "image_id", "imageid", "index", "frame", "frame_id", "track_id", "group", "group_id",
    "width", "height", "unnamed: 0",
  ]

  /// Numbers that the dataset says of the picture as a whole: its attributes, and those of
  /// annotations of the whole, the picture's own first; those called as `wanted` says, or, where that
  /// is `nil`, all but numbers of items.
  func numbers(_ wanted: Set<String>?) -> [String: Double] {
    var found: [String: Double] = [:]
    let whole = annotations.filter { $0.kind == .label }.map(\.attributes)
    for attributes in [attributes] + whole {
      for (name, value) in attributes {
        guard case .number(let number) = value, number.isFinite, found[name] == nil,
          wanted?.contains(name) ?? !DatasetItem.bookkeeping.contains(name.lowercased())
        else { continue }
        found[name] = number
      }
    }
    return found
  }
}

extension RegressionInfo {
  /// What there is to learn in a dataset's training pictures.
  ///
  /// - Parameters:
  ///   - dataset: Its items' attributes are looked at.
  ///   - names: The targets; none: every number that most training pictures have and that differs
  ///     between them, in the order of their names.
  ///   - loss: How they are learned.
  /// - Throws: ``DataError/unreadable(file:reason:)`` naming the targets that there are.
  init(of dataset: Dataset, targets names: [String], loss: RegressionLoss) throws {
    let items = dataset.items[.train] ?? []
    let wanted = names.isEmpty ? nil : Set(names)
    var values: [String: [Double]] = [:]
    for item in items {
      for (name, number) in item.numbers(wanted) { values[name, default: []].append(number) }
    }
    if let missing = names.first(where: { values[$0] == nil }) {
      let known = Set(items.flatMap { $0.numbers(nil).keys }).sorted()
      throw DataError.unreadable(
        file: dataset.root.path,
        reason: "no training picture has a number '\(missing)'"
          + Suggestion.phrase(for: missing, among: known)
          + (known.isEmpty ? "" : "; there are: \(known.joined(separator: ", "))")
      )
    }
    let kept =
      names.isEmpty
      ? values.filter { 2 * $0.value.count > items.count && Set($0.value).count > 1 }.keys.sorted()
      : names
    guard !kept.isEmpty else {
      throw DataError.unreadable(
        file: dataset.root.path,
        reason:
          "the training pictures have no numbers to learn: give them as columns of a table or "
          + "as attributes of items"
      )
    }
    let targets = kept.map { name in
      let list = values[name] ?? []
      let mean = list.reduce(0, +) / Double(max(list.count, 1))
      let variance =
        list.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(list.count, 1))
      return RegressionTarget(name: name, mean: mean, std: variance > 0 ? variance.squareRoot() : 1)
    }
    self.init(targets: targets, loss: loss)
  }
}
