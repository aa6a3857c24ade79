package import Foundation
import OTXCore
import Yams

/// The text of a recipe file, whatever it is written in: YAML, JSON (which is YAML), or XML.
package enum RecipeFile {
  /// How the names of recipe files end.
  package static let extensions = ["yaml", "yml", "json", "xml"]

  private static let largest = 4 << 20

  /// Whether the name of `file` ends as those of recipes do.
  package static func isNamed(_ file: URL) -> Bool {
    extensions.contains(file.pathExtension.lowercased())
  }

  /// Whether an XML file is a recipe rather than an OpenVINO model: its root element is `<recipe>`.
  package static func isXMLRecipe(_ file: URL) -> Bool {
    guard let handle = try? FileHandle(forReadingFrom: file),
      let head = try? handle.read(upToCount: 4096)
    else { return false }
    return String(decoding: head, as: UTF8.self).contains(/<recipe[\s>\/]/)
  }

  /// The text as YAML, each value on the line that it stands on in the file.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` for what cannot be read or is no text.
  static func text(of file: URL) throws -> String {
    let source = file.relativePath
    func failure(_ reason: String) -> ConfigurationError { .invalid("\(source): \(reason)") }
    let values = try? file.resolvingSymlinksInPath()
      .resourceValues(forKeys: [.isDirectoryKey, .isRegularFileKey, .fileSizeKey])
    if values?.isDirectory == true { throw failure("is a folder; a recipe is a file") }
    guard values == nil || values?.isRegularFile == true else { throw failure("is no file") }
    guard (values?.fileSize ?? 0) <= largest else { throw failure("is too large for a recipe") }
    let data: Data
    do {
      data = try Data(contentsOf: file)
    } catch {
      throw failure("cannot be read: \(error.reason)")
    }
    guard let text = String(validating: data, as: UTF8.self), !text.contains("\0") else {
      throw failure("is no text (UTF-8)")
    }
    guard file.pathExtension.lowercased() == "xml" else { return text }
    do {
      return try XMLRecipe.yaml(Array(data), name: source)
    } catch let error as DataError {
      throw ConfigurationError.invalid(error.description)
    }
  }
}

/// A recipe in XML: elements are keys, attributes too; repeated elements, or `<item>` in one, make a
/// list.
///
/// ```xml
/// <recipe>
///   <model>resnet18</model>
///   <optimizer name="sgd" learningRate="0.01"/>
///   <augmentations><item>randomResizedCrop</item><item>horizontalFlip</item></augmentations>
/// </recipe>
/// ```
enum XMLRecipe {
  /// The document as YAML in flow style, every key on its line, so that all else is read as YAML is.
  static func yaml(_ bytes: [UInt8], name: String) throws -> String {
    let root = try XMLScanner.read(bytes, name: name)
    guard root.name == "recipe" else {
      throw DataError.unreadable(
        file: "\(name):\(root.line)",
        reason: "the root element is <\(root.name)>; that of a recipe is <recipe>"
      )
    }
    var writer = FlowWriter()
    writer.value(of: root)
    return writer.text + "\n"
  }

  private struct FlowWriter {
    var text = ""
    var line = 1

    /// Goes down to a line, if it is not there yet.
    mutating func move(to wanted: Int) {
      while line < wanted {
        text += "\n"
        line += 1
      }
    }

    mutating func value(of element: XMLElement) {
      guard !element.children.isEmpty || !element.attributes.isEmpty else {
        text += FlowWriter.scalar(element.value)
        return
      }
      let isList = element.attributes.isEmpty && element.children.allSatisfy { $0.name == "item" }
      if isList { return list(element.children) }
      text += "{"
      for (key, value) in element.attributes.sorted(by: { $0.key < $1.key }) {
        text += "\(FlowWriter.quoted(key)): \(FlowWriter.scalar(value)), "
      }
      var rest = element.children[...]
      while let first = rest.first {
        let group = rest.prefix { $0.name == first.name }
        rest = rest.dropFirst(group.count)
        move(to: first.line)
        text += "\(FlowWriter.quoted(first.name)): "
        if group.count == 1 { value(of: first) } else { list(Array(group)) }
        text += ", "
      }
      text += "}"
    }

    private mutating func list(_ elements: [XMLElement]) {
      text += "["
      for element in elements {
        move(to: element.line)
        value(of: element)
        text += ", "
      }
      text += "]"
    }

    /// A text as YAML: numbers, words and lists in brackets as they are, all else in quotes.
    private static func scalar(_ text: String?) -> String {
      guard let text else { return "''" }
      if text.wholeMatch(of: /[A-Za-z0-9_.+\/-]+/) != nil { return text }
      let line = text.replacing(/\s*\n\s*/, with: " ")
      let isFlow = line.hasPrefix("[") || line.hasPrefix("{")
      if isFlow, let node = try? Yams.compose(yaml: line), node.scalar == nil { return line }
      return quoted(line)
    }

    private static func quoted(_ text: String) -> String {
      "'" + text.replacingOccurrences(of: "'", with: "''") + "'"
    }
  }
}
