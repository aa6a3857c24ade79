import Foundation
import OTXCore
import OTXImage

/// The labels, colours, body parts and actions of a VOC dataset.
///
/// Those of the challenge itself stand in its development kit (Everingham et al., The PASCAL Visual
/// Object Classes Challenge 2012 (VOC2012) Development Kit, sections 2 and 3); other datasets say
/// theirs in `labelmap.txt`, whose lines are `label:color:parts:actions`.
struct VOCLabels {
  struct Label {
    var name: String
    var color: Color?
    var parts: [String] = []
    var actions: [String] = []
  }

  var labels: [Label]
  /// Whether the dataset says its labels itself.
  var isStated: Bool

  /// Pixels of this label belong to no class: the border around objects.
  static let void = "ignored"
  static let voidNumber = 255

  static let classes = [
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
  ]
  static let bodyParts = ["head", "hand", "foot"]
  static let actions = [
    "other", "jumping", "phoning", "playinginstrument", "reading", "ridingbike", "ridinghorse",
    "running", "takingphoto", "usingcomputer", "walking",
  ]

  /// The challenge's own.
  static let standard: VOCLabels = {
    var labels = classes.enumerated().map { Label(name: $0.element, color: color($0.offset)) }
    labels[15].parts = bodyParts
    labels[15].actions = actions
    labels.append(Label(name: void, color: color(voidNumber)))
    return VOCLabels(labels: labels, isStated: false)
  }()

  /// The colour of a number in VOC's palette: the bits of the number, three a round, become the
  /// highest bits of red, green and blue.
  static func color(_ number: Int) -> Color {
    var channels: (UInt8, UInt8, UInt8) = (0, 0, 0)
    var rest = number
    for shift in stride(from: 7, through: 0, by: -1) {
      channels.0 |= UInt8(rest & 1) << shift
      channels.1 |= UInt8(rest >> 1 & 1) << shift
      channels.2 |= UInt8(rest >> 2 & 1) << shift
      rest >>= 3
    }
    return Color(red: channels.0, green: channels.1, blue: channels.2)
  }

  /// The labels of the folder's `labelmap.txt`, else the challenge's.
  static func read(in root: URL, _ problems: inout [DatasetProblem]) -> VOCLabels {
    let url = root.appending(path: "labelmap.txt")
    guard FileManager.default.fileExists(atPath: url.path),
      let lines = try? PictureList.lines(of: url, name: "labelmap.txt")
    else { return standard }
    var labels: [Label] = []
    var known: Set<String> = []
    for (number, line) in lines where !line.hasPrefix("#") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      func list(_ index: Int) -> [String] {
        guard fields.indices.contains(index) else { return [] }
        return fields[index].split(separator: ",").map {
          $0.trimmingCharacters(in: .whitespaces)
        }
      }
      let channels = list(1).map { UInt8($0) }
      let color: Color? =
        if channels.count == 3, let red = channels[0], let green = channels[1],
          let blue = channels[2]
        { Color(red: red, green: green, blue: blue) } else { nil }
      let isGood = fields.count <= 4 && (color != nil || list(1).isEmpty)
      guard let name = fields.first, !name.isEmpty, isGood, known.insert(name).inserted else {
        problems.append(
          DatasetProblem(
            kind: "damaged label",
            location: "labelmap.txt:\(number)",
            message: "'\(line)' is not 'label:red,green,blue:parts:actions', or stands twice",
            remedy: .leftOut
          )
        )
        continue
      }
      labels.append(Label(name: name, color: color, parts: list(2), actions: list(3)))
    }
    return labels.isEmpty ? standard : VOCLabels(labels: labels, isStated: true)
  }

  /// The names of labels, then those of parts that are no labels of their own.
  func names(withParts: Bool) -> [String] {
    let names = labels.map(\.name)
    guard withParts else { return names }
    var seen = Set(names)
    return names + labels.flatMap(\.parts).filter { seen.insert($0).inserted }
  }

  /// Colours by label; where the dataset has none, those of VOC's palette in the labels' order.
  var colors: [(name: String, color: Color)] {
    let stated = labels.compactMap { label in label.color.map { (label.name, $0) } }
    guard stated.isEmpty else { return stated }
    return labels.enumerated().map { ($0.element.name, VOCLabels.color($0.offset)) }
  }

  /// Labels by their numbers in palette and grey pictures.
  var numberTable: LabelTable {
    let named = labels.enumerated().filter { $0.element.name != VOCLabels.void }
    return LabelTable(
      Dictionary(
        named.map { ($0.offset, $0.element.name) },
        uniquingKeysWith: { first, _ in first }
      )
    )
  }

  /// Labels by their colours, as ``LabelMap/Encoding/color`` numbers them.
  var colorTable: LabelTable {
    let named = colors.filter { $0.name != VOCLabels.void }
    return LabelTable(
      Dictionary(named.map { ($0.color.number, $0.name) }, uniquingKeysWith: { first, _ in first })
    )
  }
}

extension Color {
  /// `red << 16 | green << 8 | blue`.
  var number: Int { Int(red) << 16 | Int(green) << 8 | Int(blue) }

  /// The colour of such a number.
  init?(number: Int) {
    guard (0...0xFF_FFFF).contains(number) else { return nil }
    self.init(
      red: UInt8(number >> 16),
      green: UInt8(number >> 8 & 0xFF),
      blue: UInt8(number & 0xFF)
    )
  }
}

/// How a PNG stores its pixels, from its first bytes.
enum PNGPixels: Equatable {
  case grey
  case palette([Color])
  case trueColor

  /// - Returns: `nil` for what is no PNG or is cut short.
  init?(of url: URL) {
    guard let bytes = try? ReadableFile(url).bytes(at: 0, count: 4096) else { return nil }
    self.init(bytes)
  }

  init?(_ bytes: [UInt8]) {
    guard bytes.count > 33, bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) else { return nil }
    switch bytes[25] {
    case 0, 4: self = .grey
    case 3:
      var position = 33
      // Chunks: length, name, content, checksum.
      while position + 8 <= bytes.count {
        let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
        let content = position + 8
        if bytes[position + 4..<content].elementsEqual("PLTE".utf8) {
          let end = min(content + min(length, 768), bytes.count)
          self = .palette(
            stride(from: content, to: end - 2, by: 3).map {
              Color(red: bytes[$0], green: bytes[$0 + 1], blue: bytes[$0 + 2])
            }
          )
          return
        }
        position = content + length + 4
      }
      return nil
    default: self = .trueColor
    }
  }
}
