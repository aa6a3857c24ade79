import OTXCore
import OTXTensor

/// Turns bytes into what a network reads, on the device.
struct InputNormalizer {
  private let mean: Tensor
  private let scale: Tensor

  init(_ preprocessing: Preprocessing) throws {
    mean = try Tensor(preprocessing.mean, shape: [1, 3, 1, 1])
    scale = try Tensor(preprocessing.std.map { 1 / $0 }, shape: [1, 3, 1, 1])
  }

  /// `[N, 3, H, W]` floats, channels-last, `(pixel - mean) / std`.
  func tensor(_ images: ImageBatch) throws -> Tensor {
    let bytes = try Tensor(
      images.pixels,
      shape: [images.count, images.height, images.width, Image.channelCount]
    )
    // [N, H, W, 3] bytes seen as [N, 3, H, W] are channels-last already: nothing is moved.
    let floats = try bytes.permute([0, 3, 1, 2]).to(.float32)
    try floats.sub_(mean)
    try floats.mul_(scale)
    return floats
  }
}
