import Foundation
import OTXCore
import OTXImage

/// Pictures that lie as plain bytes in a file or in memory; their names are their numbers.
final class RawPictures: EmbeddedPictureReader {
  enum Layout: Sendable {
    case grey
    /// All of red row by row, then green, then blue.
    case planes
    /// The same, column by column.
    case planesByColumn

    var bytesPerPixel: Int { self == .grey ? 1 : 3 }
  }

  enum Source: Sendable {
    case memory([UInt8])
    case file(URL)
  }

  struct Place: Sendable {
    var offset: Int
    var size: ImageSize
  }

  private let url: URL
  private let source: Source
  private let places: [Place]
  private let layout: Layout

  /// - Parameters:
  ///   - url: The file that the pictures come from.
  ///   - source: Where their bytes are.
  ///   - places: Where each picture begins, and its size.
  ///   - layout: How its bytes are ordered.
  init(_ url: URL, source: Source, places: [Place], layout: Layout) {
    (self.url, self.source, self.places, self.layout) = (url, source, places, layout)
  }

  /// The picture of a number.
  func picture(_ index: Int) -> ImageSource {
    .embedded(EmbeddedPicture(url: url, name: "\(index)", reader: self))
  }

  private func place(of name: String) throws -> Place {
    guard let index = Int(name), places.indices.contains(index) else {
      throw DataError.unreadable(file: url.path, reason: "holds no picture \(name)")
    }
    return places[index]
  }

  func size(of name: String) throws -> ImageSize {
    let place = try place(of: name)
    guard place.size.height > 0, place.size.width > 0 else {
      throw DataError.unreadable(file: "\(url.path): picture \(name)", reason: "has no pixels")
    }
    return place.size
  }

  func image(of name: String) throws -> Image {
    let place = try place(of: name)
    let size = try size(of: name)
    let area = size.height * size.width
    let count = area * layout.bytesPerPixel
    let bytes: [UInt8]
    switch source {
    case .memory(let all) where place.offset >= 0 && place.offset + count <= all.count:
      bytes = Array(all[place.offset..<place.offset + count])
    case .memory: bytes = []
    case .file(let file): bytes = try ReadableFile(file).bytes(at: place.offset, count: count)
    }
    guard bytes.count == count else {
      throw DataError.unreadable(file: "\(url.path): picture \(name)", reason: "is cut short")
    }
    var pixels = [UInt8](repeating: 0, count: 3 * area)
    for y in 0..<size.height {
      for x in 0..<size.width {
        let target = 3 * (y * size.width + x)
        let from = layout == .planesByColumn ? x * size.height + y : y * size.width + x
        for channel in 0..<3 {
          pixels[target + channel] = bytes[layout == .grey ? from : channel * area + from]
        }
      }
    }
    return Image(size: size, pixels: pixels)
  }
}

extension ImageSource {
  /// The picture's pixels, wherever they are.
  func loaded() throws -> Image {
    switch self {
    case .path(let path): try ImageFile.read(path.url)
    case .memory(let image): image
    case .embedded(let picture): try picture.image()
    }
  }
}

extension Image {
  /// Grey levels (0.299, 0.587, 0.114), row by row.
  var greyLevels: [UInt8] {
    (0..<height * width).map { index in
      let (red, green, blue) = (
        Int(pixels[3 * index]), Int(pixels[3 * index + 1]), Int(pixels[3 * index + 2])
      )
      return UInt8((299 * red + 587 * green + 114 * blue + 500) / 1000)
    }
  }

  /// All of red, then green, then blue.
  var planes: [UInt8] {
    (0..<3).flatMap { channel in
      stride(from: channel, to: pixels.count, by: 3).map { pixels[$0] }
    }
  }
}

/// Names of pictures that lie together, each once: the last part of the path, else all of it, else with
/// a number.
struct UniqueNames {
  private var used: Set<String> = []

  mutating func name(of item: DatasetItem) -> String {
    let file = URL(filePath: item.id)
    let whole = item.id.replacingOccurrences(of: "/", with: "_")
    for candidate in [file.lastPathComponent, whole] where used.insert(candidate).inserted {
      return candidate
    }
    var number = 2
    while !used.insert("\(number)_\(whole)").inserted { number += 1 }
    return "\(number)_\(whole)"
  }

  static func of(_ items: [DatasetItem]) -> [String] {
    var names = UniqueNames()
    return items.map { names.name(of: $0) }
  }
}
