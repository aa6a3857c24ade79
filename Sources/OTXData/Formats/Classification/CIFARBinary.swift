import Foundation
import OTXCore
import OTXImage

/// CIFAR's binary form: a byte for each label, then the picture's planes.
struct CIFARBinary {
  let root: URL
  /// `batches.meta.txt` of CIFAR-10, `fine_label_names.txt` of CIFAR-100.
  let names: URL

  static func namesFile(in listing: FolderListing) -> URL? {
    listing.exactFile("batches.meta.txt") ?? listing.exactFile("fine_label_names.txt")
  }

  func read(_ listing: FolderListing) throws -> FormatReading {
    var reading = FormatReading()
    reading.labels = try TextLines.read(names, name: names.lastPathComponent).map(\.text)
    let isFine = names.lastPathComponent.hasPrefix("fine")
    let coarse =
      try listing.exactFile("coarse_label_names.txt").map {
        try TextLines.read($0, name: $0.lastPathComponent).map(\.text)
      } ?? []
    for file in listing.files(endingIn: "bin") {
      try read(file, labelCount: isFine ? 2 : 1, coarse: coarse, into: &reading)
    }
    return reading
  }

  private func read(
    _ file: URL,
    labelCount: Int,
    coarse: [String],
    into reading: inout FormatReading
  ) throws {
    let name = file.path(below: root)
    let area = CIFARFormat.side * CIFARFormat.side
    let stride = labelCount + 3 * area
    let readable = try ReadableFile(file)
    guard readable.byteCount > 0, readable.byteCount.isMultiple(of: stride) else {
      throw DataError.unreadable(
        file: name,
        reason: "has \(readable.byteCount) bytes, no multiple of the \(stride) of a picture"
      )
    }
    let size = ImageSize(height: CIFARFormat.side, width: CIFARFormat.side)
    let count = readable.byteCount / stride
    let pictures = RawPictures(
      file,
      source: .file(file),
      places: (0..<count).map { RawPictures.Place(offset: $0 * stride + labelCount, size: size) },
      layout: .planes
    )
    let stem = file.deletingPathExtension().lastPathComponent
    let subset = Subset(folderName: stem.replacingOccurrences(of: "_batch", with: "")) ?? .train
    for index in 0..<count {
      let bytes = try readable.bytes(at: index * stride, count: labelCount).map(Int.init)
      guard let number = bytes.last, reading.labels.indices.contains(number) else {
        throw DataError.unreadable(
          file: name,
          reason: "picture \(index) has the label \(bytes.last ?? -1) of \(reading.labels.count)"
        )
      }
      let label = reading.labels[number]
      if labelCount == 2, coarse.indices.contains(bytes[0]) {
        reading.labelDetails.parents[label] = coarse[bytes[0]]
      }
      reading.items[subset, default: []].append(
        DatasetItem(
          id: "\(stem)/\(index)",
          image: pictures.picture(index),
          annotations: [.label(label)],
          origin: "\(name): picture \(index)"
        )
      )
    }
  }
}

/// Lines of a text file.
enum TextLines {
  /// Lines with something on them, without space around, and their numbers from 1.
  static func read(_ url: URL, name: String) throws -> [(number: Int, text: String)] {
    var bytes = try ReadableText.bytes(url, name: name)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    let text = String(decoding: bytes, as: UTF8.self)
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    return lines.enumerated().compactMap { index, line in
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      return trimmed.isEmpty ? nil : (index + 1, trimmed)
    }
  }
}

extension FolderListing {
  /// The file of a name, in this case and no other.
  func exactFile(_ name: String) -> URL? { files.first { $0.lastPathComponent == name } }
}
