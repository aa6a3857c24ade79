import Foundation
import OTXCore
import OTXImage

/// What a picture is known by: its bytes, and what it looks like.
struct PictureSignature: Sendable, Equatable {
  /// Of the file's bytes, or of the pixels in memory.
  var contentHash: UInt64
  /// A bit for each of the 64 lowest frequencies: set where it is above their median (perceptual
  /// hash by the discrete cosine transform; Zauner, Implementation and Benchmarking of Perceptual
  /// Image Hash Functions, 2010, section 3.2).
  var perceptualHash: UInt64
  /// 16 × 16 grey levels, to be sure of what the hash suggests.
  var thumbnail: [UInt8]
  /// Whether the picture is one grey level all over: such pictures have no look to compare.
  var isFlat: Bool

  /// Side of the picture whose frequencies are taken.
  private static let side = 32
  private static let frequencyCount = 8

  /// - Parameters:
  ///   - image: The decoded picture.
  ///   - contentHash: Of its file.
  /// - Throws: Whatever resizing throws.
  init(_ image: Image, contentHash: UInt64) throws {
    let side = PictureSignature.side
    let small = try image.resized(to: ImageSize(height: side, width: side), interpolation: .area)
    let levels = (0..<side * side).map { index -> UInt8 in
      // ITU-R BT.601 luma.
      let red = Int(small.pixels[3 * index]) * 299
      let green = Int(small.pixels[3 * index + 1]) * 587
      return UInt8((red + green + Int(small.pixels[3 * index + 2]) * 114) / 1000)
    }
    self.contentHash = contentHash
    isFlat = (levels.max() ?? 0) - (levels.min() ?? 0) < 8
    perceptualHash = PictureSignature.hash(of: levels)
    thumbnail = (0..<side * side / 4).map { index in
      let corner = index / (side / 2) * 2 * side + index % (side / 2) * 2
      let sum = Int(levels[corner]) + Int(levels[corner + 1]) + Int(levels[corner + side])
      return UInt8((sum + Int(levels[corner + side + 1])) / 4)
    }
  }

  /// The lowest frequencies in both directions, the constant one left out of the median.
  private static func hash(of levels: [UInt8]) -> UInt64 {
    var rows = [Double](repeating: 0, count: side * frequencyCount)
    for y in 0..<side {
      for u in 0..<frequencyCount {
        var sum = 0.0
        for x in 0..<side { sum += Double(levels[y * side + x]) * cosines[u * side + x] }
        rows[y * frequencyCount + u] = sum
      }
    }
    var values: [Double] = []
    for v in 0..<frequencyCount {
      for u in 0..<frequencyCount {
        var sum = 0.0
        for y in 0..<side { sum += rows[y * frequencyCount + u] * cosines[v * side + y] }
        values.append(sum)
      }
    }
    let sorted = values.dropFirst().sorted()
    let median = sorted[sorted.count / 2]
    var hash: UInt64 = 0
    for (bit, value) in values.enumerated() where value > median { hash |= 1 << UInt64(bit) }
    return hash
  }

  private static let cosines: [Double] = (0..<frequencyCount).flatMap { frequency in
    (0..<side).map { position in
      cos(Double.pi * Double(frequency) * (Double(position) + 0.5) / Double(side))
    }
  }

  /// Mean difference of grey levels, 0…255.
  func meanDifference(from other: PictureSignature) -> Double {
    var sum = 0
    for index in thumbnail.indices {
      sum += abs(Int(thumbnail[index]) - Int(other.thumbnail[index]))
    }
    return Double(sum) / Double(thumbnail.count)
  }
}

/// Pictures that look the same.
enum NearDuplicates {
  /// Bits in which hashes of near-duplicates may differ.
  static let largestDistance = 5
  /// Mean difference of grey levels of near-duplicates, of 255.
  static let largestDifference = 6.0

  /// Groups of indices whose pictures look the same, each of at least two, in order.
  ///
  /// Hashes that differ in at most `largestDistance` bits agree in at least one of
  /// `largestDistance + 1` bands: only pictures that share a band are compared.
  static func groups(_ signatures: [PictureSignature?]) -> [[Int]] {
    var union = DisjointSets(count: signatures.count)
    let bandCount = largestDistance + 1
    let width = (64 + bandCount - 1) / bandCount
    for band in 0..<bandCount {
      var buckets: [UInt64: [Int]] = [:]
      for (index, signature) in signatures.enumerated() {
        guard let signature, !signature.isFlat else { continue }
        let key = signature.perceptualHash >> UInt64(band * width) & (1 << UInt64(width) - 1)
        buckets[key, default: []].append(index)
      }
      for members in buckets.values where members.count > 1 {
        join(members, signatures, &union)
      }
    }
    return union.groups.filter { $0.count > 1 }
  }

  private static func join(
    _ members: [Int],
    _ signatures: [PictureSignature?],
    _ union: inout DisjointSets
  ) {
    for (position, first) in members.enumerated() {
      guard let a = signatures[first] else { continue }
      for second in members[(position + 1)...] where !union.areJoined(first, second) {
        guard let b = signatures[second],
          (a.perceptualHash ^ b.perceptualHash).nonzeroBitCount <= largestDistance,
          a.meanDifference(from: b) <= largestDifference
        else { continue }
        union.join(first, second)
      }
    }
  }
}

/// Sets of numbers that are joined two by two (union–find).
struct DisjointSets {
  private var parents: [Int]

  init(count: Int) { parents = Array(0..<count) }

  mutating func root(of index: Int) -> Int {
    var index = index
    while parents[index] != index {
      parents[index] = parents[parents[index]]
      index = parents[index]
    }
    return index
  }

  mutating func areJoined(_ a: Int, _ b: Int) -> Bool { root(of: a) == root(of: b) }

  mutating func join(_ a: Int, _ b: Int) {
    let (a, b) = (root(of: a), root(of: b))
    parents[max(a, b)] = min(a, b)
  }

  /// The sets, in the order of their first members.
  var groups: [[Int]] {
    var copy = self
    var members: [Int: [Int]] = [:]
    for index in parents.indices { members[copy.root(of: index), default: []].append(index) }
    return members.sorted { $0.key < $1.key }.map(\.value)
  }
}
