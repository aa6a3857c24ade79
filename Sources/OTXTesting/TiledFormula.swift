public import OTXCore

/// Weights of large networks: as ``Formula/weight(_:_:k:)``, but of noise that repeats after a
/// prime number of elements, and smaller.
///
/// A hundred million numbers are made in a moment, also by a debug build. The period divides no row
/// of a weight, so that rows differ; entry `k` starts somewhere of its own. Two and more axes have the
/// noise times `sqrt(3 / fan-in)`: half the variance that keeps magnitudes in a plain network, so that
/// the residual ones of 150 layers stay finite.
///
/// The other half is `Tools/goldens/common.py` (`fill_tiled`); both give the same bits.
public struct TiledFormula {
  private static let noise = Formula.noise(count: 65_521, k: 0)
  private struct Line: Hashable {
    var scale: Double
    var shift: Double
  }
  private var tables: [Line: [Float]] = [:]

  public init() {}

  /// The `k`-th entry of a state dictionary, 32-bit floats.
  public mutating func weight(_ name: String, _ shape: [Int], k: Int) -> ArrayBuffer {
    let count = shape.reduce(1, *)
    let isScale = name.hasSuffix("running_var") || name.hasSuffix("weight") || shape.isEmpty
    let line =
      shape.count >= 2
      ? Line(scale: (3 / Double(count / shape[0])).squareRoot(), shift: 0)
      : Line(scale: 0.1, shift: isScale ? 1 : 0)
    let table = table(line)
    let start = k * 7919 % table.count
    let width = MemoryLayout<Float>.size
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * width)
    table.withUnsafeBytes { source in
      var position = start * width
      while bytes.count < count * width {
        let length = min(source.count - position, count * width - bytes.count)
        bytes.append(contentsOf: source[position..<(position + length)])
        position = 0
      }
    }
    return ArrayBuffer(elementType: .float32, shape: shape, bytes: bytes)
  }

  private mutating func table(_ line: Line) -> [Float] {
    if let table = tables[line] { return table }
    let table = TiledFormula.noise.map { Float(line.shift + line.scale * $0) }
    tables[line] = table
    return table
  }
}
