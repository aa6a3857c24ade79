import Foundation
import OTX
import OTXCore
import OTXImage
import Testing

@testable import OTXCLI

/// `otx explain`: what its options mean, and the files it leaves.
@Suite struct ExplainCommandTests {
  private func playground() throws -> Playground {
    let playground = try Playground(["weights.pth"])
    for name in ["a/cell.png", "b/cell.png"] {
      let file = playground.root.appending(path: name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(),
        withIntermediateDirectories: true
      )
      try ImageFile.write(Image(size: ImageSize(height: 4, width: 6)), to: file)
    }
    return playground
  }

  private func request(_ arguments: [String]) throws -> ExplainRequest {
    try #require(try Program.parse(["explain"] + arguments) as? Explain).request()
  }

  @Test func optionsAreExplainOptions() throws {
    let playground = try playground()
    defer { playground.remove() }
    let (weights, picture) = (playground.path("weights.pth"), playground.path("a/cell.png"))
    let plain = try request([weights, picture])
    #expect(plain.options == ExplainOptions())
    #expect(plain.isStrict)
    #expect(plain.images.map(\.lastPathComponent) == ["cell.png"])
    #expect(try request([weights, picture, "--explain-all-classes"]).options.target == .all)
    #expect(try request([weights, picture, "--target", "IMAGE"]).options.target == .image)
    let activation = try request([weights, picture, "--explain-algorithm", "ActivationMap"])
    #expect(activation.options.target == .image)
    let judged = try request([weights, picture, picture, "--score", "--threshold", "0.5"])
    #expect(judged.options.judges)
    #expect(judged.options.confidenceThreshold == 0.5)
    #expect(!judged.isStrict)
  }

  @Test func mapsAreNamedByPictureAndLabel() async throws {
    let playground = try playground()
    defer { playground.remove() }
    let result = await otx([
      "explain", playground.path("weights.pth"), playground.path("a/cell.png"),
      playground.path("b/cell.png"), "--save-to", playground.path("maps"), "--raw", "--score",
      "--json", "--quiet",
    ])
    #expect(result.status == 0, "\(result.errors)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    )
    let files = try #require(object["files"] as? [String])
    #expect(
      files.map { URL(filePath: $0).lastPathComponent } == [
        "cell_class_red_cell_saliency_map.png", "cell_class_red_cell_overlay.png",
        "cell_class_red_cell_raw.png", "cell_class_red_cell_saliency_map-2.png",
        "cell_class_red_cell_overlay-2.png", "cell_class_red_cell_raw-2.png",
      ]
    )
    let sizes = try files.map { try ImageFile.read(URL(filePath: $0)).size }
    #expect(
      sizes.prefix(3) == [
        ImageSize(height: 4, width: 6), ImageSize(height: 4, width: 6),
        ImageSize(height: 1, width: 2),
      ]
    )
    let pictures = try #require(object["pictures"] as? [[String: Any]])
    let map = try #require((pictures.first?["maps"] as? [[String: Any]])?.first)
    #expect(map["label"] as? String == "red/cell")
    #expect(map["insertion"] as? Double == 0.5)
    #expect(pictures.first?["featureVector"] as? [Double] == [1, 2])
  }

  @Test(arguments: [
    ("--target everything", "there are: predictions, all, image"),
    ("--explain-algorithm eigencam", "there are: auto, activationmap"),
    ("--threshold 2", "from 0 to 1"), ("--explain-algorithm activationmap --target all", "leave"),
  ])
  func mistakesAreNamed(line: String, words: String) async throws {
    let playground = try playground()
    defer { playground.remove() }
    let arguments = ["explain", playground.path("weights.pth"), playground.path("a/cell.png")]
    let result = await otx(arguments + line.split(separator: " ").map(String.init))
    #expect(result.status == 64)
    #expect(result.errors.contains(words), "\(result.errors)")
  }

  @Test func withoutPicturesThereIsNothingToExplain() async throws {
    let playground = try playground()
    defer { playground.remove() }
    let result = await otx(["explain", playground.path("weights.pth")])
    #expect(result.status == 64)
    #expect(result.errors.contains("no pictures"))
  }
}
