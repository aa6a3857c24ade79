import OTXCore
import OTXTensor

/// Turns bytes into what a network reads, on the device.
struct InputNormalizer {
  private let mean: Tensor
  private let scale: Tensor

  init(_ preprocessing: Preprocessing) throws {
    mean = try Tensor(preprocessing.mean, shape: [3])
    scale = try Tensor(preprocessing.std.map { 1 / $0 }, shape: [3])
  }

  /// `[N, 3, H, W]` numbers, channels-last, `(pixel - mean) / std`, in one pass over the bytes.
  func tensor(_ images: ImageBatch, as dtype: DType = .float32) throws -> Tensor {
    let bytes = try Tensor(
      images.pixels,
      shape: [images.count, images.height, images.width, Image.channelCount]
    )
    return try bytes.normalizedPictures(mean: mean, scale: scale, as: dtype)
  }
}
