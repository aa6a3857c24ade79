import Foundation
import OTXCore

/// Numbers of a `.npy` file (NumPy Enhancement Proposal 1, versions 1 to 3).
struct NumPyArray: Sendable {
  let shape: [Int]
  /// In the order of C: the last index runs fastest.
  let values: [Double]

  /// - Throws: ``DataError/unreadable(file:reason:)`` for a file that is damaged or holds no plain
  ///   numbers.
  init(_ url: URL, name: String) throws {
    func failure(_ reason: String) -> DataError { .unreadable(file: name, reason: reason) }
    let bytes = try ReadFile.bytes(url, name: name)
    guard bytes.count >= 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
      throw failure("is not a NumPy file")
    }
    let isLong = bytes[6] >= 2
    let lengthBytes = isLong ? 4 : 2
    let length = (0..<lengthBytes).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
    let start = 8 + lengthBytes + length
    guard start <= bytes.count else { throw failure("is cut short: its header has no end") }
    let header = String(decoding: bytes[(8 + lengthBytes)..<start], as: UTF8.self)
    guard let type = header.firstMatch(of: /'descr':\s*'([<|=>])([a-z])([0-9]+)'/),
      let order = header.firstMatch(of: /'fortran_order':\s*(True|False)/),
      let sides = header.firstMatch(of: /'shape':\s*\(([0-9, ]*)\)/),
      let width = Int(type.3)
    else { throw failure("has a header that is not understood: \(header.prefix(80))") }
    let shape = sides.1.split(separator: ",").compactMap {
      Int($0.trimmingCharacters(in: .whitespaces))
    }
    // Sizes in headers are not trusted before they are compared with the file's.
    var count = 1
    for side in shape {
      let (product, overflows) = count.multipliedReportingOverflow(by: side)
      guard !overflows, product <= bytes.count else {
        throw failure("is cut short: its shape is \(shape)")
      }
      count = product
    }
    guard width > 0, width <= 8, start + count * width <= bytes.count else {
      throw failure("is cut short: its shape is \(shape)")
    }
    let kind = String(type.2)
    var values: [Double] = []
    values.reserveCapacity(count)
    for index in 0..<count {
      var raw: UInt64 = 0
      for byte in 0..<width {
        let place = type.1 == ">" ? width - 1 - byte : byte
        raw |= UInt64(bytes[start + index * width + place]) << (8 * UInt64(byte))
      }
      switch (kind, width) {
      case ("f", 8): values.append(Double(bitPattern: raw))
      case ("f", 4): values.append(Double(Float(bitPattern: UInt32(raw))))
      case ("u", _), ("b", 1): values.append(Double(raw))
      case ("i", _):
        let shift = UInt64(64 - 8 * width)
        values.append(Double(Int64(bitPattern: raw << shift) >> Int64(shift)))
      default: throw failure("holds '\(kind)\(width)', which are no plain numbers")
      }
    }
    self.shape = shape
    self.values = order.1 == "True" ? NumPyArray.transposed(values, shape) : values
  }

  /// From the order of Fortran, where the first index runs fastest.
  private static func transposed(_ values: [Double], _ shape: [Int]) -> [Double] {
    values.indices.map { place in
      var rest = place
      var indices: [Int] = []
      for side in shape.reversed() {
        indices.append(rest % side)
        rest /= side
      }
      var source = 0
      for (side, index) in zip(shape.reversed(), indices) { source = source * side + index }
      return values[source]
    }
  }

  /// The number at an index for each side.
  ///
  /// - Precondition: as many indices as the shape has sides, each within its side.
  subscript(indices: Int...) -> Double {
    var place = 0
    for (side, index) in zip(shape, indices) { place = place * side + index }
    return values[place]
  }
}
