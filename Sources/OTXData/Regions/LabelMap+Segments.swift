import Foundation
public import OTXCore
import OTXImage

/// The pixels of one label, or of one object, in a label map.
public struct LabelSegment: Sendable, Equatable {
  public var label: String
  /// What tells objects of one label apart; `nil` for pixels that are no single object.
  public var instance: Int?
  public var mask: RunLengthMask
  public init(label: String, instance: Int?, mask: RunLengthMask) {
    (self.label, self.instance, self.mask) = (label, instance, mask)
  }
}

extension LabelMap {
  /// Reads the file and parts it into its labels and objects.
  ///
  /// Pixels of numbers that the table does not list are in no segment.
  ///
  /// - Parameter size: The picture's size, where it is known; a map of another size is an error.
  /// - Returns: One for each label and object that has pixels, in the order of their numbers.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  public func segments(size: ImageSize? = nil) throws -> [LabelSegment] {
    let picture = try picture(size: size)
    var slots: [SegmentKey: Int] = [:]
    var keys: [SegmentKey] = []
    var builders: [RunBuilder] = []
    try forEachRun(of: picture) { key, run in
      let slot = slots[key] ?? keys.count
      if slot == keys.count {
        slots[key] = slot
        keys.append(key)
        builders.append(RunBuilder(size: picture.size))
      }
      builders[slot].append(run)
    }
    return keys.indices.sorted { keys[$0] < keys[$1] }.compactMap { slot in
      guard let label = table[keys[slot].label] else { return nil }
      let instance = keys[slot].instance
      return LabelSegment(
        label: label,
        instance: instance < 0 ? nil : instance,
        mask: builders[slot].mask
      )
    }
  }

  /// Reads the file as an index of a label for each pixel, row by row.
  ///
  /// - Parameters:
  ///   - indices: Index of each label's name.
  ///   - ignoring: What pixels of other labels become.
  ///   - size: The picture's size, where it is known; a map of another size is an error.
  /// - Returns: The map's size and its indices.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  public func labelIndices(
    _ indices: [String: UInt8],
    ignoring: UInt8 = 255,
    size: ImageSize? = nil
  ) throws -> (size: ImageSize, pixels: [UInt8]) {
    let picture = try picture(size: size)
    var known: [UInt32: UInt8] = [:]
    var (last, result) = (picture.values.first.map { ~$0 } ?? 0, ignoring)
    let pixels = picture.values.map { value -> UInt8 in
      if value == last { return result }
      last = value
      if let index = known[value] {
        result = index
      } else {
        result = table[parts(of: value).label].flatMap { indices[$0] } ?? ignoring
        known[value] = result
      }
      return result
    }
    return (picture.size, pixels)
  }

  private struct SegmentKey: Hashable, Comparable {
    var label: Int
    /// -1 for no object.
    var instance: Int
    static func < (left: SegmentKey, right: SegmentKey) -> Bool {
      (left.label, left.instance) < (right.label, right.instance)
    }
  }

  private func picture(size: ImageSize?) throws -> IndexImage {
    let picture = try IndexImage.read(
      url,
      as: instances == .ade20k ? .color : encoding.reading
    )
    if let size, size != picture.size {
      throw DataError.unreadable(
        file: url.path,
        reason: "has \(picture.size) pixels and its picture \(size)"
      )
    }
    return picture
  }

  /// What a number says of its pixel by itself.
  private func parts(of value: UInt32) -> SegmentKey {
    let number = Int(value)
    switch instances {
    case .none, .file: return SegmentKey(label: number, instance: -1)
    case .quotient(let divisor) where divisor > 0 && number >= divisor:
      return SegmentKey(label: number / divisor, instance: number % divisor)
    case .product(let divisor) where divisor > 0:
      let instance = number % divisor
      return SegmentKey(label: number / divisor, instance: instance == 0 ? -1 : instance)
    case .quotient, .product: return SegmentKey(label: number, instance: -1)
    case .ade20k:
      return SegmentKey(
        label: (number >> 16) / 10 * 256 + (number >> 8 & 0xFF),
        instance: number & 0xFF
      )
    }
  }

  /// Walks down the columns, with a call for each run of one label or object.
  private func forEachRun(
    of picture: IndexImage,
    _ body: (SegmentKey, Range<Int>) -> Void
  ) throws {
    var objects: [UInt32] = []
    if case .file(let file, let encoding) = instances {
      let second = try IndexImage.read(file, as: encoding.reading)
      guard second.size == picture.size else {
        throw DataError.unreadable(
          file: file.path,
          reason: "has \(second.size) pixels and \(url.lastPathComponent) \(picture.size)"
        )
      }
      objects = second.values
    }
    let (height, width) = (picture.size.height, picture.size.width)
    let values = picture.values
    var (start, last) = (0, UInt64.max)
    var key = SegmentKey(label: -1, instance: -1)
    var isListed = false
    var position = 0
    for x in 0..<width {
      for y in 0..<height {
        let index = y * width + x
        let object = objects.isEmpty ? 0 : objects[index]
        let number = UInt64(values[index]) << 32 | UInt64(object)
        if number != last {
          if isListed { body(key, start..<position) }
          (start, last) = (position, number)
          key = parts(of: values[index])
          if object > 0 { key.instance = Int(object) }
          isListed = table[key.label] != nil
        }
        position += 1
      }
    }
    if isListed { body(key, start..<position) }
  }
}

extension LabelMap.Encoding {
  var reading: IndexImage.Reading {
    switch self {
    case .index: .index
    case .color: .color
    }
  }
}
