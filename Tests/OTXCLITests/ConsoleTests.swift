import Foundation
import Testing

@testable import OTXCLI

/// What is written where a terminal, or nothing, can show it.
@Suite struct ConsoleTests {
  @Test(
    arguments: [
      (["LANG": "C.UTF-8"], true), (["LANG": "en_US.utf8"], true), ([:], false),
      (["LANG": "C"], false),
      (["LANG": "de_DE.ISO-8859-1"], false), (["LC_ALL": "C", "LANG": "en_US.UTF-8"], false),
      (["LC_ALL": "", "LC_CTYPE": "en_US.UTF-8", "LANG": "C"], true),
    ] as [([String: String], Bool)]
  )
  func theLocaleIsReadAsTheSystemReadsIt(environment: [String: String], isUnicode: Bool) {
    #expect(TextCapability.isUnicode(environment) == isUnicode)
  }

  @Test func ourOwnWordsAreASCIIWhereNothingElseCanBeShown() {
    let text = "━━╌╌ 3×4 … Müller 猫\u{1B}[K"
    #expect(TextCapability.unicode.shown(text) == text)
    #expect(TextCapability.ascii.shown(text) == "##-- 3x4 ... M?ller ?\u{1B}[K")
    // What is piped into a file keeps its names.
    #expect(TextCapability.ownASCII.shown(text) == "##-- 3x4 ... Müller 猫\u{1B}[K")
  }

  /// Every character of ours that is not ASCII has a spelling in ASCII.
  @Test func ourMessagesHaveNoOtherCharacters() throws {
    let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources")
    let files = FileManager.default.enumerator(atPath: sources.path)
    while let name = files?.nextObject() as? String {
      guard name.hasSuffix(".swift"), !name.contains("OTXTesting") else { continue }
      let text = try String(contentsOf: sources.appending(path: name), encoding: .utf8)
      for line in text.split(separator: "\n") where line.contains("\"") {
        let code = line.trimmingCharacters(in: .whitespaces)
        if code.hasPrefix("//") || name.hasSuffix("Console.swift") { continue }
        // Letters that are drawn into pictures, or stand on pages.
        if name.hasSuffix("OverlayRenderer.swift") || name.hasPrefix("OTXReport/") { continue }
        let literal = code.components(separatedBy: " // ")[0]
        #expect(
          !TextCapability.ascii.shown(literal).contains { $0 == "?" && !literal.contains("?") },
          "\(name): \(line)"
        )
      }
    }
  }

  @Test func whatCouldNotBeWrittenIsAFailure() async {
    var console = Console(output: { _ in }, errors: { _ in })
    console.outputFailure = { "No space left on device" }
    #expect(await Program.run(["find"], console: console) == 1)
    #expect(await Program.run(["--help"], console: console) == 1)
    console.outputFailure = { nil }
    #expect(await Program.run(["find"], console: console) == 0)
  }
}
