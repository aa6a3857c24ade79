/// Puts predictions of tiles together to predictions of whole pictures.
///
/// It is fed with what a model says, batch by batch in the order of the data source, and hands back
/// each picture when its last tile has come. Pictures that are no tiles pass through it as they are.
/// A picture of which a tile is missing, because it could not be read, is left out.
public struct TileGatherer<Kind: VisionTask> {
  private let tiling: Tiling?
  /// Tiles so far of the picture that is not complete yet.
  private var parts: [Kind.Prediction] = []
  /// What is known of that picture: its first tile carries it.
  private var first: Kind.Entity?

  /// - Parameter tiling: How tiles are put together; `nil` where there are none.
  public init(_ tiling: Tiling?) { self.tiling = tiling }

  /// Takes the predictions of a batch.
  ///
  /// - Parameters:
  ///   - predictions: One for each entity, in coordinates of the whole picture.
  ///   - entities: The batch's.
  /// - Returns: Predictions of the pictures that are complete now, with what is known of them.
  public mutating func add(
    _ predictions: [Kind.Prediction],
    _ entities: [Kind.Entity]
  ) -> (predictions: [Kind.Prediction], entities: [Kind.Entity]) {
    guard let tiling, let merge = Kind.tileMerge else { return (predictions, entities) }
    var result: (predictions: [Kind.Prediction], entities: [Kind.Entity]) = ([], [])
    for (prediction, entity) in zip(predictions, entities) {
      let frame = entity.frame
      if frame.tileIndex == 0 {
        (parts, first) = ([], entity)
      } else if frame.tileIndex != parts.count || first?.frame.itemID != frame.itemID {
        // The tile before could not be read: the picture is given up.
        first = nil
        continue
      }
      parts.append(prediction)
      guard parts.count == frame.tileCount, var whole = first else { continue }
      whole.frame = ImageFrame(itemID: frame.itemID, originalSize: frame.originalSize)
      result.predictions.append(merge(parts, tiling))
      result.entities.append(whole)
      (parts, first) = ([], nil)
    }
    return result
  }
}
