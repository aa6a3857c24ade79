import OTXCore
import Testing

@Suite struct WeightTableTests {
  /// A backbone's file, with a head of its own, in a detector.
  static let table = WeightTable(rows: [
    .init(
      .matched,
      name: "backbone.conv1.weight",
      shape: [4, 3],
      fileName: "conv1.weight",
      fileShape: [4, 3]
    ),
    .init(
      .skipped,
      name: "backbone.a,b.weight",
      shape: [2],
      fileName: "a,b.weight",
      fileShape: [5]
    ),
    .init(.missing, name: "backbone.bn1.num_batches_tracked"),
    .init(.missing, name: "head.cls.weight", shape: [2, 4]),
    .init(.missing, name: "head.cls.bias", shape: [2]),
    .init(.unused, fileName: "fc.weight", fileShape: [1000, 4]),
    .init(.unused, fileName: "fc.bias", fileShape: [1000]),
  ])

  @Test func wholePartsAreOneLine() {
    #expect(
      Self.table.differences(rowCount: 8) == [
        "  backbone.a,b.weight: skipped, [5] in the file, [2] here",
        "  fc.* (2 weights): not used here",
        "  backbone.bn1.num_batches_tracked []: missing in the file",
        "  head.* (2 weights): missing in the file",
      ]
    )
    #expect(Self.table.differences(rowCount: 0).count == 1)
    #expect(WeightTable(rows: [Self.table.rows[0]]).differences(rowCount: 8).isEmpty)
  }

  @Test func csvHasARowForEachWeight() {
    let lines = Self.table.csv().split(separator: "\n")
    #expect(lines.count == 8)
    #expect(lines[0] == "status,name,shape,name in the file,shape in the file")
    #expect(lines[2] == #"skipped,"backbone.a,b.weight",2,"a,b.weight",5"#)
    #expect(lines[3] == "missing,backbone.bn1.num_batches_tracked,scalar,,")
    #expect(lines[6] == "unused,,,fc.weight,1000x4")
  }

  @Test func theTableHasARowForEachWeight() {
    let lines = Self.table.rendered().split(separator: "\n")
    #expect(lines.count == 4 + 7)
    #expect(lines[3].contains("| matched | backbone.conv1.weight") && lines[3].contains("4, 3"))
  }
}
