public import Foundation

/// The labels of a model in the file `label_schema.json`, which stands beside `weights.pth`.
///
/// The format is that of OTX 1, so that its tools read what we write. Ids and dates depend on the
/// labels alone: the same labels make the same bytes.
public struct LabelSchema: Sendable, Equatable {
  public var labels: LabelInfo
  /// What the labels are about, in OTX 1's words: `DETECTION`, `CLASSIFICATION`.
  public var domain: String
  /// Labels of which one applies.
  public var groups: [LabelGroup]
  /// The colours of the labels, by name.
  public var colors: [String: Color]

  public init(labels: LabelInfo, task: TaskType) {
    self.labels = labels
    colors = Dictionary(
      labels.names.enumerated().map { ($1, LabelPalette.color($0)) },
      uniquingKeysWith: { first, _ in first }
    )
    groups = task.kind.labelGroups(labels)
    domain = task.kind.exportedTaskName.uppercased()
  }

  /// The id of the label at `index`: eight digits, so that ids sort like indices.
  public static func id(_ index: LabelIndex) -> String {
    let digits = String(index)
    return String(repeating: "0", count: max(8 - digits.count, 0)) + digits
  }

  /// Reads `label_schema.json`, ours or one of OTX 1.
  ///
  /// Labels come in the order of the schema's groups; the label for "nothing there" is none.
  ///
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  public init(reading url: URL) throws {
    let file: LabelSchemaFile
    do {
      file = try JSONDecoder().decode(LabelSchemaFile.self, from: Data(contentsOf: url))
    } catch let error as DecodingError {
      throw DataError.unreadable(
        file: url.path,
        reason: "it is no label schema: \(error.shortDescription)"
      )
    } catch {
      throw DataError.unreadable(file: url.path, reason: error.reason)
    }
    var names: [String] = []
    var groups: [LabelGroup] = []
    for group in file.labelGroups {
      var members: [String] = []
      for id in group.labelIDs {
        guard let label = file.allLabels[id] else {
          throw DataError.unreadable(
            file: url.path,
            reason: "a group names label '\(id)', which 'all_labels' does not have"
          )
        }
        if !label.isEmpty { members.append(label.name) }
      }
      names += members
      if !members.isEmpty { groups.append(LabelGroup(name: group.name, labels: members)) }
    }
    self.groups = groups
    colors = [:]
    for label in file.allLabels.values where !label.isEmpty {
      colors[label.name] = Color(
        red: UInt8(clamping: label.color.red),
        green: UInt8(clamping: label.color.green),
        blue: UInt8(clamping: label.color.blue)
      )
    }
    guard Set(names).count == names.count else {
      throw DataError.unreadable(file: url.path, reason: "two labels have the same name")
    }
    var parents: [String: String] = [:]
    for edge in file.labelTree.edges where edge.count >= 2 {
      guard let child = file.allLabels[edge[0]], let parent = file.allLabels[edge[1]] else {
        throw DataError.unreadable(
          file: url.path,
          reason: "the tree names a label that 'all_labels' does not have"
        )
      }
      parents[child.name] = parent.name
    }
    labels =
      try parents.isEmpty
      ? LabelInfo(names: names)
      : LabelInfo(
        hierarchy: LabelHierarchy(labels: names, groups: groups, parents: parents)
      )
    domain = file.allLabels.values.first?.domain ?? ""
  }

  /// Writes `label_schema.json`, replacing what is at `url` in one step.
  ///
  /// - Throws: ``FileError/cannotWrite(_:reason:)``.
  public func write(to url: URL) throws {
    try AtomicFile.write(try jsonData(), to: url)
  }

  /// The file's contents.
  public func jsonData() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self)
  }

  private var file: LabelSchemaFile {
    let ids = labels.names.indices.map(LabelSchema.id)
    var all: [String: LabelSchemaFile.Label] = [:]
    for (index, name) in labels.names.enumerated() {
      let color = colors[name] ?? LabelPalette.color(index)
      all[ids[index]] = LabelSchemaFile.Label(
        id: ids[index],
        name: name,
        color: LabelSchemaFile.Color(
          red: Int(color.red),
          green: Int(color.green),
          blue: Int(color.blue),
          alpha: 255
        ),
        hotkey: "",
        domain: domain,
        creationDate: "1970-01-01T00:00:00.000000",
        isEmpty: false,
        isAnomalous: false
      )
    }
    let groups = groups.map { group in
      LabelSchemaFile.Group(
        id: LabelSchema.groupID(group),
        name: group.name,
        labelIDs: group.labels.compactMap { labels.index(of: $0).map(LabelSchema.id) },
        relationType: "EXCLUSIVE"
      )
    }
    // An edge goes from a label to the one above it.
    var tree = LabelSchemaFile.Tree()
    for (index, name) in labels.names.enumerated() {
      guard let parent = labels.hierarchy?.parents[name], let above = labels.index(of: parent)
      else { continue }
      tree.edges.append([LabelSchema.id(index), LabelSchema.id(above)])
    }
    if !tree.edges.isEmpty { tree.nodes = ids }
    return LabelSchemaFile(labelTree: tree, labelGroups: groups, allLabels: all)
  }

  /// 24 hexadecimal digits that are a function of the names (FNV-1a, twice).
  private static func groupID(_ group: LabelGroup) -> String {
    func hash(_ offset: UInt64) -> String {
      var value = 0xCBF2_9CE4_8422_2325 ^ offset
      for byte in group.labels.joined(separator: "\n").utf8 {
        value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
      }
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return String((hash(0) + hash(1)).prefix(24))
  }
}

extension LabelSchema: Encodable {
  /// Writes what the file holds, so that a schema can stand inside another file.
  public func encode(to encoder: any Encoder) throws { try file.encode(to: encoder) }
}

/// `label_schema.json`, key by key.
private struct LabelSchemaFile: Codable {
  struct Tree: Codable {
    var type = "tree"
    var directed = true
    var nodes: [String] = []
    var edges: [[String]] = []
  }

  struct Group: Codable {
    var id: String
    var name: String
    var labelIDs: [String]
    var relationType: String

    enum CodingKeys: String, CodingKey {
      case id = "_id"
      case name
      case labelIDs = "label_ids"
      case relationType = "relation_type"
    }
  }

  struct Color: Codable {
    var red: Int
    var green: Int
    var blue: Int
    var alpha: Int
  }

  struct Label: Codable {
    var id: String
    var name: String
    var color: Color
    var hotkey: String
    var domain: String
    var creationDate: String
    var isEmpty: Bool
    var isAnomalous: Bool?

    enum CodingKeys: String, CodingKey {
      case id = "_id"
      case name, color, hotkey, domain
      case creationDate = "creation_date"
      case isEmpty = "is_empty"
      case isAnomalous = "is_anomalous"
    }
  }

  var labelTree: Tree
  var labelGroups: [Group]
  var allLabels: [String: Label]

  enum CodingKeys: String, CodingKey {
    case labelTree = "label_tree"
    case labelGroups = "label_groups"
    case allLabels = "all_labels"
  }
}
