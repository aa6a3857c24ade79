import Foundation
import Testing

@testable import OTXCLI

/// What `--help` says is a promise; a change of it shows in these files.
///
/// To accept a change, run the tests with `OTX_UPDATE_SNAPSHOTS=1` and look at the difference.
@Suite struct HelpTests {
  static let commands =
    [
      "", "data info", "data validate", "data fix", "data convert", "data split", "data stats",
      "data preview", "data formats", "data draw", "recipe show", "recipe schema", "cache list",
      "cache clean", "weights list", "weights keys", "weights add", "weights download",
    ]
    + OTXCommand.commandNames

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Goldens/help")

  @Test(arguments: commands) func isAsRecorded(command: String) async throws {
    let result = await otx(command.split(separator: " ").map(String.init) + ["--help"], width: 100)
    #expect(result.status == 0)
    #expect(!result.output.contains("(null)"))
    let name = command.isEmpty ? "otx" : command.replacingOccurrences(of: " ", with: "-")
    let file = HelpTests.folder.appending(path: "\(name).txt")
    if ProcessInfo.processInfo.environment["OTX_UPDATE_SNAPSHOTS"] == "1" {
      try FileManager.default.createDirectory(
        at: HelpTests.folder,
        withIntermediateDirectories: true
      )
      try Data(result.output.utf8).write(to: file)
    }
    let recorded = try String(contentsOf: file, encoding: .utf8)
    #expect(result.output == recorded)
  }

  /// A command that is listed is explained, and takes no line longer than the terminal.
  @Test(arguments: OTXCommand.commandNames) func isExplained(command: String) async {
    let result = await otx(["help", command], width: 80)
    #expect(result.output.hasPrefix("OVERVIEW: "))
    #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }
}
