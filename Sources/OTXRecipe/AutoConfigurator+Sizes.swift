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
    let (size, reason) = AutoConfigurator.inputSize(
      for: profile,
      model: model,
      tiling: recipe.data.tiling.settled
    )
    recipe.inputSize = .value(size)
    decisions.append(Decision(setting: "inputSize", value: size.description, reason: reason))
  }

  /// The input size at which the smallest usual object is 32 pixels wide, within the pictures' own
  /// size (OTX 2.x `input_size: auto`).
  ///
  /// - Returns: Height and width, multiples of the model's; and why.
  static func inputSize(
    for profile: DatasetProfile,
    model: ModelDescriptor,
    tiling: Tiling? = nil
  ) -> (ImageSize, String) {
    let multiple = model.sizeMultiple
    guard let images = profile.imageSizes else {
      return (
        rounded(model.preprocessing.inputSize, to: multiple),
        "the model's default, since sizes of the pictures are not known"
      )
    }
    var largest = (height: images.height.robustMax, width: images.width.robustMax)
    if let tile = tiling?.tileSize {
      largest.height = min(largest.height, Double(tile.height))
      largest.width = min(largest.width, Double(tile.width))
    }
    let whole = "\(Int(largest.height.rounded()))x\(Int(largest.width.rounded()))"
    var (height, width) = largest
    var reason = tiling == nil ? "pictures are up to \(whole)" : "tiles are \(whole)"
    if let smallest = profile.objectSides?.robustMin, smallest > 0 {
      let factor = 32 / smallest
      reason += ", the smallest usual object \(Int(smallest.rounded())) pixels"
      if factor < 1 {
        (height, width) = (height * factor, width * factor)
        reason += ", which 32 would do for"
      }
    }
    if min(height, width) < 256 {
      let factor = 256 / min(height, width)
      (height, width) = (height * factor, width * factor)
      reason += "; at least 256 a side"
    }
    let wanted = ImageSize(height: Int(height.rounded()), width: Int(width.rounded()))
    let limit = model.preprocessing.inputSize
    let pixels = Double(wanted.height * wanted.width)
    let limitPixels = Double(limit.height * limit.width)
    if pixels > limitPixels {
      let factor = (limitPixels / pixels).squareRoot()
      let fitted = ImageSize(height: Int(height * factor), width: Int(width * factor))
      return (
        rounded(fitted, to: multiple),
        reason + "; made no larger than the model's default of \(limit), to keep training fast"
      )
    }
    return (rounded(wanted, to: multiple), reason + "; rounded up to multiples of \(multiple)")
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
            + (recipe.data.tiling.settled == nil ? "images" : "tiles")
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
            + "\(memoryLimit >> 20) MiB are to be had"
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
