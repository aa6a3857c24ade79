import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXReport

@Suite("Reports of runs") struct RunReportTests {
  @Test func aRunThatEnded() throws {
    let folder = try TemporaryFolder()
    try SyntheticRun.write(to: folder.url)
    let page = try RunReport(directory: folder.url).page()
    #expect(page.title == "ATSS on <cells>")
    #expect(page.tiles.first == ReportFact("F-measure, test", "0.800"))
    #expect(page.notices.isEmpty)
    #expect(
      page.groups.map(\.title) == [
        "Training", "Evaluation", "Pictures", "Recipe", "Data", "Time and memory", "Going on",
      ]
    )
    let titles = page.groups.flatMap { $0.sections.map(\.title) }
    for title in [
      "Loss", "Validation", "Optimizer", "By class", "Confusion", "Chosen for this data",
      "Filled recipe", "Warnings", "Labels", "Machine", "Commands",
    ] { #expect(titles.contains(title)) }
    #expect(page.html().contains("best: 0.900"))
  }

  @Test func modelsThatWereMadeOfTheRun() throws {
    let folder = try TemporaryFolder()
    try SyntheticRun.write(to: folder.url)
    let wanted = ModelOutput(shape: [2], values: [1, 4])
    var parity = ParityReport()
    parity.precision = "fp32"
    try parity.compare(["y": ModelOutput(shape: [2], values: [1, 3])], with: ["y": wanted])
    parity.predictions = PredictionParity()
    parity.predictions?.add([], [Finding(label: "a", score: 1)])
    (parity.metric, parity.checkpointScore, parity.metricDifference) = ("f-measure", 0.75, 0)
    let place = folder.url.appending(path: "openvino")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    try JSONEncoder().encode(parity).write(to: place.appending(path: "parity.json"))
    let int8 = folder.url.appending(path: "int8")
    try FileManager.default.createDirectory(at: int8, withIntermediateDirectories: true)
    try Data(#"{"type": "ptq", "before": 0.75, "after": 0.5}"#.utf8)
      .write(to: int8.appending(path: "parity.json"))
    let sections = try RunReport(directory: folder.url).page().groups.flatMap(\.sections)
    let section = try #require(sections.first { $0.title == "Exported models" })
    guard case .table(let table) = section.content else {
      Issue.record("it is no table")
      return
    }
    #expect(
      table.rows == [
        ["int8", "int8", "", "", "", "0.750", "0.500", ""],
        ["openvino", "fp32", "2.5e-01", "1.2e-01", "1 of 1", "0.750", "the same", ""],
      ]
    )
  }

  /// Killed: no result, no evaluation, half a record at the end of the events.
  @Test func aRunThatWasKilled() throws {
    let folder = try TemporaryFolder()
    try SyntheticRun.write(to: folder.url)
    try FileManager.default.removeItem(at: folder.url.appending(path: "evaluation.json"))
    var summary = try #require(RunSummary(directory: folder.url))
    summary.result = nil
    try summary.write(to: folder.url)
    let events = try #require(EventFile.files(in: folder.url).first)
    let bytes = try Data(contentsOf: events)
    try bytes.dropLast(7).write(to: events)
    let page = try RunReport(directory: folder.url).page()
    #expect(page.notices.count == 2)
    #expect(page.tiles.first?.name == "mAP50, best on val")
    #expect(page.groups.map(\.title).contains("Training"))
    #expect(page.html().contains("Total loss"))
  }

  @Test func aFolderWithoutARun() throws {
    let folder = try TemporaryFolder()
    #expect(throws: ConfigurationError.self) { try RunReport(directory: folder.url) }
    // What an older version left: a recipe and a log.
    try Data("name: a\n".utf8).write(to: folder.url.appending(path: "recipe.yaml"))
    let page = try RunReport(directory: folder.url).page()
    #expect(page.groups.flatMap(\.sections).contains { $0.title == "Filled recipe" })
  }

  /// Files that are damaged are as good as missing.
  @Test func damagedFiles() throws {
    let folder = try TemporaryFolder()
    try SyntheticRun.write(to: folder.url)
    for name in ["summary.json", "evaluation.json"] {
      try Data("{".utf8).write(to: folder.url.appending(path: name))
    }
    try Data([0xFF, 0xFE, 0x0A]).write(to: folder.url.appending(path: "train.log"))
    let page = try RunReport(directory: folder.url).page()
    #expect(page.html().contains("Total loss"))
  }

  @Test func decisionsAreReadFromTheRecipe() {
    let recipe = """
      # Chosen from the data:
      #   inputSize: 448x576 (pictures are up to 480x640 (robust))
      #   labels: 3 (from the training subset: RBC (2381))
      name: a
      #   no: comment (of the recipe)
      """
    #expect(
      RunReport.decisions(in: recipe) == [
        Decision(
          setting: "inputSize",
          value: "448x576",
          reason: "pictures are up to 480x640 (robust)"
        ),
        Decision(setting: "labels", value: "3", reason: "from the training subset: RBC (2381)"),
      ]
    )
  }

  @Test func timeIsCountedByEpoch() throws {
    let folder = try TemporaryFolder()
    try SyntheticRun.write(to: folder.url)
    let timing = RunTiming(RunHistory(directory: folder.url))
    #expect(timing.epochs.map(\.number) == [1, 2, 3, 4])
    expectClose(timing.stepSeconds, 40 * 0.5, rtol: 1e-6)
    expectClose(timing.dataSeconds, 40 * 0.0625, rtol: 1e-6)
    expectClose(timing.imageCount, 40 * 8, rtol: 1e-6)
    expectClose(timing.imagesPerSecond, 16, rtol: 1e-6)
  }

  @Test func smoothingKeepsAConstantAndDoesNotLag() {
    let constant = RunCurves.smoothed((0..<500).map { .init(Double($0), 3) })
    #expect(constant.count == 500)
    expectClose(constant.map(\.y), [Double](repeating: 3, count: 500), rtol: 1e-9, atol: 0)
    let line = RunCurves.smoothed((0..<1000).map { .init(Double($0), Double($0)) })
    expectClose(line[500].y, 500, rtol: 0.002, atol: 0)
    #expect(RunCurves.smoothed([]).isEmpty)
  }
}
