import Foundation
import OTXCore
import OTXTesting
import OTXWeights
import Testing

@testable import OTXCLI

/// The weight store as users see it.
@Suite struct WeightsCommandTests {
  /// A cache of its own and a file of weights.
  private struct Scene {
    let place: Playground
    var cache: URL { place.root.appending(path: "cache") }
    var file: String { place.path("mine.pth") }

    init() throws {
      place = try Playground()
      var state = StateDictionary()
      state["conv1.weight"] = ArrayBuffer([1, 2, 3, 4], shape: [2, 2])
      try CheckpointFile(state: state).write(to: URL(filePath: place.path("mine.pth")))
    }

    func run(_ line: String) async -> CommandResult {
      let words = line.split(separator: " ").map {
        $0.replacingOccurrences(of: "@", with: place.root.path)
      }
      return await CurrentCache.$override.withValue(cache) { await otx(words) }
    }
  }

  @Test func listsWhatIsPublishedAndWhatIsHere() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    let before = await scene.run("weights list")
    #expect(before.status == 0)
    #expect(before.output.contains("| resnet18 "), "\(before.output)")
    #expect(await scene.run("weights list --stored").output.contains("there is nothing in"))
    let added = await scene.run("weights add @/mine.pth --for resnet18")
    #expect(added.output.hasPrefix("added resnet18-"), "\(added.errors)")
    #expect(added.output.contains("a file of yours: training of resnet18 starts from it now"))
    let after = await scene.run("weights list --stored")
    #expect(after.output.contains("your file"))
    let cache = await scene.run("cache list")
    #expect(cache.output.contains("| resnet18-") && cache.output.contains("| weights "))
  }

  @Test func saysTheNamesOfANetworkAndOfAFile() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    let file = await scene.run("weights keys @/mine.pth --json")
    #expect(file.output == #"{"keys":{"conv1.weight":[2,2]}}"# + "\n")
    // As many labels as the published weights have.
    let network = await scene.run("weights keys resnet18 --json")
    #expect(network.output.contains(#""fc.bias":[1000]"#))
    let own = await scene.run("weights keys resnet18 --labels 7")
    #expect(own.output.contains("| fc.bias ") && own.output.contains("| scalar "))
    let slip = await scene.run("weights keys resnet81")
    #expect(slip.status == 64 && slip.errors.contains("resnet18"))
  }

  @Test func refusesWhatIsNotThere() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    let network = await scene.run("weights add @/mine.pth --for resnet81")
    #expect(network.status == 64 && network.errors.contains("did you mean 'resnet18'"))
    let file = await scene.run("weights add @/yours.pth --for resnet18")
    #expect(file.status == 64 && file.errors.contains("there is nothing at"))
    let text = scene.place
    try text.write("no weights", to: "text.pth")
    let damaged = await scene.run("weights add @/text.pth --for resnet18")
    #expect(damaged.status == 1 && damaged.errors.contains("no model file"))
    let download = await scene.run("weights download resnet18 mobilenet_v7")
    #expect(download.status == 64 && download.errors.contains("mobilenet_v"))
  }

  @Test func fetchesNothingOffline() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    // A detector stands for its backbone.
    let result = await scene.run("weights download atss_mobilenetv2 --offline")
    #expect(result.status == 1)
    #expect(result.errors.contains("the weights of mobilenet_v2 are not in the weight store"))
    #expect(result.errors.contains("https://download.pytorch.org/models/mobilenet_v2-"))
    let other = await scene.run("weights download resnet50.IMAGENET1K_V1 --offline")
    #expect(other.errors.contains("resnet50-0676ba61.pth"))
  }

  @Test func downloadsAndSaysHowFarItIs() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    // An address where nobody listens: the road to the store, with its end.
    let row = PublishedWeights(
      name: "resnet18",
      version: "V1",
      fileName: "a.pth",
      url: "ftp://127.0.0.1/a.pth",
      checksum: .unpublished,
      licence: "MIT",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 3,
      page: "https://example.org"
    )
    let result = await CurrentWeights.$published.withValue([row]) {
      await scene.run("weights download resnet18")
    }
    #expect(result.status == 1)
    #expect(result.errors.contains("cannot download ftp://127.0.0.1/a.pth"), "\(result.errors)")
  }

  @Test func trainTakesNamesOfTheStore() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    let missing = await scene.run("train / --weights resnet18")
    #expect(missing.status == 64)
    #expect(missing.errors.contains("otx weights download resnet18"), "\(missing.errors)")
    _ = await scene.run("weights add @/mine.pth --for resnet18")
    for word in ["resnet18", "auto", "none", "download", "@/mine.pth"] {
      #expect(await scene.run("train / --weights \(word)").status == 0, "\(word)")
    }
  }

  @Test func theCacheLeavesADownloadThatRunsAlone() throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    for file in [".part-a/net.pth", ".lock-a", ".part-b/net.pth", ".lock-b", ".new-1-x/net.pth"] {
      try scene.place.write("x", to: "cache/weights/\(file)")
    }
    let lock = open(scene.place.path("cache/weights/.lock-a"), O_RDWR | O_CLOEXEC)
    defer { close(lock) }
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    let items = CacheInventory(root: scene.cache, ownShims: []).items
    let users = Dictionary(uniqueKeysWithValues: items.map { ($0.name, $0.users) })
    #expect(users == [".part-a": ["a download"], ".part-b": [], ".new-1-x": []])
    #expect(items.allSatisfy { $0.kind == .leftover })
  }
}
