import Foundation
import Testing

@testable import OTXCLI

/// What the scripts that `make install` installs ask the program for.
@Suite struct CompletionTests {
  @Test(arguments: ["bash", "zsh", "fish"]) func everyShellHasAScript(shell: String) async {
    let result = await otx("--generate-completion-script \(shell)")
    #expect(result.status == 0)
    for word in ["train", "max-epochs", "DETECTION"] { #expect(result.output.contains(word)) }
  }
}
