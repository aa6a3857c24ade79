import Foundation
import OTXCore

/// A list of labels for formats that have none: `labels.txt`, a name a line.
///
/// Datumaro's `dataset_meta.json`, whose `label_map` names labels by their numbers, is read too.
enum LabelListFile {
  /// The labels in their order; none without a file that can be read.
  static func read(in root: URL) -> [String] {
    var seen: Set<String> = []
    return (plain(in: root) ?? numbered(in: root)).filter { seen.insert($0).inserted }
  }

  private static func plain(in root: URL) -> [String]? {
    try? NumberedLines.read(root.appending(path: "labels.txt"), name: "labels.txt").map(\.text)
  }

  private static func numbered(in root: URL) -> [String] {
    let name = "dataset_meta.json"
    var names: [(number: Int, name: String)] = []
    _ = try? JSONScanner.scan(root.appending(path: name), name: name) { scanner in
      try scanner.object { scanner, key in
        guard key == "label_map" else { return try scanner.skipValue() }
        try scanner.object { scanner, key in
          if let name = try scanner.stringIfPresent(), let number = Int(key) {
            names.append((number, name))
          }
        }
      }
    }
    return names.sorted { $0.number < $1.number }.map(\.name)
  }

  static func write(_ labels: [String], in root: URL) throws {
    let lines = labels.map { $0.replacingOccurrences(of: "\n", with: " ") + "\n" }
    let file = root.appending(path: "labels.txt")
    try PictureWriter.write(Data(lines.joined().utf8), to: file)
  }
}
