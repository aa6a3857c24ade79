import Foundation
import Testing

/// The programs of `Tools/datumaro`, run with a Python that has Datumaro.
enum DatumaroPrograms {
  /// That Python (`compare.py` says what it needs), where there is one.
  static let python = ProcessInfo.processInfo.environment["OTX_DATUMARO_PYTHON"]

  /// What Datumaro makes of a folder.
  static func entry(_ folder: URL, format: String) throws -> DatumaroGolden.Entry {
    let output = try run("compare.py", [folder.path, "--format", format])
    return try JSONDecoder().decode(DatumaroGolden.Entry.self, from: output)
  }

  /// Fills a folder with what Datumaro writes.
  static func export(to folder: URL) throws -> DatumaroGolden {
    _ = try run("export.py", [folder.path])
    let data = try Data(contentsOf: folder.appending(path: "datumaro.json"))
    return try JSONDecoder().decode(DatumaroGolden.self, from: data)
  }

  private static func run(_ program: String, _ arguments: [String]) throws -> Data {
    var repository = URL(filePath: #filePath).resolvingSymlinksInPath()
    for _ in 0..<4 { repository.deleteLastPathComponent() }
    let process = Process()
    process.executableURL = URL(filePath: try #require(python))
    process.arguments = [repository.appending(path: "Tools/datumaro/\(program)").path] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(program) failed: run it by hand")
    return data
  }
}
