/// What a channel is judged by.
package enum ChannelCriterion: String, Sendable, CaseIterable {
  /// The squares of its filters.
  case magnitude
  /// What it carries: the squares of its normalisation's scale and shift, else those of its filters.
  case energy
  /// What it carries times the squares of the weights that read it.
  case contribution
}

/// The share of each channel in what its layers say.
struct ChannelImportance {
  let dependencies: ChannelDependencies
  let criterion: ChannelCriterion
  /// Shares of a parameter's slices by parameter and axis.
  private var known: [Key: [Double]] = [:]

  private struct Key: Hashable {
    var parameter: Int
    var axis: Int
    var isEnergy: Bool
  }

  init(_ dependencies: ChannelDependencies, by criterion: ChannelCriterion) {
    (self.dependencies, self.criterion) = (dependencies, criterion)
  }

  /// The channels' importance: 1 for each layer of the group is shared out among them.
  mutating func shares(of group: ChannelDependencies.Group) -> [Double] {
    var shares: [Double] = []
    for channel in group.channels {
      var made = 0.0
      var (read, readers) = (0.0, 0)
      for place in channel.places {
        let parameter = dependencies.parameters[place.parameter]
        if parameter.filterAxis == place.axis {
          made += share(place, isEnergy: criterion != .magnitude)
        } else if parameter.isDepthwise, place.axis == 0, criterion != .magnitude {
          made += share(place, isEnergy: true)
        } else if parameter.filterAxis != nil, place.axis < 2, criterion == .contribution {
          read += share(place, isEnergy: false) * Double(parameter.shape[place.axis])
          readers += 1
        }
      }
      shares.append(readers > 0 ? made * read / Double(readers) : made)
    }
    let total = shares.reduce(0, +)
    let weight = Double(max(group.layers.count, 1))
    guard total > 0, total.isFinite else {
      return shares.map { _ in weight / Double(max(shares.count, 1)) }
    }
    return shares.map { weight * $0 / total }
  }

  /// The share that a slice has of all slices.
  private mutating func share(_ place: ChannelDependencies.Place, isEnergy: Bool) -> Double {
    let key = Key(parameter: place.parameter, axis: place.axis, isEnergy: isEnergy)
    if let shares = known[key] { return shares[place.index] }
    let parameter = dependencies.parameters[place.parameter]
    var squares = parameter.values.squares(along: place.axis)
    if isEnergy, let norm = parameter.normalization {
      let scales = dependencies.parameters[norm.scale].values.squares(along: 0)
      let shifts = dependencies.parameters[norm.shift].values.squares(along: 0)
      if scales.count == squares.count, shifts.count == squares.count {
        squares = zip(scales, shifts).map { $0 + $1 }
      }
    }
    let total = squares.reduce(0, +)
    let shares =
      total > 0 && total.isFinite
      ? squares.map { $0 / total } : squares.map { _ in 1 / Double(max(squares.count, 1)) }
    known[key] = shares
    return shares[place.index]
  }
}

extension ArrayBuffer {
  /// The sum of the squares of each slice along an axis; of numbers of 32 bits.
  func squares(along axis: Int) -> [Double] {
    guard elementType == .float32, shape.indices.contains(axis) else { return [] }
    let inner = shape[(axis + 1)...].reduce(1, *)
    let extent = shape[axis]
    var sums = Array(repeating: 0.0, count: extent)
    bytes.withUnsafeBytes { raw in
      let count = min(elementCount, raw.count / 4)
      for start in stride(from: 0, to: count - count % max(inner, 1), by: max(inner, 1)) {
        var sum = 0.0
        for index in start..<(start + inner) {
          let value = Double(raw.loadUnaligned(fromByteOffset: 4 * index, as: Float.self))
          sum += value * value
        }
        sums[start / max(inner, 1) % extent] += sum
      }
    }
    return sums
  }

  /// The array without the slices at `indices` of an axis.
  func removing(_ indices: Set<Int>, along axis: Int) -> ArrayBuffer {
    let extent = shape[axis]
    let size = shape[(axis + 1)...].reduce(1, *) * elementType.byteCount
    let outer = shape[..<axis].reduce(1, *)
    var result = self
    result.shape[axis] = extent - indices.count
    result.bytes = []
    result.bytes.reserveCapacity(outer * result.shape[axis] * size)
    for row in 0..<outer {
      for index in 0..<extent where !indices.contains(index) {
        let start = (row * extent + index) * size
        result.bytes += bytes[start..<(start + size)]
      }
    }
    return result
  }
}
