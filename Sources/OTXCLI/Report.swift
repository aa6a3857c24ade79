import ArgumentParser
import Foundation
import OTXCore

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write the report of a run again, from the files in its folder.",
    usage: "otx report [RUN] [options]",
    discussion: """
      Training writes report.html itself; this is for a run that was ended from outside, or to see
      how one that is under way is doing. Nothing is computed. Without RUN it is the newest run's.
      """
  )

  @Argument(help: .init("The run's folder.", valueName: "run"))
  var runFolder: String?

  @Option(
    name: [.customLong("output"), .customShort("o")],
    help: .init("The file to write; otherwise report.html in the run's folder.", valueName: "file")
  )
  var file: String?

  @OptionGroup(title: "Results") var workspace: WorkspaceArguments
  @OptionGroup(title: "Output") var output: OutputArguments

  func run() throws {
    let folder = try UsageError.unless { try self.folder() }
    if let file { try ResultFile.check(file) }
    let written = try CurrentJobs.value.writeReport(
      ofRun: folder,
      to: file.map { URL(filePath: $0) }
    )
    if output.json {
      Console.current.print(JSONText.object(["report": .string(written.path)]).text)
    } else {
      Console.current.print(written.relativePath)
    }
  }

  private func folder() throws -> URL {
    if let runFolder {
      let url = URL(filePath: runFolder, directoryHint: .isDirectory)
      guard url.isDirectory else { throw UsageError("there is no folder at '\(runFolder)'") }
      return url
    }
    let latest = workspace.url.appending(path: "latest")
    guard latest.isDirectory else {
      throw UsageError("no run: name its folder (there is none in \(workspace.workDirectory))")
    }
    return latest.resolvingSymlinksInPath()
  }
}
