public import Foundation
public import OTXCore
import Yams

/// A `data.yaml`: where each subset's pictures and annotations are.
///
/// Three shapes are read: `{data: {train: {ann-files: …, data-roots: …}, val: …, test: …}}`; `root`,
/// `file` and `type` for each subset; and YOLO's with `names`, which its format takes over.
public enum DataFile {
  private static let annotationKeys = ["ann-files", "file"]
  private static let rootKeys = ["data-roots", "root"]
  private static let formatKeys = ["type"]
  private static let subsetNames = [
    "train": Subset.train, "val": .val, "valid": .val, "validation": .val, "test": .test,
    "unlabeled": .unlabeled,
  ]

  /// Reads `file`.
  ///
  /// - Parameter file: YAML; relative paths in it are looked for beside the file, then below the
  ///   current folder.
  /// - Returns: Where the subsets are.
  /// - Throws: ``ConfigurationError`` with file and line: unknown keys, and paths there is nothing
  ///   at.
  public static func read(_ file: URL) throws -> DataLocation {
    let source = file.relativePath
    let text: String
    do {
      text = try String(contentsOf: file, encoding: .utf8)
    } catch {
      throw ConfigurationError.invalid("\(source): cannot be read: \(error.reason)")
    }
    guard let root = try parseYAML(text, source: source)?.mapping else {
      throw ConfigurationError.invalid(
        "\(source): no subsets; write `data: {train: {data-roots: FOLDER}, val: …, test: …}`"
      )
    }
    // YOLO's file of the same name: the format reads it itself.
    if root["data"] == nil, root["names"] != nil || root["nc"] != nil {
      return .root(file, format: "yolo")
    }
    return try Reader(source: source, base: file.deletingLastPathComponent()).location(in: root)
  }

  private struct Reader {
    let source: String
    let base: URL

    func location(in root: Node.Mapping) throws -> DataLocation {
      var mapping = root
      if let data = root["data"] {
        try check(root, known: ["data"], path: "")
        guard let inner = data.mapping else { throw wrong(data, "data", "subsets") }
        mapping = inner
      }
      try check(mapping, known: Array(DataFile.subsetNames.keys).sorted(), path: "data")
      var subsets: [Subset: SubsetLocation] = [:]
      var formats: Set<String> = []
      for (key, value) in mapping {
        guard let subset = DataFile.subsetNames[key.string ?? ""] else { continue }
        let name = key.string ?? ""
        // Subsets that are written down but empty are subsets there are none of.
        if value.string.map(isNothing) == true { continue }
        guard let given = value.mapping else { throw wrong(value, name, "data-roots, ann-files") }
        var format: String?
        subsets[subset] = try subsetLocation(given, name: name, format: &format)
        if let format { formats.insert(format) }
      }
      subsets = subsets.filter { $0.value.annotations != nil || $0.value.root != nil }
      guard !subsets.isEmpty else {
        throw ConfigurationError.invalid("\(source): names no data; give at least `train`")
      }
      guard formats.count <= 1 else {
        throw ConfigurationError.invalid(
          "\(source): subsets of several types (\(formats.sorted().joined(separator: ", "))); "
            + "convert them to one"
        )
      }
      return .subsets(subsets, format: formats.first)
    }

    private func subsetLocation(
      _ mapping: Node.Mapping,
      name: String,
      format: inout String?
    ) throws -> SubsetLocation {
      let known = DataFile.annotationKeys + DataFile.rootKeys + DataFile.formatKeys + ["file-list"]
      try check(mapping, known: known, path: "data.\(name)")
      var location = SubsetLocation()
      for (key, value) in mapping {
        // Both spellings of option names are taken here too.
        let word = (key.string ?? "").replacingOccurrences(of: "_", with: "-")
        guard let text = value.string else { throw wrong(value, "data.\(name).\(word)", "a path") }
        guard !isNothing(text) else { continue }
        switch word {
        case _ where DataFile.annotationKeys.contains(word):
          location.annotations = try path(text, value, "data.\(name).\(word)")
        case _ where DataFile.rootKeys.contains(word):
          location.root = try path(text, value, "data.\(name).\(word)")
        case "file-list":
          throw ConfigurationError.invalid(
            "\(position(key)): file-list is not supported yet; give data-roots"
          )
        default: format = text
        }
      }
      return location
    }

    /// Whether a value says that there is none: in YAML's words, or in Python's, since many such
    /// files are a dictionary that Python printed.
    private func isNothing(_ text: String) -> Bool {
      ["", "~", "null", "Null", "NULL", "None"].contains(text)
    }

    private func check(_ mapping: Node.Mapping, known: [String], path: String) throws {
      for key in mapping.keys {
        let name = (key.string ?? flowText(key)).replacingOccurrences(of: "_", with: "-")
        guard known.contains(name) else {
          throw ConfigurationError.unknownKey(
            name,
            path: path,
            known: known,
            source: position(key)
          )
        }
      }
    }

    private func path(_ text: String, _ node: Node, _ key: String) throws -> URL {
      let candidates =
        text.hasPrefix("/")
        ? [URL(filePath: text)]
        : [base.appending(path: text), URL(filePath: text)]
      guard let found = candidates.first(where: { exists($0) }) else {
        throw ConfigurationError.invalid(
          "\(position(node)): \(key): nothing at '\(text)'"
            + (text.hasPrefix("/") ? "" : " (beside the file, nor below the current folder)")
            + Suggestion.phrase(forPath: candidates[0].path)
        )
      }
      return found.standardizedFileURL
    }

    private func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

    private func position(_ node: Node) -> String {
      node.mark.map { "\(source):\($0.line)" } ?? source
    }

    private func wrong(_ node: Node, _ key: String, _ expected: String) -> ConfigurationError {
      .invalidValue(flowText(node), key: key, expected: expected, source: position(node))
    }
  }
}

extension DataFile {
  /// Whether a YAML file names data rather than a recipe; looks at its keys only.
  public static func isDataFile(_ file: URL) -> Bool {
    // Annotation files are JSON too, and much larger than any description of data.
    let size = (try? file.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0
    guard ["yaml", "yml", "json"].contains(file.pathExtension.lowercased()), size < 1 << 20,
      let text = try? String(contentsOf: file, encoding: .utf8),
      let mapping = try? parseYAML(text, source: file.relativePath)?.mapping
    else { return false }
    if mapping["data"]?.mapping?.keys.contains(where: { subsetNames[$0.string ?? ""] != nil })
      == true
    {
      return true
    }
    return mapping.keys.contains { subsetNames[$0.string ?? ""] != nil }
  }
}
