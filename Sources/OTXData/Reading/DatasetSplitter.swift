public import OTXCore

/// Parts all items of a dataset anew.
public enum DatasetSplitter {
  /// Joins the train, val and test subsets and parts them again.
  ///
  /// - Parameters:
  ///   - dataset: What to part; unlabeled items stay apart.
  ///   - ratios: Shares of train, val and, where there is a third, test; they need not add up to 1.
  ///   - isStratified: Whether each label gets about the same share on all sides.
  ///   - seed: Decides which items go where.
  /// - Returns: The dataset with new subsets; order is kept within each.
  /// - Throws: ``ConfigurationError/invalid(_:)`` for ratios that cannot be met.
  public static func split(
    _ dataset: Dataset,
    ratios: [Double],
    isStratified: Bool,
    seed: Int
  ) throws -> Dataset {
    guard (2...3).contains(ratios.count), ratios.allSatisfy({ $0 >= 0 && $0.isFinite }),
      ratios.reduce(0, +) > 0, ratios[0] > 0
    else {
      throw ConfigurationError.invalid(
        "ratios are two or three numbers, for train, val and test, for example 0.8 0.1 0.1"
      )
    }
    var rest = [Subset.train, .val, .test].flatMap { dataset.items[$0] ?? [] }
    let subsets = [Subset.train, .val, .test].prefix(ratios.count)
    let wanted = zip(subsets, ratios).filter { $0.1 > 0 }
    guard rest.count >= wanted.count else {
      throw ConfigurationError.invalid(
        "\("picture".counted(rest.count)) cannot be parted into \(wanted.count) subsets"
      )
    }
    checkNames(&rest)
    var result = dataset
    for subset in [Subset.train, .val, .test] { result.items[subset] = nil }
    var share = wanted.reduce(0) { $0 + $1.1 }
    // The small ones are taken first; train keeps what is left.
    for (subset, ratio) in wanted.dropFirst() {
      let (kept, taken) = Splitter.split(
        rest,
        share: ratio / share,
        seed: seed &+ (subset == .test ? 1 : 0),
        isStratified: isStratified
      )
      (rest, result.items[subset]) = (kept, taken)
      share -= ratio
    }
    result.items[.train] = rest
    return result
  }

  /// Items of two subsets may have one name; joined, they need two.
  private static func checkNames(_ items: inout [DatasetItem]) {
    var used: Set<String> = []
    for index in items.indices {
      var name = items[index].id
      var number = 2
      while !used.insert(name).inserted {
        name = "\(items[index].id)-\(number)"
        number += 1
      }
      items[index].id = name
    }
  }
}
