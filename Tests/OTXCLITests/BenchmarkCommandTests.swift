import ArgumentParser
import Foundation
import OTX
import OTXTesting
import Testing

@testable import OTXCLI

@Suite("otx benchmark") struct BenchmarkCommandTests {
  private func request(_ words: [String]) throws -> BenchmarkRequest {
    let command = try OTXCommand.parseAsRoot(["benchmark"] + words)
    return try #require(command as? BenchmarkCommand).request()
  }

  @Test("lists are combined, 0 and auto are the same")
  func options() throws {
    let folder = try TemporaryFolder()
    let model = folder.url.appending(path: "openvino.xml")
    try Data().write(to: model)
    let made = try request([
      model.path, "--precision", "fp32,BF16", "--threads", "1,2", "--streams", "auto",
      "--batch-size", "4", "--seconds", "0.5", "--turns", "1",
    ])
    #expect(made.options.precisions == [.fp32, .bf16])
    #expect(made.options.threads == [1, 2])
    #expect(made.options.streams == [0])
    #expect(made.options.batchSize == 4)
    #expect(made.models.map(\.path) == [model.path])
  }

  @Test(
    "mistakes are named",
    arguments: [
      (["--precision", "int8"], "int8"), (["--threads", "two"], "'two' is no whole number"),
      (["--streams", "1,,2"], "is no list"), (["--batch-size", "0"], "1 to 1024"),
      (["--seconds", "0"], "0.01 to 3600"), (["--turns", "0"], "1 to 1000"),
    ]
  )
  func mistakes(words: [String], expected: String) async throws {
    let folder = try TemporaryFolder()
    let model = folder.url.appending(path: "openvino.xml")
    try Data().write(to: model)
    let result = await otx(["benchmark", model.path] + words)
    #expect(result.status == 64)
    #expect(result.errors.contains(expected), "\(result.errors)")
  }

  @Test("a model that is not there, and no model at all")
  func missing() async throws {
    let folder = try TemporaryFolder()
    let gone = await otx(["benchmark", folder.url.appending(path: "gone.xml").path])
    #expect(gone.status == 64)
    #expect(gone.errors.contains("there is no model at"))
    let none = await otx(["benchmark", "--work-dir", folder.url.path])
    #expect(none.status == 64)
    #expect(none.errors.contains("no model: name one"))
  }

  @Test("the table, JSON and CSV say the same")
  func results() async throws {
    let folder = try TemporaryFolder()
    let model = folder.url.appending(path: "a,b.xml")
    try Data().write(to: model)
    let csv = folder.url.appending(path: "times.csv")
    let table = await otx(["benchmark", model.path, "--csv", csv.path], width: nil)
    #expect(table.status == 0)
    for part in ["2.00 ms", "3.00 ms", "500.0", "5 %", "120.0 MB", "5.48 M", "0.217 G"] {
      #expect(table.output.contains(part), "\(part)")
    }
    let lines = try String(contentsOf: csv, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[1].hasPrefix("\""))
    let titles = lines[0].split(separator: ",").count
    // The model's comma stands in quotes.
    #expect(lines[1].split(separator: ",", omittingEmptySubsequences: false).count == titles + 1)
    let json = await otx(["benchmark", model.path, "--json"])
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    let rows = try #require(object?["rows"] as? [[String: Any]])
    #expect(rows.count == 1)
    #expect(rows[0]["picturesPerSecond"] as? Double == 500)
  }
}
