import Foundation
import Testing

@testable import OTXCLI

/// What holds for every command, also for those that come later.
@Suite struct CommandContract {
  /// The words of every command that does something.
  static let commands = OTXCommand.commandNames.flatMap { command in
    OTXCommand.secondWords[command]?.map { [command, $0] } ?? [[command]]
  }

  @Test(arguments: commands) func talksAsEveryCommandDoes(words: [String]) async {
    let help = await otx(words + ["--help"]).output
    for option in ["--json", "--quiet", "--log-level <level>"] {
      #expect(help.contains("\n  \(option) "), "\(words.joined(separator: " ")) lacks \(option)")
    }
  }

  /// Lines that succeed; every command that prints something is among them.
  static let lines: [(line: String, key: String)] = [
    ("find", "items"), ("find --backbone atss", "items"),
    ("build --model atss --backbone mobilenet_v2 -o @/a.yaml", "path"),
    ("build --recipe atss_mobilenetv2 --model ssd_mobilenetv2 -o @/b.yaml", "path"),
    ("train / ", "checkpoint"), ("eval @/model/weights.pth /", "metrics"),
    ("eval @/model/weights.pth @/one.jpg", "predictions"), ("export @/model/weights.pth", "xml"),
    ("optimize @/model/openvino.xml / --force", "xml"),
    ("deploy @/model/weights.pth -o @/a.zip", "archive"),
    ("demo -i @/one.jpg @/model/weights.pth", "imagesPerSecond"),
    ("export @/model/weights.pth --format onnx", "onnx"),
    ("data draw @/drawn --train-count 2 --val-count 1", "itemCount"),
    ("run atss_mobilenetv2 --data-cfg / --output-path @/out", "checkpoint"),
    ("run atss_mobilenetv2 --mode eval --model-ckpt @/model/weights.pth --data-cfg /", "metrics"),
    ("run resnet18 --mode infer --model-ckpt @/model/weights.pth --data-cfg @/", "predictions"),
    ("run atss_mobilenetv2 --stage-type DetectionExporter --model-ckpt @/model/weights.pth", "xml"),
    ("recipe show resnet18", "model"), ("recipe schema", "properties"), ("doctor", "items"),
    ("cache list", "items"), ("cache clean", "freedBytes"), ("weights list", "items"),
    ("weights keys resnet18", "keys"),
  ]

  @Test(arguments: lines) func printsOneObjectAndNothingElse(line: String, key: String) async throws
  {
    let place = try Playground([
      "model/weights.pth", "model/openvino.xml", "one.jpg", "cache/precision.json",
    ])
    defer { place.remove() }
    let words = line.split(separator: " ").map {
      $0.replacingOccurrences(of: "@", with: place.root.path)
    }
    let result = await CurrentCache.$override.withValue(place.root.appending(path: "cache")) {
      await otx(words + ["--json", "--quiet"])
    }
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.isEmpty)
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect(object?[key] != nil, "\(result.output)")
    #expect(result.output.hasSuffix("}\n"))
  }
}
