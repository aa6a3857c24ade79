import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

@testable import OTXCLI

@Suite("Commands about data") struct DataCommandTests {
  private func dataset() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try SampleDataset(
      counts: [.train: 8, .val: 3, .test: 2],
      size: ImageSize(height: 48, width: 64)
    )
    .drawDetection(at: folder.url.appending(path: "data"))
    return folder
  }

  private func path(_ folder: TemporaryFolder, _ name: String) -> String {
    folder.url.appending(path: name).path
  }

  @Test("info says the format, what it is known by and what is there") func info() async throws {
    let folder = try dataset()
    let result = await otx(["data", "info", path(folder, "data"), "--json"])
    #expect(result.status == 0, "\(result.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect(json?["format"] as? String == "coco")
    #expect((json?["evidence"] as? String)?.hasSuffix(".json") ?? false)
    #expect(json?["subsets"] as? [String: Int] == ["train": 8, "val": 3, "test": 2])
    #expect(json?["itemCount"] as? Int == 13)
    let text = await otx(["data", "info", path(folder, "data")])
    #expect(text.output.contains("known by"))
  }

  @Test("validate ends with 1 where data is lost, and its suggestion mends it")
  func validate() async throws {
    let folder = try dataset()
    let good = await otx(["data", "validate", path(folder, "data")])
    #expect(good.status == 0, "\(good.output)")
    let pictures = try FileManager.default.contentsOfDirectory(
      atPath: path(folder, "data/train")
    ).filter { $0.hasSuffix(".png") || $0.hasSuffix(".jpg") }.sorted()
    try Data("no picture".utf8).write(
      to: folder.url.appending(path: "data/train/\(pictures[0])")
    )
    let bad = await otx(["data", "validate", path(folder, "data"), "--json"])
    #expect(bad.status == 1)
    let json = try JSONSerialization.jsonObject(with: Data(bad.output.utf8)) as? [String: Any]
    #expect(json?["isValid"] as? Bool == false)
    #expect(json?["errorCount"] as? Int == 1)
    let findings = try #require(json?["findings"] as? [[String: String]])
    #expect(findings.first?["suggestion"]?.hasPrefix("otx data fix ") ?? false)
    let fixed = await otx(["data", "fix", path(folder, "data"), "-o", path(folder, "fixed")])
    #expect(fixed.status == 0, "\(fixed.errors)")
    #expect(fixed.output.contains(pictures[0]))
    let again = await otx(["data", "validate", path(folder, "fixed")])
    #expect(again.status == 0, "\(again.output)")
  }

  @Test("convert there and back loses nothing") func convert() async throws {
    let folder = try dataset()
    let there = await otx(
      ["data", "convert", path(folder, "data"), "--format", "voc", "-o", path(folder, "voc")]
    )
    #expect(there.status == 0, "\(there.errors)")
    let back = await otx(
      [
        "data", "convert", path(folder, "voc"), "--to", "coco", "-o", path(folder, "coco"),
        "--link",
      ]
    )
    #expect(back.status == 0, "\(back.errors)")
    let first = try DatasetReader.read(.root(folder.url.appending(path: "data"), format: nil))
    let second = try DatasetReader.read(.root(folder.url.appending(path: "coco"), format: nil))
    for (subset, items) in first.items {
      let boxes = { (items: [DatasetItem]) in
        Set(items.flatMap(\.annotations).compactMap(\.box))
      }
      #expect(boxes(items) == boxes(second.items[subset] ?? []))
    }
    let full = await otx(
      ["data", "convert", path(folder, "voc"), "--to", "coco", "-o", path(folder, "coco")]
    )
    #expect(full.status == 64)
    #expect(full.errors.contains("is not empty"))
    let unknown = await otx(
      ["data", "convert", path(folder, "voc"), "--to", "cocoo", "-o", path(folder, "new")]
    )
    #expect(unknown.status != 0)
    #expect(unknown.errors.contains("did you mean 'coco'?"))
    #expect(!FileManager.default.fileExists(atPath: path(folder, "new")))
  }

  @Test("split parts all pictures anew") func split() async throws {
    let folder = try dataset()
    let result = await otx([
      "data", "split", path(folder, "data"), "--ratios", "0.5", "0.5", "-o", path(folder, "new"),
      "--json",
    ])
    #expect(result.status == 0, "\(result.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    let subsets = try #require(json?["subsets"] as? [String: Int])
    #expect(subsets.values.reduce(0, +) == 13)
    #expect(Set(subsets.keys) == ["train", "val"])
    let wrong = await otx([
      "data", "split", path(folder, "data"), "--ratios", "1", "-o", path(folder, "other"),
    ])
    #expect(wrong.status != 0)
    #expect(wrong.errors.contains("two or three numbers"))
  }

  @Test("stats and preview write files that open") func pictures() async throws {
    let folder = try dataset()
    let page = path(folder, "stats.html")
    let stats = await otx(["data", "stats", path(folder, "data"), "-o", page])
    #expect(stats.status == 0, "\(stats.errors)")
    let html = try String(contentsOf: URL(filePath: page), encoding: .utf8)
    #expect(html.contains("Where objects are") && html.contains("class=\"heat\""))
    for arguments in [
      ["-o", path(folder, "a.png")], ["--augmented", "-o", path(folder, "b.jpg")],
    ] {
      let preview = await otx(
        ["data", "preview", path(folder, "data"), "--count", "4"] + arguments
      )
      #expect(preview.status == 0, "\(preview.errors)")
      let size = try ImageFile.size(of: URL(filePath: arguments.last ?? ""))
      #expect(size.width > 900 && size.height > 600)
    }
    let wrong = await otx(
      ["data", "preview", path(folder, "data"), "--label", "circel", "-o", path(folder, "c.png")]
    )
    #expect(wrong.errors.contains("did you mean 'circle'?"))
  }

  @Test("every format is listed") func formats() async throws {
    let result = await otx(["data", "formats"], width: 400)
    for format in Formats.all { #expect(result.output.contains("| \(format.name) ")) }
  }
}
