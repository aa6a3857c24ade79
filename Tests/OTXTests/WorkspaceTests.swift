import Foundation
import OTX
import OTXCore
import OTXTesting
import Testing

@Suite("Workspace")
struct WorkspaceTests {
  private let root = FileManager.default.temporaryDirectory
    .appending(path: "otx workspace \(UUID().uuidString)")

  @Test("a second run in the same second gets a number, and latest follows")
  func sameSecond() throws {
    defer { try? FileManager.default.removeItem(at: root) }
    let workspace = Workspace(root: root)
    #expect(workspace.latestRun == nil)
    let date = Date(timeIntervalSince1970: 1_700_000_000)
    let first = try workspace.newRun(at: date)
    let second = try workspace.newRun(at: date)
    #expect(first.lastPathComponent.wholeMatch(of: /\d{8}_\d{6}/) != nil)
    #expect(second.lastPathComponent == first.lastPathComponent + "-2")
    #expect(workspace.latestRun?.lastPathComponent == second.lastPathComponent)
    let names = try FileManager.default.contentsOfDirectory(atPath: root.path)
    #expect(Set(names) == [first.lastPathComponent, second.lastPathComponent, "latest"])
  }

  @Test("a folder that is a file is an error that names it and says what to do")
  func unwritable() throws {
    try Data().write(to: root)
    defer { try? FileManager.default.removeItem(at: root) }
    let error = #expect(throws: ConfigurationError.self) {
      try Workspace(root: root).newRun(at: Date(timeIntervalSince1970: 0))
    }
    #expect(error?.description.contains(root.path) == true)
    #expect(error?.description.contains("--work-dir") == true)
  }
}

@Suite("Run log")
struct RunLogTests {
  private func step(_ iteration: Int) -> TrainingStep {
    TrainingStep(
      epoch: 1,
      epochCount: 2,
      step: iteration,
      stepCount: 32,
      iteration: iteration,
      learningRate: 0.004 / 3,
      time: 0.402,
      dataTime: 0.012,
      eta: 3725,
      memoryBytes: 512 << 20,
      losses: [.init(name: "loss_cls", value: 1.1113), .init(name: "loss", value: 2.26)],
      gradientNorm: 3.6441,
      imageCount: 8
    )
  }

  @Test("a step's line has the fields that readers of such logs look for")
  func line() {
    #expect(
      step(1).logLine
        == "Epoch [1][1/32] lr: 1.333e-03, eta: 1:02:05, time: 0.402, data_time: 0.012, memory: 512, current_iters: 0, loss_cls: 1.1113, loss: 2.2600, grad_norm: 3.6441"
    )
    #expect(TrainingStep.clockTime(2 * 86400 + 61) == "2 days, 0:01:01")
    #expect(TrainingStep.clockTime(.nan) == "?")
  }

  @Test("the table has a row for each validation, under one header")
  func table() throws {
    let root = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: root) }
    let log = try RunLog(in: root, now: { Date(timeIntervalSince1970: 0) })
    for epoch in 1...2 {
      log.observe(.step(step(epoch)))
      let report = MetricReport(primary: "map_50", values: ["map": 0.25, "map_50": 0.5])
      log.observe(.validated(epoch: epoch, report: report, isBest: epoch == 1))
    }
    let table = try String(contentsOf: root.appending(path: "metrics.csv"), encoding: .utf8)
    let rows = table.split(separator: "\n")
    #expect(rows.first == "epoch,iteration,lr,train/loss_cls,train/loss,val/map,val/map_50")
    #expect(rows.count == 3)
    #expect(rows.last?.hasSuffix(",1.1113,2.26,0.25,0.5") == true)
    let text = try String(contentsOf: root.appending(path: "train.log"), encoding: .utf8)
    #expect(text.split(separator: "\n").count == 4)
    #expect(text.contains("best so far"))
  }

  @Test("the log has a row for every weight of a file that training starts from")
  func weights() throws {
    let root = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: root) }
    let log = try RunLog(in: root, now: { Date(timeIntervalSince1970: 0) })
    let rows = (0..<20).map { WeightTable.Row(.missing, name: "layer\($0).weight", shape: [2, 3]) }
    log.observe(.weights(WeightTable(rows: rows)))
    let text = try String(contentsOf: root.appending(path: "train.log"), encoding: .utf8)
    for row in rows { #expect(text.contains("| missing | \(row.name) ")) }
  }

  @Test("a table that goes on loses the rows that come again, and half a row")
  func resumedTable() throws {
    let folder = try TemporaryFolder()
    let table = try folder.write(
      "epoch,iteration,lr,train/loss,val/map\n1,4,0.1,2.0,0.25\n2,8,0.1,1.5,0.5\n3,1",
      to: "metrics.csv"
    )
    try folder.write("before\n", to: "train.log")
    let log = try RunLog(in: folder.url, isResumed: true, now: { Date(timeIntervalSince1970: 0) })
    log.observe(.resumed(after: step(5), validationCount: 1))
    let report = MetricReport(primary: "map", values: ["map": 0.75])
    log.observe(.validated(epoch: 2, report: report, isBest: true))
    let rows = try String(contentsOf: table, encoding: .utf8).split(separator: "\n")
    #expect(rows.count == 3 && rows[1] == "1,4,0.1,2.0,0.25" && rows[2].hasPrefix("2,5,"))
    #expect(rows[2].hasSuffix(",2.26,0.75"))
    let text = try String(contentsOf: folder.url.appending(path: "train.log"), encoding: .utf8)
    #expect(text.hasPrefix("before\n") && text.contains("Going on in epoch 1 after step 5 of 32"))
  }
}
