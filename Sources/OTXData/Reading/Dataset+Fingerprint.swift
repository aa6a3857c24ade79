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
  /// Bytes of the file, or of the pixels in memory; 0 for a file that is not there.
  fileprivate var byteCount: UInt64 {
    switch self {
    case .memory(let image): return UInt64(image.pixels.count)
    case .file(let url):
      var status = stat()
      return stat(url.path, &status) == 0 ? UInt64(status.st_size) : 0
    }
  }
}

extension Annotation {
  fileprivate func add(to hash: inout StableHash) {
    switch self {
    case .label(let label): hash.add(label)
    case .box(let box, let label, let isCrowd, let isDifficult):
      hash.add(label)
      for number in [box.x1, box.y1, box.x2, box.y2] { hash.add(UInt64(number.bitPattern)) }
      hash.add((isCrowd ? 1 : 0) + (isDifficult ? 2 : 0))
    }
  }
}
