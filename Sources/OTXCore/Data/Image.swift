/// An RGB picture, 8 bits a channel, rows of interleaved pixels (`H`, `W`, `C`).
///
/// The pixels are an array: copies share storage until one of them is written to.
public struct Image: Sendable, Equatable {
  public static let channelCount = 3

  public let size: ImageSize
  /// `height * width * 3` bytes.
  public var pixels: [UInt8]

  public var height: Int { size.height }
  public var width: Int { size.width }

  /// - Precondition: `pixels` holds `size.height * size.width * 3` bytes.
  public init(size: ImageSize, pixels: [UInt8]) {
    precondition(pixels.count == size.height * size.width * Image.channelCount)
    self.size = size
    self.pixels = pixels
  }

  /// A picture of one colour.
  public init(size: ImageSize, red: UInt8 = 0, green: UInt8 = 0, blue: UInt8 = 0) {
    self.size = size
    let count = size.height * size.width
    if red == green && green == blue {
      pixels = [UInt8](repeating: red, count: count * 3)
    } else {
      pixels = [UInt8](unsafeUninitializedCapacity: count * 3) { buffer, initialized in
        for index in 0..<count {
          buffer[3 * index] = red
          buffer[3 * index + 1] = green
          buffer[3 * index + 2] = blue
        }
        initialized = count * 3
      }
    }
  }

  /// Noise, the same for the same `seed`: for timing, where what a picture shows matters little.
  package static func noise(_ size: ImageSize, seed: UInt64) -> Image {
    var generator = CounterGenerator(seed: 0, seed)
    var image = Image(size: size)
    for index in image.pixels.indices { image.pixels[index] = UInt8(generator.next() & 255) }
    return image
  }

  /// No pixels: what is left of an entity's picture once it stands in a batch.
  public static let empty = Image(size: ImageSize(height: 0, width: 0), pixels: [])
}

/// Pictures of one size, stacked: `[N, H, W, 3]` bytes, row-major.
///
/// Bytes until the device: the backend makes a tensor of them and normalises there.
public struct ImageBatch: Sendable, Equatable {
  public let count: Int
  public let size: ImageSize
  public let pixels: [UInt8]

  public var height: Int { size.height }
  public var width: Int { size.width }

  /// - Throws: ``DataError/emptyBatch``, ``DataError/unevenImageSizes(_:)``.
  public init(stacking images: [Image]) throws {
    guard let first = images.first else { throw DataError.emptyBatch }
    guard images.allSatisfy({ $0.size == first.size }) else {
      throw DataError.unevenImageSizes(images.map(\.size))
    }
    count = images.count
    size = first.size
    let stride = first.pixels.count
    pixels = [UInt8](unsafeUninitializedCapacity: stride * images.count) { buffer, initialized in
      for (index, image) in images.enumerated() {
        image.pixels.withUnsafeBufferPointer { source in
          guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
          (to + index * stride).initialize(from: from, count: stride)
        }
      }
      initialized = stride * images.count
    }
  }
}
