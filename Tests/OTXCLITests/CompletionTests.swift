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

  /// Scripts ask the program itself for names, so that those of one's own are among them.
  @Test(arguments: [
    ("train -- --model", "ssd", "ssd_mobilenetv2"),
    ("train -- --recipe", "cls_", "cls_da_semisl"),
    ("train -- --model.help", "res", "resnet18"),
    ("run -- --model-cfg", "mob", "mobilenet_v3_large"),
    ("build -- --backbone", "mob", "mobilenet_v2"),
    ("find -- --backbone", "atss", "atss_mobilenetv2"),
  ])
  func namesAreAskedOfTheProgram(option: String, prefix: String, name: String) async {
    let result = await otx("---completion \(option) 0 \(prefix.count) \(prefix)")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.split(separator: "\n").contains(Substring(name)), "\(result.output)")
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func methodsAreOffered(shell: String) async {
    let script = await otx("--generate-completion-script \(shell)").output
    for word in ["linear_probe", "MULTI_LABEL_CLS", "DetectionTrainer"] {
      #expect(script.contains(word), "\(word)")
    }
  }
}
