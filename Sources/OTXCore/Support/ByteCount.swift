import Foundation

/// A number of bytes as users write it: `8GiB`, `500M`, `1000000`.
package struct ByteCount {
  package var bytes: Int

  package init?(_ text: String) {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let factors = ["": 1.0, "K": 0x1p10, "M": 0x1p20, "G": 0x1p30, "T": 0x1p40]
    var unit = text.dropFirst(digits.count).trimmingCharacters(in: .whitespaces).uppercased()
    if unit.hasSuffix("IB") { unit.removeLast(2) } else if unit.hasSuffix("B") { unit.removeLast() }
    guard let number = Double(digits), let factor = factors[unit], number * factor >= 1,
      number * factor < 0x1p60
    else { return nil }
    bytes = Int(number * factor)
  }
}
