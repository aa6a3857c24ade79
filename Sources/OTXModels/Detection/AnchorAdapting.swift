/// Height and width of an object, in pixels of the network's input.
public struct ImageExtent: Sendable, Hashable {
  public var height: Double
  public var width: Double
  public init(height: Double, width: Double) { (self.height, self.width) = (height, width) }
}

/// A detector whose anchors can be fitted to the objects of a data set.
///
/// To be called once, before the first step of a training that starts from random weights or from
/// another data set's; never on a checkpoint that is to be resumed, evaluated or exported.
public protocol AnchorAdapting: AnyObject {
  /// Fits the anchors to the sizes of the train subset's objects, scaled as their pictures are for
  /// the network; with fewer different sizes than anchors nothing changes.
  func adaptAnchors(to sizes: [ImageExtent]) throws
}

/// The centres of `count` clusters of sizes, smallest area first; none when there are too few sizes.
///
/// Lloyd's algorithm from quantiles of the area: the same sizes in any order give the same clusters.
func clusteredExtents(_ sizes: [ImageExtent], count: Int) -> [ImageExtent] {
  let sorted = sizes.filter { $0.height > 0 && $0.width > 0 }
    .sorted { ($0.height * $0.width, $0.height) < ($1.height * $1.width, $1.height) }
  guard count > 0, Set(sorted).count >= count else { return [] }
  var centers = initialCenters(sorted, count: count)
  for _ in 0..<100 {
    var sums = [(height: Double, width: Double, count: Double)](repeating: (0, 0, 0), count: count)
    for size in sorted {
      let nearest = nearestCenter(to: size, in: centers)
      sums[nearest].height += size.height
      sums[nearest].width += size.width
      sums[nearest].count += 1
    }
    // A cluster that lost all its members stays where it was.
    let moved = zip(centers, sums).map { center, sum in
      sum.count > 0
        ? ImageExtent(height: sum.height / sum.count, width: sum.width / sum.count) : center
    }
    if moved == centers { break }
    centers = moved
  }
  return centers.sorted { ($0.height * $0.width, $0.height) < ($1.height * $1.width, $1.height) }
}

/// Different sizes at equal steps through the sorted list.
private func initialCenters(_ sorted: [ImageExtent], count: Int) -> [ImageExtent] {
  var distinct: [ImageExtent] = []
  for size in sorted where size != distinct.last { distinct.append(size) }
  return (0..<count).map { distinct[(2 * $0 + 1) * distinct.count / (2 * count)] }
}

private func nearestCenter(to size: ImageExtent, in centers: [ImageExtent]) -> Int {
  var best = 0
  var smallest = Double.infinity
  for (index, center) in centers.enumerated() {
    let (dh, dw) = (size.height - center.height, size.width - center.width)
    let distance = dh * dh + dw * dw
    if distance < smallest { (best, smallest) = (index, distance) }
  }
  return best
}
