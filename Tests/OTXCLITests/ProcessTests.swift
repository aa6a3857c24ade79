import Foundation
import Testing

/// The program as a process of its own: streams that are closed, and terminals.
@Suite struct ProcessTests {
  /// The program that was built with these tests; it lies beside them.
  static let program: URL? = {
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    let bundle = maps.split(separator: "\n").lazy
      .compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }
      .first { $0.hasSuffix(".xctest") }
    return bundle.map { URL(filePath: $0).deletingLastPathComponent().appending(path: "otx") }
  }()

  struct Outcome {
    var output: String
    var errors: String
    var status: Int32
  }

  /// Runs a line of the shell, in which `$OTX` is the program.
  private func shell(_ line: String, _ environment: [String: String] = [:]) throws -> Outcome {
    let program = try #require(ProcessTests.program)
    let folder = FileManager.default.temporaryDirectory.appending(path: "otx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = ["-c", line]
    process.currentDirectoryURL = folder
    var variables = ["OTX": program.path, "PATH": "/usr/bin:/bin", "HOME": folder.path]
    variables.merge(environment) { $1 }
    process.environment = variables
    // Files, so that nothing blocks however much is written.
    for name in ["output", "errors"] {
      try Data().write(to: folder.appending(path: name))
    }
    process.standardOutput = try FileHandle(forWritingTo: folder.appending(path: "output"))
    process.standardError = try FileHandle(forWritingTo: folder.appending(path: "errors"))
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    func text(_ name: String) throws -> String {
      String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
    }
    return Outcome(
      output: try text("output"),
      errors: try text("errors"),
      status: process.terminationStatus
    )
  }

  /// Nobody reads on: the program ends quietly and successfully.
  @Test(arguments: [
    "set -o pipefail; $OTX find | head -n 1 >/dev/null", "set -o pipefail; $OTX --help | true",
    "$OTX find >&-", "$OTX find <&-", "$OTX find 2>&-", "$OTX find <&- 2>&- >&-",
    "$OTX find --json >&- 2>&-",
  ]) func closedStreamsAreNoTrouble(line: String) throws {
    let result = try shell(line)
    #expect(result.status == 0)
    #expect(result.errors.isEmpty, "\(result.errors)")
  }

  /// With standard output closed, the first file that is opened must not take its place.
  @Test func nothingIsPrintedIntoFiles() throws {
    let result = try shell(
      """
      $OTX data draw drawn --train-count 4 --val-count 1 <&- >&- 2>&- || exit 1
      grep -rl 'drew' drawn && exit 2
      $OTX data info drawn --json
      """
    )
    #expect(result.status == 0)
    #expect(result.output.contains("\"problemCount\":0"))
  }

  /// `otx run` from drawn pictures to weights, and the analysis of the same data.
  @Test func runTrainsAndAnalyses() throws {
    let result = try shell(
      """
      set -e
      $OTX data draw drawn --task MULTI_CLASS_CLS --train-count 8 --val-count 4 --quiet
      printf 'train: {root: drawn/train, type: imagenet}\\nval: {root: drawn/val}\\n' >data.yaml
      $OTX run resnet18 --data-cfg data.yaml --mode train --output-path model --quiet \\
        --recipe-hparams lr=0.01 batch_size=4 epochs=1 input_size=32x32 precision=fp32 threads=1
      test -s model/weights.pth
      grep -q 'learningRate: 0.01' logs/latest/recipe.yaml
      $OTX run resnet18 --stage-type MdaRunner --data-cfg drawn --quiet
      grep -q '#   task: MULTI_CLASS_CLS' logs/mda/recipe.yaml
      """
    )
    #expect(result.status == 0, "\(result.output)\(result.errors)")
  }

  @Test func aFullDiskIsAFailure() throws {
    let result = try shell("$OTX find >/dev/full")
    #expect(result.status == 1)
    #expect(result.errors == "error: the results could not be written: No space left on device\n")
  }

  @Test func errorsAreSaidEvenWhereNothingCanBeWritten() throws {
    #expect(try shell("$OTX trian >&- 2>&-").status == 64)
    #expect(try shell("$OTX trian 2>/dev/full").status == 64)
  }

  /// What `script` shows of a terminal of so many columns.
  private func terminal(_ command: String, columns: Int, _ environment: [String: String]) throws
    -> Outcome
  {
    try shell("script -qec 'stty cols \(columns); \(command)' /dev/null", environment)
  }

  @Test(arguments: [40, 60]) func tablesFitTheTerminal(columns: Int) throws {
    let result = try terminal("$OTX find", columns: columns, ["TERM": "xterm", "LANG": "C.UTF-8"])
    #expect(result.status == 0)
    let lines = result.output.split(whereSeparator: \.isNewline)
    #expect(lines.count > 4)
    #expect(lines.allSatisfy { $0.count <= columns }, "\(result.output)")
  }

  /// Neither colors nor any other escape where nothing moves.
  @Test(arguments: [["NO_COLOR": "1", "TERM": "xterm"], ["TERM": "dumb"], ["TERM": "xterm"]])
  func resultsHaveNoEscapes(environment: [String: String]) throws {
    for command in ["$OTX find", "$OTX --help", "$OTX trian"] {
      let result = try terminal(command, columns: 80, environment)
      #expect(!result.output.contains("\u{1B}"))
    }
  }

  @Test func aLocaleWithoutUTF8GetsASCII() throws {
    let line = "$OTX data draw naïve… --train-count 1 --val-count 0"
    let terminal = try terminal(line, columns: 80, ["LANG": "C", "TERM": "xterm"])
    #expect(terminal.output.utf8.allSatisfy { $0 < 0x80 }, "\(terminal.output)")
    #expect(terminal.output.contains("na?ve..."))
    // A program that reads JSON gets UTF-8.
    let json = try shell("\(line) --json", ["LANG": "C"])
    #expect(json.output.contains("naïve…"))
  }
}
