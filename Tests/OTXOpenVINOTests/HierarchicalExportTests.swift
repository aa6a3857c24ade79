import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXOpenVINO

/// What exported multi-label and hierarchical models say of themselves.
@Suite("Exported label groups")
struct HierarchicalExportTests {
  private func info(_ task: TaskType, _ labels: LabelInfo) -> ModelInfo {
    ModelInfo(
      model: "m",
      backbone: "b",
      task: task,
      labels: labels,
      preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 32))
    )
  }

  private func hierarchy() throws -> LabelHierarchy {
    try LabelHierarchy(
      labels: ["Lion", "Rigid", "Soft", "Box", "Ball"],
      groups: [
        LabelGroup(name: "shape", labels: ["Rigid", "Soft"]),
        LabelGroup(name: "kind", labels: ["Box", "Ball"]),
      ],
      parents: ["Box": "Rigid", "Ball": "Rigid"]
    )
  }

  @Test func multiLabelModelsHaveAGroupALabel() throws {
    let info = info(.multiLabelClassification, LabelInfo(names: ["a b", "ü,c/d"]))
    let entries = try RuntimeInfo.entries(for: info)
    #expect(entries["multilabel"] == "True" && entries["hierarchical"] == "False")
    #expect(entries["model_type"] == "Classification" && entries["task_type"] == "classification")
    #expect(entries["confidence_threshold"] == "0.5" && entries["labels"] == "a_b ü,c/d")
    #expect(
      entries["label_info"]
        == #"{"label_groups":[["a b"],["ü,c/d"]],"label_ids":["00000000","00000001"],"label_names":["a b","ü,c/d"]}"#
    )
    #expect(entries["hierarchical_config"] == nil)
  }

  /// Keys and values as Python OTX 2.6's `HLabelInfo` has them for the same groups.
  @Test func hierarchicalModelsSayTheirHeads() throws {
    let labels = LabelInfo(hierarchy: try hierarchy())
    let entries = try RuntimeInfo.entries(for: info(.hierarchicalClassification, labels))
    #expect(entries["hierarchical"] == "True" && entries["multilabel"] == "False")
    let text = try #require(entries["hierarchical_config"])
    let root = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    )
    #expect(root["label_tree_edges"] as? [[String]] == [["Box", "Rigid"], ["Ball", "Rigid"]])
    let heads = try #require(root["cls_heads_info"] as? [String: Any])
    #expect(heads["num_multiclass_heads"] as? Int == 2)
    #expect(heads["num_multilabel_classes"] as? Int == 1)
    #expect(heads["num_single_label_classes"] as? Int == 4)
    #expect(heads["head_idx_to_logits_range"] as? [String: [Int]] == ["0": [0, 2], "1": [2, 4]])
    #expect(heads["all_groups"] as? [[String]] == [["Rigid", "Soft"], ["Box", "Ball"], ["Lion"]])
    #expect(
      heads["class_to_group_idx"] as? [String: [Int]]
        == ["Rigid": [0, 0], "Soft": [0, 1], "Box": [1, 0], "Ball": [1, 1], "Lion": [2, 0]]
    )
    #expect(
      heads["label_to_idx"] as? [String: Int]
        == ["Rigid": 0, "Soft": 1, "Box": 2, "Ball": 3, "Lion": 4]
    )
    #expect(heads["empty_multiclass_head_indices"] as? [Int] == [])

    let json = try #require(entries["label_info"])
    let read = try JSONDecoder().decode(ExportedLabels.self, from: Data(json.utf8))
    #expect(read.names == labels.names)
    #expect(read.heads?.hierarchy?.groups.map(\.labels) == labels.hierarchy?.groups.map(\.labels))
    #expect(read.heads?.hierarchy?.parents == labels.hierarchy?.parents)
  }
}
