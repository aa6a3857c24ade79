import Foundation
import OTX
import Testing

@testable import OTXCLI

/// A program of one's own: `Program.main(registry:)`.
@Suite struct OwnRegistryTests {
  private struct MyBackend: Backend {
    let name = "mine"
    let models = [
      ModelDescriptor(
        name: "my_net",
        title: "My network",
        task: .multiClassClassification,
        backbones: ["my_net"],
        preprocessing: Preprocessing(inputSize: ImageSize(height: 64, width: 64)),
        hasDynamicSize: true,
        parameterCount: 1000,
        gigaMultiplyAdds: 0.001
      )
    ]
    func supports(_ source: ModelSource) -> Bool {
      if case .zoo(let info, _) = source { info.model == "my_net" } else { false }
    }
    func makeEngine<Kind: VisionTask>(
      _ kind: Kind.Type,
      from source: ModelSource,
      options: EngineOptions
    ) throws -> any SubEngine<Kind> {
      throw EngineError.jobNotSupported("run \(source)", by: name)
    }
  }

  private func mine(_ line: String) async -> (status: Int32, output: String, errors: String) {
    let output = Lines()
    let errors = Lines()
    let console = Console(output: { output.add($0) }, errors: { errors.add($0) })
    let words = line.split(separator: " ").map(String.init)
    let registry = EngineRegistry.standard.adding(MyBackend())
    let status = await Program.run(words, console: console, registry: registry)
    return (status, output.text, errors.text)
  }

  @Test func aBackendOfOnesOwnIsListedEverywhere() async {
    #expect(await mine("find --task MULTI_CLASS_CLS").output.contains("my_net"))
    #expect(await mine("find --all").output.contains("    my_net: my_net"))
    #expect(await mine("train --help").output.contains("my_net"))
    let help = await mine("train --model.help my_net").output
    #expect(help.contains("title: My network"))
    #expect(help.contains("  gradientClip"))
    #expect(help.contains("Longest allowed gradient norm"))
    // And in no other program.
    #expect(await !otx("train --help").output.contains("my_net"))
  }

  @Test func itsMistakesAreItsOwn() async throws {
    let result = await mine("train --model my_nte --data-root /")
    #expect(result.status == 64)
    #expect(result.errors.contains("did you mean 'my_net'"), "\(result.errors)")
  }

  private final class Lines: @unchecked Sendable {
    // Guarded by `lock`, hence the unchecked conformance.
    private let lock = NSLock()
    private var pieces = ""
    var text: String { lock.withLock { pieces } }
    func add(_ piece: String) { lock.withLock { pieces += piece } }
  }
}
