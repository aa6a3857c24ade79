import Foundation
import OTXCore

/// Whether pictures are cut into tiles, and how large these are.
extension AutoConfigurator {
  /// Objects with fewer pixels a side than this are tiny to a detector.
  ///
  /// "Tiny" of the AI-TOD dataset (Wang et al., Tiny Object Detection in Aerial Images, 2020): below
  /// 16 pixels; networks find few of them.
  static let tinyObjectSide = 16.0

  /// Tiles must make objects so many times larger to be worth their time.
  static let leastEnlargement = 2.0

  /// Samples of an epoch: pictures, or about as many tiles as these have.
  func trainSampleCount(_ recipe: Recipe, _ profile: DatasetProfile) -> Int {
    let pictureCount = profile.itemCounts[.train] ?? 0
    guard let tiling = recipe.data.tiling.settled, let images = profile.imageSizes else {
      return pictureCount
    }
    let (rows, columns) = tiling.counts(
      of: ImageSize(height: Int(images.height.mean), width: Int(images.width.mean))
    )
    return pictureCount * rows * columns
  }

  func chooseTiling(
    _ recipe: inout Recipe,
    _ model: ModelDescriptor,
    _ profile: DatasetProfile,
    _ explicit: Set<String>,
    isOpen: Bool,
    _ decisions: inout [Decision]
  ) throws {
    let wanted = recipe.data.tiling.enabled
    guard wanted != .off else {
      // Nobody chose a recipe, so nobody chose to go without.
      if isOpen, !explicit.contains(where: { $0.hasPrefix("data.tiling") }) {
        try proposeTiling(&recipe, model, profile, &decisions)
      }
      return
    }
    if !recipe.task.kind.hasTiling {
      // Asked for, it is a mistake; left open, there is nothing to decide.
      if wanted == .on { try recipe.task.kind.checkTiling() }
      recipe.data.tiling.enabled = .off
      return
    }
    var chosen = recipe.data.tiling
    chosen.enabled = .on
    let sizeReason = chooseTileSize(&chosen, profile, explicit)
    if wanted == .auto {
      let (isOn, reason) = tilingReason(recipe, model, profile, chosen)
      decisions.append(
        Decision(
          setting: "data.tiling.enabled",
          value: "\(isOn)",
          reason: reason,
          alternatives: [
            isOn
              ? .init(
                "false",
                "faster, but small objects are lost (--set data.tiling.enabled=false)"
              )
              : .init("true", "each picture would take as many steps as it has tiles")
          ]
        )
      )
      guard isOn else {
        recipe.data.tiling.enabled = .off
        return
      }
    }
    recipe.data.tiling = chosen
    if let sizeReason {
      let overlap = (chosen.overlap * 100).rounded() / 100
      decisions.append(
        Decision(
          setting: "data.tiling",
          value: "tiles of \(chosen.tileSize), overlap \(overlap)",
          reason: sizeReason
        )
      )
    }
    // As many objects as the data has must fit.
    let count = profile.maximumObjectCount ?? 0
    if !explicit.contains("data.tiling.maximumInstanceCount"),
      count > chosen.maximumInstanceCount
    {
      recipe.data.tiling.maximumInstanceCount = 2 * count
      decisions.append(
        Decision(
          setting: "data.tiling.maximumInstanceCount",
          value: "\(2 * count)",
          reason: "a picture of the training subset has \(count) objects"
        )
      )
    }
  }

  /// Turns tiling on where objects are too small without it; says nothing where they are not.
  private func proposeTiling(
    _ recipe: inout Recipe,
    _ model: ModelDescriptor,
    _ profile: DatasetProfile,
    _ decisions: inout [Decision]
  ) throws {
    guard recipe.task.kind.hasTiling else { return }
    var (tiled, reasons) = (recipe, decisions)
    tiled.data.tiling.enabled = .auto
    try chooseTiling(&tiled, model, profile, [], isOpen: false, &reasons)
    guard tiled.data.tiling.enabled == .on else { return }
    (recipe, decisions) = (tiled, reasons)
  }

  /// Fits tiles to the objects, as Python OTX's adaptive tiling does: a tile in which a usual object
  /// takes `objectTileRatio` of a side, and as much overlap as the largest usual object needs; where
  /// that is nine tenths or more, as much as the usual one needs.
  ///
  /// - Returns: Why; `nil` where nothing was left open.
  private func chooseTileSize(
    _ tiling: inout TilingOptions,
    _ profile: DatasetProfile,
    _ explicit: Set<String>
  ) -> String? {
    guard tiling.tileSize == .auto else { return nil }
    guard let sides = profile.objectSides, sides.mean > 0 else {
      tiling.tileSize = .size(TilingOptions.defaultTileSize)
      return "nothing is known of the objects' sizes"
    }
    let side = Int(min(max(sides.mean / tiling.objectTileRatio, 32), 1_000_000))
    tiling.tileSize = .size(ImageSize(height: side, width: side))
    let usual = Int(sides.mean.rounded())
    var reason =
      "a usual object of \(usual) pixels is to take \(tiling.objectTileRatio) of a tile's side"
    if !explicit.contains("data.tiling.overlap") {
      let largest = sides.robustMax / Double(side)
      tiling.overlap = largest >= 0.9 ? min(sides.mean / Double(side), 0.9) : largest
      reason +=
        largest >= 0.9
        ? "; the largest would need more than nine tenths of it as overlap"
        : "; the largest of \(Int(sides.robustMax.rounded())) is to be whole in some tile"
    }
    return reason
  }

  /// Whether objects would be tiny in whole pictures and larger in tiles.
  private func tilingReason(
    _ recipe: Recipe,
    _ model: ModelDescriptor,
    _ profile: DatasetProfile,
    _ tiling: TilingOptions
  ) -> (isOn: Bool, reason: String) {
    guard let share = profile.medianObjectShare, let images = profile.imageSizes,
      let tile = tiling.settled?.tileSize
    else { return (false, "sizes of pictures and objects are not known") }
    let input = recipe.inputSize.resolved(AutoConfigurator.inputSize(for: profile, model: model).0)
    let inputSide = Double(input.height * input.width).squareRoot()
    let side = share * inputSide
    let text = "\((side * 10).rounded() / 10)"
    guard side < AutoConfigurator.tinyObjectSide else {
      return (false, "the median object has \(text) pixels a side at an input of \(input)")
    }
    let pictureSide = (images.height.mean * images.width.mean).squareRoot()
    let enlargement = pictureSide / Double(tile.height * tile.width).squareRoot()
    guard enlargement >= AutoConfigurator.leastEnlargement else {
      return (
        false,
        "the median object has \(text) pixels a side at an input of \(input), but tiles of \(tile) would hardly make it larger"
      )
    }
    return (
      true,
      "the median object would have \(text) pixels a side in whole pictures at an input of \(input), less than \(Int(AutoConfigurator.tinyObjectSide)): too few to be found"
    )
  }
}
