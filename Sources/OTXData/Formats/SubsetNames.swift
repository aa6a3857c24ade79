package import OTXCore

extension Subset {
  /// The names of this subset in file and folder names.
  var folderNames: [String] {
    switch self {
    case .train: ["train", "training"]
    case .val: ["val", "valid", "validation"]
    case .test: ["test", "testing"]
    case .unlabeled: ["unlabeled", "unlabelled"]
    }
  }

  /// The subset that a folder or file stem is named after: `valid`, `train2017`, `instances_val`.
  ///
  /// - Parameters:
  ///   - name: A name without its ending.
  ///   - allowsPrefix: Whether words may stand before the subset's, parted by `_`, `-` or `.`.
  package init?(folderName name: String, allowsPrefix: Bool = false) {
    var words = name.lowercased().split { "_-. ".contains($0) }.map(String.init)
    while let last = words.last, last.allSatisfy(\.isNumber) { words.removeLast() }
    guard let last = words.last, allowsPrefix || words.count == 1 else { return nil }
    let word = String(last.reversed().drop { $0.isNumber }.reversed())
    guard let subset = Subset.allCases.first(where: { $0.folderNames.contains(word) }) else {
      return nil
    }
    self = subset
  }
}
