import Foundation
import OTXCore

/// Damages the bytes of one file, as text where they are text.
enum FileMutation {
  /// Longer than this no mutation makes a file.
  private static let byteLimit = 2 << 20

  static func mutate(_ bytes: inout [UInt8], _ generator: inout CounterGenerator) {
    let sample = bytes.prefix(512)
    let isText = !sample.contains(0) && sample.count { $0 >= 0x80 } <= sample.count / 8
    if isText, generator.below(4) > 0 {
      mutateText(&bytes, &generator)
    } else {
      mutateBytes(&bytes, &generator)
    }
    if bytes.count > byteLimit { bytes.removeSubrange(byteLimit...) }
  }

  // MARK: Bytes

  private static func range(
    _ bytes: [UInt8],
    _ generator: inout CounterGenerator
  ) -> Range<Int> {
    let start = generator.below(bytes.count + 1)
    let longest = generator.below(3) == 0 ? bytes.count : 16
    return start..<min(bytes.count, start + 1 + generator.below(longest))
  }

  private static func mutateBytes(_ bytes: inout [UInt8], _ generator: inout CounterGenerator) {
    let place = range(bytes, &generator)
    switch generator.below(9) {
    case 0, 1:
      guard !bytes.isEmpty else { return }
      for _ in 0...generator.below(4) {
        // Headers decide most.
        let end = generator.below(2) == 0 ? min(bytes.count, 64) : bytes.count
        bytes[generator.below(end)] ^= 1 << UInt8(generator.below(8))
      }
    case 2: bytes.removeSubrange(place)
    case 3: bytes.insert(contentsOf: Array(bytes[place]), at: place.lowerBound)
    case 4:
      let part = Array(bytes[place])
      bytes.removeSubrange(place)
      bytes.insert(contentsOf: part, at: generator.below(bytes.count + 1))
    case 5: bytes.removeSubrange(generator.below(bytes.count + 1)...)
    case 6:
      let noise = (0..<1 + generator.below(32)).map { _ in UInt8(generator.below(256)) }
      bytes.insert(contentsOf: noise, at: place.lowerBound)
    default: overwriteNumber(&bytes, &generator)
    }
  }

  /// A number of 1, 2, 4 or 8 bytes becomes an extreme one.
  private static func overwriteNumber(
    _ bytes: inout [UInt8],
    _ generator: inout CounterGenerator
  ) {
    let count = generator.element([1, 2, 4, 4, 8])
    let values: [UInt64] = [
      0, 1, .max, .max >> 1, 0x8000_0000, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 63, 0x8000, 0x7FFF,
      0x1_0000,
      0x0100_0000, 0x8000_0000_8000_0000,
    ]
    let value = generator.element(values)
    let end = generator.below(2) == 0 ? min(bytes.count, 64) : bytes.count
    guard end >= count else { return }
    let start = generator.below(end - count + 1)
    let isLittle = generator.below(2) == 0
    for index in 0..<count {
      let shift = UInt64(8 * (isLittle ? index : count - 1 - index))
      bytes[start + index] = UInt8(truncatingIfNeeded: value >> shift)
    }
  }

  // MARK: Text

  private static let numbers = [
    "0", "-1", "1", "NaN", "Infinity", "-Infinity", "inf", "1e308", "-1e308", "1e400", "1e-400",
    "1e18",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551616", "2147483648", "4294967296", "1000000000", "99999999", "100000", "0.5",
    "3.7e9",
    "", "abc", "00", "0x10", "٣", "--1", "1,5", String(repeating: "9", count: 400),
  ]
  private static let paths = [
    "../../../etc/passwd", "/etc/passwd", "/", "", ".", "..", "a\\..\\b.png", "C:\\data\\a.jpg",
    "\\",
    "\\u0000", "a//b", "./", "~", "http://example.org/a.jpg", "/dev/zero", "/proc/self/mem", "%00",
    String(repeating: "a/", count: 3000), String(repeating: "n", count: 5000),
  ]
  private static let jsonValues = [
    "null", "true", "[]", "{}", "\"\"", "\"x\"", "-1", "1e308", "[[]]", "[null]", "[{}]",
    "{\"a\": []}", "[1, 2, 3]",
    "{\"counts\": \"\", \"size\": [1, 1]}",
    "{\"counts\": [1000000000, 1000000000], \"size\": [100000, 100000]}",
    "[[1]]", "[[1, 2, 3]]", "[0, 0, 1e308, 1e308]", "\"\\ud800\"", "9223372036854775808",
  ]
  private static let pieces = [
    "&amp;", "&#0;", "&#x110000;", "&#xD800;", "&lol;", "&", "<![CDATA[", "]]>", "<!--",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "<?", "<a", "</a>", "\"", "'", "\"\"", ",", ";", "\t", ":", "{", "}", "[", "]", "\\", "\\u12",
    "\u{0}", "\r", "\n\n", " ",
    "- ", "*a", "&a [*a,*a]", "!!python/object:a", "---\n", "?", "|", ">", "<", "#", "%",
    "\u{feff}", "\u{2028}",
  ]

  private static func mutateText(_ bytes: inout [UInt8], _ generator: inout CounterGenerator) {
    switch generator.below(16) {
    case 0, 1, 2: replace(&bytes, &generator, numbers, isInside: isNumeral)
    case 3, 4: replaceQuoted(&bytes, &generator)
    case 5, 6: replaceValue(&bytes, &generator)
    case 7: insert(generator.element(pieces), into: &bytes, &generator)
    case 8: nest(&bytes, &generator)
    case 9: mutateLines(&bytes, &generator)
    case 10: mutateLines(&bytes, &generator)
    case 11: replace(&bytes, &generator, paths, isInside: isWord)
    case 12: bytes.removeSubrange(generator.below(bytes.count + 1)...)
    case 13: changeLineEnds(&bytes, &generator)
    case 14: breakText(&bytes, &generator)
    default:
      guard !bytes.isEmpty else { return }
      bytes[generator.below(bytes.count)] = UInt8(32 + generator.below(95))
    }
  }

  private static func isNumeral(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
  }

  private static func isWord(_ byte: UInt8) -> Bool { !" \t\r\n\"',;:<>{}[]=".utf8.contains(byte) }

  /// One run of bytes of a kind becomes another text, in some cases all of the same text do.
  private static func replace(
    _ bytes: inout [UInt8],
    _ generator: inout CounterGenerator,
    _ texts: [String],
    isInside: (UInt8) -> Bool
  ) {
    guard !bytes.isEmpty else { return }
    let from = generator.below(bytes.count)
    guard let start = bytes[from...].firstIndex(where: isInside) else { return }
    let end = bytes[start...].firstIndex { !isInside($0) } ?? bytes.count
    let begin = bytes[..<start].lastIndex { !isInside($0) }.map { $0 + 1 } ?? 0
    bytes.replaceSubrange(begin..<end, with: generator.element(texts).utf8)
  }

  /// A text in quotes becomes another one of the file, or a path that leads elsewhere.
  private static func replaceQuoted(_ bytes: inout [UInt8], _ generator: inout CounterGenerator) {
    let quotes = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\"") }
    guard quotes.count >= 4 else {
      return replace(&bytes, &generator, paths, isInside: isWord)
    }
    let first = 2 * generator.below(quotes.count / 2)
    let other = 2 * generator.below(quotes.count / 2)
    let isCopy = generator.below(2) == 0
    let text =
      isCopy
      ? Array(bytes[quotes[other] + 1..<quotes[other + 1]]) : Array(generator.element(paths).utf8)
    bytes.replaceSubrange(quotes[first] + 1..<quotes[first + 1], with: text)
  }

  /// What follows a colon becomes a value of another kind.
  private static func replaceValue(_ bytes: inout [UInt8], _ generator: inout CounterGenerator) {
    guard !bytes.isEmpty,
      let colon = bytes[generator.below(bytes.count)...].firstIndex(of: UInt8(ascii: ":"))
    else { return }
    var end = colon + 1
    var depth = 0
    while end < bytes.count {
      let byte = bytes[end]
      if "[{".utf8.contains(byte) { depth += 1 }
      if "]}".utf8.contains(byte) { depth -= 1 }
      if depth < 0 || depth == 0 && (byte == UInt8(ascii: ",") || byte == 0x0A) { break }
      end += 1
    }
    bytes.replaceSubrange(colon + 1..<end, with: generator.element(jsonValues).utf8)
  }

  private static func insert(
    _ text: String,
    into bytes: inout [UInt8],
    _ generator: inout CounterGenerator
  ) {
    bytes.insert(contentsOf: text.utf8, at: generator.below(bytes.count + 1))
  }

  /// Brackets or elements, 10,000 deep, closed or not.
  private static func nest(_ bytes: inout [UInt8], _ generator: inout CounterGenerator) {
    let (open, close) = generator.element([
      ("[", "]"), ("{\"a\":", "}"), ("<a>", "</a>"), ("(", ")"), ("- ", ""), ("[", ""),
      ("<object>", "</object>"),
    ])
    let count = generator.element([100, 10_000])
    var text = String(repeating: open, count: count)
    if open.hasPrefix("{") { text += "1" }
    if generator.below(2) == 0 { text += String(repeating: close, count: count) }
    if generator.below(2) == 0, !bytes.isEmpty,
      let colon = bytes[generator.below(bytes.count)...].firstIndex(of: UInt8(ascii: ":"))
    {
      bytes.insert(contentsOf: Array((text + ",").utf8), at: colon + 1)
    } else {
      insert(text, into: &bytes, &generator)
    }
  }

  private static func mutateLines(_ bytes: inout [UInt8], _ generator: inout CounterGenerator) {
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
    let index = generator.below(lines.count)
    switch generator.below(4) {
    case 0: lines.remove(at: index)
    case 1: lines.insert(lines[generator.below(lines.count)], at: index)
    case 2: lines.swapAt(index, generator.below(lines.count))
    default:
      let repeats = min(2000, 200_000 / (lines[index].count + 1))
      lines.insert(contentsOf: Array(repeating: lines[index], count: repeats), at: index)
    }
    bytes = Array(lines.joined(separator: [0x0A]))
  }

  private static func changeLineEnds(
    _ bytes: inout [UInt8],
    _ generator: inout CounterGenerator
  ) {
    switch generator.below(4) {
    case 0: bytes = bytes.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] }
    case 1: bytes = bytes.map { $0 == 0x0A ? 0x0D : $0 }
    case 2: bytes = bytes.filter { $0 != 0x0A }
    default: bytes = [0xEF, 0xBB, 0xBF] + bytes
    }
  }

  /// Bytes that are no UTF-8, or the text in UTF-16.
  private static func breakText(_ bytes: inout [UInt8], _ generator: inout CounterGenerator) {
    switch generator.below(3) {
    case 0: bytes = [0xFF, 0xFE] + bytes.flatMap { [$0, 0] }
    default:
      let broken: [[UInt8]] = [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF5, 0x80], [0xC0, 0x80]]
      bytes.insert(contentsOf: generator.element(broken), at: generator.below(bytes.count + 1))
    }
  }
}
