import Testing

@testable import OTXCore

@Suite struct TextTableTests {
  @Test func looksLikeTheDetectionTable() {
    func row(_ label: String, _ gts: Int, _ dets: Int, _ recall: Double, _ ap: Double) -> ClassScore
    {
      ClassScore(
        label: label,
        groundTruthCount: gts,
        detectionCount: dets,
        values: ["recall": recall, "ap": ap]
      )
    }
    let report = MetricReport(
      primary: "map_50",
      values: ["map_50": 0.9292],
      perClass: [
        row("Platelets", 76, 310, 1, 0.897), row("RBC", 819, 4070, 0.994, 0.903),
        row("WBC", 72, 516, 1, 0.988),
      ]
    )
    #expect(
      report.table() == """
        +-----------+-----+------+--------+-------+
        | class     | gts | dets | recall | ap    |
        +-----------+-----+------+--------+-------+
        | Platelets | 76  | 310  | 1.000  | 0.897 |
        | RBC       | 819 | 4070 | 0.994  | 0.903 |
        | WBC       | 72  | 516  | 1.000  | 0.988 |
        +-----------+-----+------+--------+-------+
        | mAP       |     |      |        | 0.929 |
        +-----------+-----+------+--------+-------+
        """
    )
  }

  @Test func looksLikeTheListOfTemplates() {
    let table = TextTable(
      columns: ["TASK", "ID", "NAME"],
      rows: [
        ["DETECTION", "Custom_Object_Detection_YOLOX", "YOLOX"],
        ["DETECTION", "Custom_Object_Detection_Gen3_SSD", "SSD"],
        ["DETECTION", "Custom_Object_Detection_Gen3_ATSS", "ATSS"],
      ],
      alignment: .center
    )
    #expect(
      table.rendered() == """
        +-----------+-----------------------------------+-------+
        |    TASK   |                 ID                |  NAME |
        +-----------+-----------------------------------+-------+
        | DETECTION |   Custom_Object_Detection_YOLOX   | YOLOX |
        | DETECTION |  Custom_Object_Detection_Gen3_SSD |  SSD  |
        | DETECTION | Custom_Object_Detection_Gen3_ATSS |  ATSS |
        +-----------+-----------------------------------+-------+
        """
    )
  }

  @Test func toleratesShortRowsAndNone() {
    let table = TextTable(columns: ["a", "b"], rows: [["long text"]], alignment: .right)
    #expect(
      table.rendered() == """
        +-----------+---+
        |         a | b |
        +-----------+---+
        | long text |   |
        +-----------+---+
        """
    )
    #expect(
      TextTable(columns: ["a"], rows: []).rendered() == """
        +---+
        | a |
        +---+
        """
    )
  }

  @Test func marksScoresThatDoNotExist() {
    let report = MetricReport(
      primary: "accuracy",
      values: ["precision": 0.5, "recall": 1, "f1": 0.25],
      perClass: [ClassScore(label: "a", groundTruthCount: 0, detectionCount: 0, values: [:])]
    )
    #expect(
      report.table() == """
        +-------+-----+-------+-----------+--------+-------+
        | class | gts | preds | precision | recall | f1    |
        +-------+-----+-------+-----------+--------+-------+
        | a     | 0   | 0     | -         | -      | -     |
        +-------+-----+-------+-----------+--------+-------+
        | mean  |     |       | 0.500     | 1.000  | 0.250 |
        +-------+-----+-------+-----------+--------+-------+
        """
    )
  }
}
