import Foundation

/// What stands in an IR's `rt_info/model_info` and in an ONNX model's metadata: text by key.
///
/// The keys are those that Python OTX 2.6 writes and that Intel's Model API (openvino-model-api
/// 0.4.7) reads, so that it runs our models unchanged, and one of our own with everything.
package enum RuntimeInfo {
  /// The element that holds the entries.
  package static let element = "model_info"
  /// Our own key: the whole ``ModelInfo`` as JSON.
  package static let ownKey = "otx_model_info"

  package static func entries(for info: ModelInfo) throws -> [String: String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func json(_ value: some Encodable) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    let names = info.labels.names
    let identifiers = names.indices.map(LabelSchema.id)
    let groups = info.task.kind.labelGroups(info.labels).map(\.labels)
    var labels = ExportedLabels(names: names, identifiers: identifiers, groups: groups)
    var entries = info.task.kind.exportedEntries
    if entries["hierarchical"] == "True" {
      let heads = HierarchicalHeads(info.labels.effectiveHierarchy)
      labels.heads = heads
      entries["hierarchical_config"] = try json(
        HierarchicalConfiguration(heads: heads, edges: heads.edges)
      )
    }
    entries["task_type"] = info.task.kind.exportedTaskName
    entries["model_name"] = info.model
    entries["label_info"] = try json(labels)
    entries["labels"] = names.map { word($0) }.joined(separator: " ")
    entries["label_ids"] = identifiers.joined(separator: " ")
    entries["mean_values"] = list(info.preprocessing.mean)
    entries["scale_values"] = list(info.preprocessing.std)
    entries["resize_type"] = info.preprocessing.resize.rawValue
    entries["pad_value"] = String(info.preprocessing.padValue)
    entries["confidence_threshold"] = "\(info.effectiveConfidenceThreshold)"
    entries["iou_threshold"] = "\(info.iouThreshold)"
    // Model API takes pictures as BGR (it declares its input so, and its examples read them with
    // OpenCV); with this it turns them into the RGB that our networks are trained on.
    entries["reverse_input_channels"] = "True"
    if let tiling = info.tiling {
      // Of the boxes of all tiles; those of one went through suppression in the network.
      entries["iou_threshold"] = "\(tiling.iouThreshold)"
      // Model API's tiles are square.
      entries["tile_size"] = "\(min(tiling.tileSize.height, tiling.tileSize.width))"
      entries["tiles_overlap"] = "\(tiling.overlap)"
      entries["max_pred_number"] = "\(tiling.maximumInstanceCount)"
      entries["tile_with_full_img"] = tiling.withFullImage ? "True" : "False"
    }
    entries["optimization_config"] = "{}"
    entries["otx_version"] = info.otxVersion
    entries[ownKey] = try json(info)
    return entries
  }

  /// The list of labels separates by spaces: a label must not have one.
  private static func word(_ label: String) -> String {
    String(label.map { $0.isWhitespace ? "_" : $0 })
  }

  private static func list(_ numbers: [Float]) -> String {
    numbers.map { "\($0)" }.joined(separator: " ")
  }
}

/// The entry `label_info`, as Python OTX 2.6 writes and reads it.
package struct ExportedLabels: Codable {
  package var names: [String]
  var identifiers: [String]
  /// Of each group, one label applies.
  var groups: [[String]]
  /// Of hierarchical models.
  package var heads: HierarchicalHeads?

  enum CodingKeys: String, CodingKey {
    case names = "label_names"
    case identifiers = "label_ids"
    case groups = "label_groups"
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(names, forKey: .names)
    try container.encode(identifiers, forKey: .identifiers)
    try container.encode(groups, forKey: .groups)
    try heads?.encode(to: encoder)
  }

  package init(names: [String], identifiers: [String], groups: [[String]]) {
    self.names = names
    self.identifiers = identifiers
    self.groups = groups
  }

  /// Ids and groups may be missing: only names matter to us.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    names = try container.decode([String].self, forKey: .names)
    identifiers = try container.decodeIfPresent([String].self, forKey: .identifiers) ?? []
    groups = try container.decodeIfPresent([[String]].self, forKey: .groups) ?? []
    heads = try? HierarchicalHeads(from: decoder)
  }
}
