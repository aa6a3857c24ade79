import Testing

@testable import OTXCore

@Suite struct TextTableTests {
  @Test func longCellsGoOnBelowThemselves() {
    let table = TextTable(
      columns: ["NAME", "TITLE"],
      rows: [["a", "one two three"], ["bcdefghijklmnopq", ""]]
    )
    #expect(
      table.rendered(width: 16) == """
        NAME   a
        TITLE  one two
               three

        NAME   bcdefghij
               klmnopq
        """
    )
  }

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

  /// The spacing of the tutorial's table, which has one template more than ours.
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

  @Test func narrowTerminalsGetBlocks() {
    let table = TextTable(
      columns: ["name", "id", "path"],
      rows: [["one", "1", "a/b"], ["two", "", "c/d/e"], ["three"]],
      footers: [["sum", "1"]]
    )
    let blocks = """
      name  one
      id    1
      path  a/b

      name  two
      path  c/d/e

      name  three

      name  sum
      id    1
      """
    let ruled = table.rendered()
    let width = ruled.prefix { $0 != "\n" }.count
    #expect(table.rendered(width: width) == ruled, "as wide as the table is wide enough")
    #expect(table.rendered(width: width - 1) == blocks)
  }

  @Test func evaluationsShowLabelsAndTheWhole() {
    let score = ClassScore(
      label: "a",
      groundTruthCount: 2,
      detectionCount: 3,
      values: ["recall": 0.5, "ap": 0.25]
    )
    let report = MetricReport(
      primary: "map_50",
      values: ["map_50": 0.25, "f-measure": 0.5],
      perClass: [score]
    )
    #expect(
      report.summary() == """
        ---------------iou_thr: 0.5---------------

        +-------+-----+------+--------+-------+
        | class | gts | dets | recall | ap    |
        +-------+-----+------+--------+-------+
        | a     | 2   | 3    | 0.500  | 0.250 |
        +-------+-----+------+--------+-------+
        | mAP   |     |      |        | 0.250 |
        +-------+-----+------+--------+-------+
        +-----------+--------+
        | metric    | value  |
        +-----------+--------+
        | f-measure | 0.5000 |
        | map_50    | 0.2500 |
        +-----------+--------+
        """
    )
    #expect(
      MetricReport(primary: "accuracy", values: ["accuracy": 1]).summary() == """
        +----------+--------+
        | metric   | value  |
        +----------+--------+
        | accuracy | 1.0000 |
        +----------+--------+
        """
    )
  }

  @Test func detectionsWithoutObjectsAreStillDetections() {
    let score = ClassScore(label: "a", groundTruthCount: 0, detectionCount: 0, values: [:])
    let table = MetricReport(primary: "map_50", values: [:], perClass: [score]).titledTable()
    #expect(table.hasPrefix("---------------iou_thr: 0.5---------------\n\n"))
    #expect(table.contains("| class | gts | dets | recall | ap |"))
  }

  @Test func cellsStayOnTheirLine() {
    let table = TextTable(columns: ["label"], rows: [["a\nb\u{1B}[31m"]]).rendered()
    #expect(table.split(separator: "\n").count == 5)
    #expect(table.contains("| a b [31m |"))
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
