import COpenCV
public import OTXCore

/// Changes of single pixels and small neighbourhoods, in place.
///
/// They do what torchvision's functions of the same names do to `uint8` pictures, to the bit;
/// checked by `Tools/goldens/augmentations.py`.
extension Image {
  /// Every level is multiplied by `factor`.
  public mutating func adjustBrightness(_ factor: Float) throws {
    try mapLevels { Image.truncated(Float($0) * factor) }
  }

  /// Mixes every level with the mean grey level; `factor` 0: all of it, 1: none.
  public mutating func adjustContrast(_ factor: Double) throws {
    var mean: Float = 0
    try withReadView { view in
      try checked { otx_cv_mean_grey(view, &mean, $0, $1) }
    }
    let (own, other) = (Float(factor), Float(1 - factor))
    // Rounded once, as PyTorch does: the product is exact in a double.
    let rest = Double(mean) * Double(other)
    try mapLevels { Image.truncated(Float(Double(Float($0) * own) + rest)) }
  }

  /// Mixes every pixel with its grey level; `factor` 0: all of it, 1: none.
  public mutating func adjustSaturation(_ factor: Double) throws {
    try withView { view in
      try checked { otx_cv_saturate(view, factor, $0, $1) }
    }
  }

  /// Turns the hue by `turn` of the circle, -0.5…0.5.
  public mutating func adjustHue(_ turn: Double) throws {
    try withView { view in
      try checked { otx_cv_turn_hue(view, turn, $0, $1) }
    }
  }

  /// Mixes every pixel with its smoothed neighbourhood; `factor` 0: all of it, 1: none, above 1:
  /// sharper.
  public mutating func adjustSharpness(_ factor: Double) throws {
    try withView { view in
      try checked { otx_cv_sharpen(view, factor, $0, $1) }
    }
  }

  /// Makes every channel the grey level.
  public mutating func convertToGrayscale() throws {
    try withView { view in
      try checked { otx_cv_grey(view, $0, $1) }
    }
  }

  /// Keeps the highest `bits` of each level, 0…8.
  public mutating func posterize(bits: Int) throws {
    let mask = UInt8(truncatingIfNeeded: 0xFF00 >> min(max(bits, 0), 8))
    try mapLevels { $0 & mask }
  }

  /// Inverts the levels from `threshold` on.
  public mutating func solarize(threshold: Float) throws {
    try mapLevels { Float($0) < threshold ? $0 : 255 - $0 }
  }

  /// Inverts every level.
  public mutating func invert() throws { try mapLevels { 255 - $0 } }

  /// Stretches each channel's levels to 0…255.
  public mutating func autoContrast() throws {
    let counts = try histograms()
    let tables = counts.flatMap { counts -> [UInt8] in
      let (low, high) = (counts.firstIndex { $0 > 0 } ?? 0, counts.lastIndex { $0 > 0 } ?? 0)
      guard low < high else { return (0...255).map { UInt8($0) } }
      let scale = Float(high - low) * Float(1.0 / 255.0)
      return (0...255).map { Image.truncated(Float($0 - low) / scale) }
    }
    try apply(tables)
  }

  /// Spreads each channel's levels so that all are about as frequent (Pillow's formula).
  public mutating func equalize() throws {
    let counts = try histograms()
    let tables = counts.flatMap { counts -> [UInt8] in
      let total = counts.reduce(0, +)
      let highest = counts.lastIndex { $0 > 0 } ?? 0
      let step = (total - counts[highest]) / 255
      guard step > 0 else { return (0...255).map { UInt8($0) } }
      var sum = step / 2
      return counts.map { count in
        defer { sum += count }
        return UInt8(min(sum / step, 255))
      }
    }
    try apply(tables)
  }

  /// Blurs with a Gaussian kernel of `size` (odd) pixels; `sigma` in pixels.
  public mutating func blur(size: Int, sigma: Double) throws {
    try withView { view in
      try checked { otx_cv_blur(view, Int32(size), sigma, $0, $1) }
    }
  }

  /// Adds normal noise in units of 0…255, drawn from `seed`.
  public mutating func addNoise(mean: Double, sigma: Double, seed: UInt64) throws {
    try withView { view in
      try checked { otx_cv_noise(view, seed, mean, sigma, $0, $1) }
    }
  }

  /// Paints a part, as far as it lies inside, with a colour.
  public mutating func paint(_ region: PixelRegion, _ color: Color) {
    let part = Image(
      size: region.size,
      red: color.red,
      green: color.green,
      blue: color.blue
    )
    paste(part, y: region.y, x: region.x)
  }

  /// The picture moved by `transform`, the nearest pixel taken; `fill` where none is.
  ///
  /// Coordinates are those of boxes: the middle of the first pixel is (0.5, 0.5).
  public func warpedNearest(by transform: SpatialTransform, fill: Color) throws -> Image {
    let (a, b) = (Double(transform.scaleX), Double(transform.shearX))
    let (c, d) = (Double(transform.shearY), Double(transform.scaleY))
    let determinant = a * d - b * c
    guard determinant != 0 else {
      throw DataError.invalidItem("a picture of \(size)", reason: "cannot be flattened to a line")
    }
    let (x, y) = (Double(transform.offsetX), Double(transform.offsetY))
    let inverse = [
      d / determinant, -b / determinant, (b * y - d * x) / determinant,
      -c / determinant, a / determinant, (c * x - a * y) / determinant,
    ]
    var result = Image(size: transform.size)
    try withReadView { from in
      try result.withView { to in
        try checked { otx_cv_warp_nearest(from, to, inverse, fill.code, $0, $1) }
      }
    }
    return result
  }

  /// Clips to 0…255 and cuts off what follows the point.
  private static func truncated(_ value: Float) -> UInt8 { UInt8(min(max(value, 0), 255)) }

  /// Replaces each level by what `map` makes of it.
  private mutating func mapLevels(_ map: (UInt8) -> UInt8) throws {
    let table = (0...255).map { map(UInt8($0)) }
    try apply(table + table + table)
  }

  private mutating func apply(_ tables: [UInt8]) throws {
    try withView { view in
      try checked { otx_cv_apply_tables(view, tables, $0, $1) }
    }
  }

  /// How often each level stands in red, green and blue.
  private func histograms() throws -> [[Int]] {
    var counts = [Int64](repeating: 0, count: 3 * 256)
    try withReadView { view in
      try checked { otx_cv_histograms(view, &counts, $0, $1) }
    }
    return (0..<3).map { channel in counts[256 * channel..<256 * (channel + 1)].map { Int($0) } }
  }
}
