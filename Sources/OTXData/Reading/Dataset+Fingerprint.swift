import Foundation
public import OTXCore

extension Dataset {
  /// What the subsets that training uses look like from outside.
  ///
  /// Names, sizes of files and annotations; no picture is read.
  public func fingerprint() -> DataFingerprint {
    var parts: [String: DataFingerprint.Part] = [:]
    for subset in [Subset.train, .val] {
      guard let items = items[subset], !items.isEmpty else { continue }
      var (names, pictures, annotations) = (StableHash(), StableHash(), StableHash())
      for item in items {
        names.add(item.id)
        pictures.add(item.image.byteCount)
        for annotation in item.annotations { annotation.add(to: &annotations) }
        annotations.add(UInt64(item.annotations.count))
      }
      parts[subset.rawValue] = DataFingerprint.Part(
        itemCount: items.count,
        names: names.value,
        pictures: pictures.value,
        annotations: annotations.value
      )
    }
    return DataFingerprint(subsets: parts)
  }
}

extension ImageSource {
  private static func byteCount(_ path: String) -> UInt64 {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(status.st_size) : 0
  }

  /// Bytes of the file, or of the pixels in memory; 0 for a file that is not there.
  fileprivate var byteCount: UInt64 {
    switch self {
    case .memory(let image): return UInt64(image.pixels.count)
    case .path(let path): return ImageSource.byteCount(path.path)
    case .embedded(let picture): return ImageSource.byteCount(picture.url.path)
    }
  }
}

extension Annotation {
  /// Labels alone and boxes are hashed as they always were: runs of earlier releases go on.
  fileprivate func add(to hash: inout StableHash) {
    hash.add(label ?? "")
    if let box {
      for number in [box.x1, box.y1, box.x2, box.y2] { hash.add(UInt64(number.bitPattern)) }
      hash.add((isCrowd ? 1 : 0) + (isDifficult ? 2 : 0))
    }
  }
}
