import OTXCore

/// Walks the segments of a JPEG file (ITU-T T.81, annex B) up to its frame header.
enum JPEGHeader {
  static func read(_ source: HeaderBytes) throws -> ImageHeader {
    var position = 2
    var orientation = 1
    while true {
      let marker = try source.require(position, 2)
      guard marker[0] == 0xFF else {
        throw source.failure("is a damaged JPEG: no marker at byte \(position)")
      }
      // Fill bytes before a marker, and markers without a length.
      if marker[1] == 0xFF {
        position += 1
        continue
      }
      if marker[1] == 0x01 || (0xD0...0xD7).contains(marker[1]) {
        position += 2
        continue
      }
      guard marker[1] != 0xD9 && marker[1] != 0xDA else {
        throw source.failure("is a JPEG without a frame header")
      }
      let length = try source.require(position + 2, 2).number16(at: 0)
      guard length >= 2 else { throw source.failure("is a damaged JPEG: bad segment length") }
      if isFrame(marker[1]) {
        let frame = try source.require(position + 4, 5)
        let size = ImageSize(height: frame.number16(at: 1), width: frame.number16(at: 3))
        return ImageHeader(
          format: .jpeg,
          storedSize: size,
          orientation: orientation,
          hasEnd: try hasEnd(source)
        )
      }
      if marker[1] == 0xE1, orientation == 1 {
        orientation = EXIF.orientation(try source.read(position + 4, length - 2)) ?? 1
      }
      position += 2 + length
    }
  }

  /// Start-of-frame markers; C4, C8 and CC are something else.
  private static func isFrame(_ marker: UInt8) -> Bool {
    (0xC0...0xCF).contains(marker) && marker != 0xC4 && marker != 0xC8 && marker != 0xCC
  }

  /// Whether an end-of-image marker stands in the file's last bytes; some programs append more.
  private static func hasEnd(_ source: HeaderBytes) throws -> Bool {
    let tail = try source.read(max(source.count - 4096, 0), 4096)
    var index = tail.count - 2
    while index >= 0 {
      if tail[index] == 0xFF && tail[index + 1] == 0xD9 { return true }
      index -= 1
    }
    return false
  }
}

/// The one tag of EXIF that changes what a picture looks like.
enum EXIF {
  /// The orientation (tag 0x0112) of an APP1 segment's content, 1…8.
  static func orientation(_ segment: [UInt8]) -> Int? {
    guard segment.starts(with: Array("Exif\0\0".utf8)) else { return nil }
    return orientation(tiff: Array(segment.dropFirst(6)))
  }

  /// The orientation of a TIFF structure: an `APP1` segment's or a PNG `eXIf` chunk's.
  static func orientation(tiff: [UInt8]) -> Int? {
    guard tiff.count >= 8 else { return nil }
    let isLittle: Bool
    switch (tiff[0], tiff[1]) {
    case (0x49, 0x49): isLittle = true
    case (0x4D, 0x4D): isLittle = false
    default: return nil
    }
    let directory = tiff.number32(at: 4, littleEndian: isLittle)
    guard directory + 2 <= tiff.count else { return nil }
    let entryCount = tiff.number16(at: directory, littleEndian: isLittle)
    for entry in 0..<entryCount {
      let start = directory + 2 + 12 * entry
      guard start + 12 <= tiff.count else { return nil }
      guard tiff.number16(at: start, littleEndian: isLittle) == 0x0112 else { continue }
      let value = tiff.number16(at: start + 8, littleEndian: isLittle)
      return (1...8).contains(value) ? value : nil
    }
    return nil
  }
}
