import Foundation
import OTXCore

/// Input size and batch size.
extension AutoConfigurator {
  func chooseInputSize(
    _ recipe: inout Recipe,
    _ model: ModelDescriptor,
    _ profile: DatasetProfile,
    _ decisions: inout [Decision]
  ) {
    guard recipe.inputSize.isAuto else { return }
    let tiling = recipe.data.tiling.settled
    let (size, reason) = AutoConfigurator.inputSize(for: profile, model: model, tiling: tiling)
    recipe.inputSize = .value(size)
    var alternatives: [Decision.Alternative] = []
    let own = rounded(model.preprocessing.inputSize, to: model.sizeMultiple)
    if let wanted = AutoConfigurator.wantedSize(for: profile, model: model, tiling: tiling),
      wanted != size
    {
      alternatives.append(
        .init(wanted.description, "what pictures and objects ask for; takes longer (--input-size)")
      )
    }
    if own != size {
      alternatives.append(.init(own.description, "the model's default; the data needs another"))
    }
    decisions.append(
      Decision(
        setting: "inputSize",
        value: size.description,
        reason: reason,
        alternatives: alternatives
      )
    )
  }

  /// What a detector wants a usual small object to have at the least, and a picture's side.
  private static let (leastObjectSide, leastSide) = (32.0, 256.0)

  /// The size at which a small object has 32 pixels, within the largest pictures' own.
  ///
  /// Python OTX 2.6's `input_size: auto`, step by step: sides are rounded (to even at a half) and
  /// not let beyond `largest`, judged by the height; with objects, the smaller side has 256 pixels
  /// at least, and the other is cut to a whole number; then both go up to multiples.
  ///
  /// - Parameters:
  ///   - largest: Robust maxima of the pictures' sides.
  ///   - smallest: Robust minimum of the objects' sides; `nil` without objects.
  ///   - multiple: Of the model.
  /// - Returns: Height and width, multiples of `multiple`.
  static func adaptedSize(
    largest: (height: Double, width: Double),
    smallest: Double?,
    multiple: Int
  ) -> ImageSize {
    var (height, width) = largest
    if let smallest, smallest > 0 {
      let factor = leastObjectSide / smallest
      (height, width) = (
        (height * leastObjectSide / smallest).rounded(.toNearestOrEven),
        (width * leastObjectSide / smallest).rounded(.toNearestOrEven)
      )
      if height > largest.height || !factor.isFinite { (height, width) = largest }
      if min(height, width) < leastSide, height > 0, width > 0 {
        if height > width {
          (height, width) = ((height * leastSide / width).rounded(.down), leastSide)
        } else {
          (height, width) = (leastSide, (width * leastSide / height).rounded(.down))
        }
      }
    }
    func up(_ value: Double) -> Int {
      let value = Int(min(max(value.rounded(.up), 1), 1e6))
      return (value + multiple - 1) / multiple * multiple
    }
    return ImageSize(height: up(height), width: up(width))
  }

  /// The largest picture, or tile, that a network would see.
  private static func largest(
    _ images: DatasetProfile.SizeStatistics,
    _ tiling: Tiling?
  ) -> (height: Double, width: Double) {
    var largest = (height: images.height.robustMax, width: images.width.robustMax)
    if let tile = tiling?.tileSize {
      largest.height = min(largest.height, Double(tile.height))
      largest.width = min(largest.width, Double(tile.width))
    }
    return largest
  }

  /// What the data asks for, however long it takes; `nil` where sizes are not known.
  static func wantedSize(
    for profile: DatasetProfile,
    model: ModelDescriptor,
    tiling: Tiling? = nil
  ) -> ImageSize? {
    profile.imageSizes.map {
      adaptedSize(
        largest: largest($0, tiling),
        smallest: profile.objectSides?.robustMin,
        multiple: model.sizeMultiple
      )
    }
  }

  /// ``adaptedSize(largest:smallest:multiple:)``, no larger in all than the model's default.
  ///
  /// - Returns: Height and width, multiples of the model's; and why.
  static func inputSize(
    for profile: DatasetProfile,
    model: ModelDescriptor,
    tiling: Tiling? = nil
  ) -> (ImageSize, String) {
    let multiple = model.sizeMultiple
    guard let images = profile.imageSizes,
      let wanted = wantedSize(for: profile, model: model, tiling: tiling)
    else {
      return (
        rounded(model.preprocessing.inputSize, to: multiple),
        "the model's default, since sizes of the pictures are not known"
      )
    }
    let largest = largest(images, tiling)
    let whole = "\(Int(largest.height.rounded()))x\(Int(largest.width.rounded()))"
    var reason = tiling == nil ? "pictures are up to \(whole)" : "tiles are \(whole)"
    if let smallest = profile.objectSides?.robustMin, smallest > 0 {
      reason += ", the smallest usual object \(Int(smallest.rounded())) pixels"
      if smallest > leastObjectSide { reason += " (32 would do)" }
      let factor = min(leastObjectSide / smallest, 1)
      if min(largest.height, largest.width) * factor < leastSide {
        reason += "; at least 256 a side"
      }
    }
    let limit = model.preprocessing.inputSize
    let pixels = Double(wanted.height) * Double(wanted.width)
    let limitPixels = Double(limit.height * limit.width)
    // Rounding up to multiples may go over it.
    let tolerated = limitPixels * (1 + 2 * Double(multiple) / Double(max(limit.height, 1)))
    if pixels > tolerated {
      let factor = (limitPixels / pixels).squareRoot()
      let fitted = ImageSize(
        height: Int(Double(wanted.height) * factor),
        width: Int(Double(wanted.width) * factor)
      )
      return (
        rounded(fitted, to: multiple),
        reason + "; made no larger than the model's default of \(limit), to keep training fast"
      )
    }
    return (wanted, reason + "; rounded up to multiples of \(multiple)")
  }

  func chooseBatchSize(
    _ recipe: inout Recipe,
    _ model: ModelDescriptor,
    _ profile: DatasetProfile,
    _ decisions: inout [Decision]
  ) {
    let wanted = recipe.training.batchSize
    let trainCount = trainSampleCount(recipe, profile)
    if trainCount > 0, wanted > trainCount {
      recipe.training.batchSize = trainCount
      decisions.append(
        Decision(
          setting: "batchSize",
          value: "\(trainCount)",
          reason: "there are only \(trainCount) training "
            + (recipe.data.tiling.settled == nil ? "images" : "tiles"),
          alternatives: [.init("\(wanted)", "the recipe's")]
        )
      )
    }
    let size = recipe.inputSize.resolved(model.preprocessing.inputSize)
    let perImage = AutoConfigurator.trainingBytes(of: model, at: size)
    let fitting = max(1, memoryLimit / max(perImage, 1))
    if recipe.training.batchSize > fitting {
      recipe.training.batchSize = fitting
      decisions.append(
        Decision(
          setting: "batchSize",
          value: "\(fitting)",
          reason: "a picture of \(size) takes about \(perImage >> 20) MiB in training, and "
            + "\(memoryLimit >> 20) MiB are to be had",
          alternatives: [.init("\(min(wanted, max(trainCount, 1)))", "would not fit")]
        )
      )
    }
  }

  /// Bytes that training on one picture takes, roughly.
  ///
  /// Activations grow with the work: mobile networks keep about 1.2 values for the backward pass
  /// for each 10 multiply-adds, 4 bytes each.
  static func trainingBytes(of model: ModelDescriptor, at size: ImageSize) -> Int {
    let base = model.preprocessing.inputSize
    let ratio = Double(size.height * size.width) / Double(max(base.height * base.width, 1))
    return Int(model.gigaMultiplyAdds * ratio * 1e9 * 0.12 * 4)
  }
}
