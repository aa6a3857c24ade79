/// A mask as the lengths of its runs, column by column from the top left, beginning with the run of
/// zeros: COCO's form (pycocotools, `maskApi`).
public struct RunLengthMask: Sendable, Hashable {
  public let size: ImageSize
  /// Lengths of runs of zeros and ones in turn; they add up to `size.height * size.width`.
  public let counts: [UInt32]

  /// - Returns: `nil` for runs that do not add up to the picture's pixels.
  public init?(size: ImageSize, counts: [UInt32]) {
    let total = counts.reduce(UInt64(0)) { $0 + UInt64($1) }
    guard size.height >= 0, size.width >= 0,
      total == UInt64(size.height) * UInt64(size.width)
    else { return nil }
    (self.size, self.counts) = (size, counts)
  }

  /// Of a bitmap `[height, width]`, row by row.
  ///
  /// - Precondition: `bitmap` holds `height * width` values.
  public init(size: ImageSize, bitmap: [Bool]) {
    precondition(bitmap.count == size.height * size.width)
    var counts: [UInt32] = []
    var (isSet, run) = (false, UInt32(0))
    for x in 0..<size.width {
      for y in 0..<size.height {
        if bitmap[y * size.width + x] != isSet {
          counts.append(run)
          (isSet, run) = (!isSet, 0)
        }
        run += 1
      }
    }
    counts.append(run)
    (self.size, self.counts) = (size, counts)
  }

  /// Of COCO's compressed text: each number in groups of five bits, the third and later ones as
  /// differences to the last but one.
  ///
  /// - Returns: `nil` for a text that is no mask of this size.
  public init?(size: ImageSize, compressed text: some Sequence<UInt8>) {
    var numbers: [Int64] = []
    var (value, shift) = (Int64(0), Int64(0))
    var isOpen = false
    for byte in text {
      guard (48..<112).contains(byte), shift < 60 else { return nil }
      let group = Int64(byte) - 48
      value |= (group & 0x1F) << shift
      shift += 5
      isOpen = group & 0x20 != 0
      guard !isOpen else { continue }
      if group & 0x10 != 0 { value |= -1 << shift }
      if numbers.count > 2 { value += numbers[numbers.count - 2] }
      numbers.append(value)
      (value, shift) = (0, 0)
    }
    let counts = numbers.compactMap { UInt32(exactly: $0) }
    guard !isOpen, counts.count == numbers.count else { return nil }
    self.init(size: size, counts: counts)
  }

  /// COCO's compressed text.
  public var compressed: String {
    var bytes: [UInt8] = []
    for (index, count) in counts.enumerated() {
      var value = Int64(count)
      if index > 2 { value -= Int64(counts[index - 2]) }
      while true {
        let group = UInt8(value & 0x1F)
        value >>= 5
        let isDone = group & 0x10 != 0 ? value == -1 : value == 0
        bytes.append(48 + (isDone ? group : group | 0x20))
        if isDone { break }
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Number of pixels in the mask.
  public var area: Int {
    stride(from: 1, to: counts.count, by: 2).reduce(0) { $0 + Int(counts[$1]) }
  }

  /// The smallest box around the pixels; `nil` for none.
  public var bounds: BoundingBox? {
    var (x1, y1, x2, y2) = (Int.max, Int.max, 0, 0)
    forEachRun { start, length in
      let end = start + length - 1
      let (left, right) = (start / size.height, end / size.height)
      (x1, x2) = (min(x1, left), max(x2, right + 1))
      // A run over the end of a column holds that column's last pixel and the next one's first.
      (y1, y2) =
        left == right
        ? (min(y1, start % size.height), max(y2, end % size.height + 1)) : (0, size.height)
    }
    guard x1 < x2 else { return nil }
    return BoundingBox(x1: Float(x1), y1: Float(y1), x2: Float(x2), y2: Float(y2))
  }

  /// The mask as `[height, width]`, row by row.
  public var bitmap: [Bool] {
    var result = [Bool](repeating: false, count: size.height * size.width)
    forEachRun { start, length in
      for position in start..<start + length {
        result[position % size.height * size.width + position / size.height] = true
      }
    }
    return result
  }

  private func forEachRun(_ body: (_ start: Int, _ length: Int) -> Void) {
    var position = 0
    for (index, count) in counts.enumerated() {
      if index % 2 == 1, count > 0 { body(position, Int(count)) }
      position += Int(count)
    }
  }
}
