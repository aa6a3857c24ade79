import Foundation
import Testing

@testable import OTXCLI

/// The manual page that `make install` installs.
@Suite struct ManualTests {
  @Test func speaksOfEveryCommand() async throws {
    let result = await otx("--generate-manual")
    #expect(result.status == 0)
    #expect(result.output.hasPrefix(".TH OTX 1 "))
    for command in OTXCommand.commandNames {
      let seconds = OTXCommand.secondWords[command] ?? []
      for path in seconds.isEmpty ? [command] : seconds.map({ "\(command) \($0)" }) {
        #expect(result.output.contains("\n.SS otx \(path)\n"))
      }
    }
    #expect(result.output.contains("\\fB\\-\\-max\\-epochs\\fR \\fIcount\\fR"))
    #expect(!result.output.contains("\\-\\-parameter\\fR"), "what is private is not listed")
  }

  /// A line that begins with a full stop is a command of roff.
  @Test func everyMacroIsMeant() throws {
    let macros = Set([".TH", ".SH", ".SS", ".B", ".PP", ".TP", ".nf", ".fi"])
    for line in try ManualPage.text().split(separator: "\n") where line.hasPrefix(".") {
      #expect(macros.contains(String(line.prefix { $0 != " " })), "\(line)")
    }
    #expect(ManualPage.escaped(".profile -x a\\b") == "\\&.profile \\-x a\\eb")
  }
}
