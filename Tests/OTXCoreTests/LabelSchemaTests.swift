import Foundation
import Testing

@testable import OTXCore

@Suite struct LabelSchemaTests {
  let directory: TemporaryDirectory
  init() throws { directory = try TemporaryDirectory() }
  let labels = LabelInfo(names: (0..<12).map { "label \(11 - $0)" })

  @Test func readsBackInOrder() throws {
    let url = directory.file("label_schema.json")
    let schema = LabelSchema(labels: labels, task: .detection)
    try schema.write(to: url)
    #expect(try LabelSchema(reading: url) == schema)
    #expect(schema.domain == "DETECTION")
  }

  @Test func isAFunctionOfTheLabels() throws {
    let one = try LabelSchema(labels: labels, task: .detection).jsonData()
    #expect(try LabelSchema(labels: labels, task: .detection).jsonData() == one)
    let other = LabelInfo(names: ["a"])
    #expect(try LabelSchema(labels: other, task: .detection).jsonData() != one)
  }

  @Test func hasTheKeysOfOTX1() throws {
    let data = try LabelSchema(
      labels: LabelInfo(names: ["WBC"]),
      task: .multiClassClassification
    ).jsonData()
    let root = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(Set(root.keys) == ["label_tree", "label_groups", "all_labels"])
    let group = try #require((root["label_groups"] as? [[String: Any]])?.first)
    #expect(Set(group.keys) == ["_id", "name", "label_ids", "relation_type"])
    #expect(group["relation_type"] as? String == "EXCLUSIVE")
    #expect((group["_id"] as? String)?.count == 24)
    let label = try #require((root["all_labels"] as? [String: [String: Any]])?["00000000"])
    #expect(
      Set(label.keys) == [
        "_id", "name", "color", "hotkey", "domain", "creation_date", "is_empty", "is_anomalous",
      ]
    )
    #expect(label["domain"] as? String == "CLASSIFICATION")
    #expect(
      Set((label["color"] as? [String: Int] ?? [:]).keys) == ["red", "green", "blue", "alpha"]
    )
  }

  @Test func readsASchemaOfOTX1WithItsEmptyLabel() throws {
    func label(_ id: String, _ name: String, empty: Bool = false) -> String {
      """
      "\(id)": {"_id": "\(id)", "name": "\(name)", "hotkey": "", "domain": "DETECTION",
        "color": {"red": 1, "green": 2, "blue": 3, "alpha": 255},
        "creation_date": "2022-12-29T01:08:52.434000", "is_empty": \(empty)}
      """
    }
    let text = """
      {"label_tree": {"type": "tree", "directed": true, "nodes": [], "edges": []},
       "label_groups": [
        {"_id": "g", "name": "labels", "label_ids": ["9", "10"], "relation_type": "EXCLUSIVE"},
        {"_id": "e", "name": "empty", "label_ids": ["11"], "relation_type": "EMPTY_LABEL"}],
       "all_labels": {\(label("10", "b")), \(label("9", "a")), \(label("11", "Empty label", empty: true))}}
      """
    let url = try directory.file("s.json", holding: Data(text.utf8))
    #expect(try LabelSchema(reading: url).labels.names == ["a", "b"])
  }

  @Test(arguments: [
    ("{", "no label schema"), ("[]", "no label schema"), ("{\"label_tree\": {}}", "label_tree"),
    (
      """
      {"label_tree": {"type": "tree", "directed": true, "nodes": [], "edges": []},
       "label_groups": [
         {"_id": "g", "name": "x", "label_ids": ["9"], "relation_type": "EXCLUSIVE"}],
       "all_labels": {}}
      """, "label '9'"
    ),
  ])
  func saysWhatIsWrong(_ text: String, _ expected: String) throws {
    let url = try directory.file("bad.json", holding: Data(text.utf8))
    let error = try #require(throws: DataError.self) { try LabelSchema(reading: url) }
    #expect(error.description.contains(expected), "\(error)")
    #expect(error.description.contains("bad.json"))
  }

  @Test func neighboursHaveDifferentColours() {
    let colors = (0..<40).map { LabelPalette.color($0) }
    for (left, right) in zip(colors, colors.dropFirst()) {
      let difference =
        abs(Int(left.red) - Int(right.red)) + abs(Int(left.green) - Int(right.green))
        + abs(Int(left.blue) - Int(right.blue))
      #expect(difference > 60)
    }
  }
}
