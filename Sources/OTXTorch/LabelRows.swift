import OTXCore
import OTXModels
import OTXTensor

/// Brings the scores of labels that two models share from one's layers to the other's.
///
/// Weights of a layer that scores labels have a row for each label (Kirillov's "smart weight loading"
/// of class-incremental learning): of labels that both models know it is taken over wherever it stands,
/// the others' stay as they are.
struct LabelRows {
  /// For each of the network's labels the file's row; `nil` for a label that is new.
  private let sources: [Int?]
  private let fileCount: Int
  private let layers: LabelLayers

  /// `nil` where both have the same labels in the same order: nothing is to move.
  ///
  /// - Parameters:
  ///   - layers: Those of the network.
  ///   - labels: The network's labels.
  ///   - fileLabels: The file's.
  init?(_ layers: LabelLayers, labels: LabelInfo, from fileLabels: LabelInfo) {
    guard labels.names != fileLabels.names, !layers.names.isEmpty else { return nil }
    sources = labels.names.map { fileLabels.index(of: $0) }
    fileCount = fileLabels.count
    self.layers = layers
  }

  /// How many labels both know.
  var sharedCount: Int { sources.count { $0 != nil } }

  /// What is said of a weight whose rows were brought over.
  var note: String { "rows of \(sharedCount) of \(sources.count) labels, by name" }

  /// Whether a weight of the network has a row for each label.
  func concerns(_ name: String) -> Bool {
    layers.names.contains { name.hasPrefix($0 + ".") }
  }

  /// The network's weight with the rows of the labels that both know taken from the file's.
  ///
  /// - Returns: `nil` where the shapes are not those of the two lists of labels.
  /// - Throws: `TensorError`.
  func adapted(_ value: Tensor, over own: Tensor) throws -> Tensor? {
    let background = layers.hasBackground ? 1 : 0
    let (ownRows, fileRows) = (sources.count + background, fileCount + background)
    guard let ownCount = own.shape.first, let count = value.shape.first,
      ownCount % ownRows == 0, count % fileRows == 0, ownCount / ownRows == count / fileRows,
      own.shape.dropFirst() == value.shape.dropFirst()
    else { return nil }
    let anchorCount = ownCount / ownRows
    // Rows of both, one after the other, to choose from.
    let both = try Tensor.cat([own, value.to(own.dtype)], dim: 0)
    var indices: [Int] = []
    for anchor in 0..<anchorCount {
      for (row, source) in sources.enumerated() {
        indices.append(
          source.map { ownCount + anchor * fileRows + $0 } ?? anchor * ownRows + row
        )
      }
      if background > 0 { indices.append(ownCount + anchor * fileRows + fileCount) }
    }
    return try both.indexSelect(dim: 0, Tensor(indices, shape: [indices.count]))
  }
}
