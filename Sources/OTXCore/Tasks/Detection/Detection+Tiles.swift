extension Detection {
  /// The objects of a picture from those found in its tiles, surest first.
  ///
  /// Non-maximum suppression for each label on its own: of two boxes that overlap by more than the
  /// tiling's threshold the surer one stays, of equal ones the one from the earlier tile. A tile is
  /// taught objects of which it shows at least half, and a half overlaps its whole by 0.5, more than
  /// the default threshold of 0.45: so a part that was found in one tile gives way to the whole in
  /// another.
  public static var tileMerge: (@Sendable ([Prediction], Tiling) -> Prediction)? {
    { parts, tiling in
      // One tile: the model has dropped what overlaps by its own threshold.
      guard parts.count > 1 else {
        let objects = parts.first?.objects ?? []
        return Prediction(objects: Array(objects.prefix(tiling.maximumInstanceCount)))
      }
      return Prediction(objects: suppressed(parts.flatMap(\.objects), tiling))
    }
  }

  private static func suppressed(_ objects: [ScoredBox], _ tiling: Tiling) -> [ScoredBox] {
    let order = objects.indices.sorted {
      objects[$0].score == objects[$1].score ? $0 < $1 : objects[$0].score > objects[$1].score
    }
    var kept: [ScoredBox] = []
    var boxes: [LabelIndex: [BoundingBox]] = [:]
    for index in order {
      // What comes later is less sure than all that are kept.
      guard kept.count < tiling.maximumInstanceCount else { break }
      let object = objects[index]
      let isNew = boxes[object.label, default: []].allSatisfy { other in
        object.box.x1 >= other.x2 || other.x1 >= object.box.x2
          || object.box.iou(other) <= tiling.iouThreshold
      }
      guard isNew else { continue }
      kept.append(object)
      boxes[object.label, default: []].append(object.box)
    }
    return kept
  }
}
