import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXData

/// What Datumaro writes in the formats that we know, read by Datumaro and by us.
@Suite("We read what Datumaro writes", .enabled(if: DatumaroPrograms.python != nil))
struct WrittenByDatumaroTests {
  @Test("every format that both know")
  func written() throws {
    let folder = try TemporaryFolder()
    let golden = try DatumaroPrograms.export(to: folder.url)
    #expect(golden.entries.count > 70)
    for entry in golden.entries where (try? Formats.named(entry.format)) != nil {
      let differences = try DatumaroComparison.differences(entry, below: folder.url)
      let exceptions = writtenByDatumaroDifferences.filter { $0.applies(to: entry) }
      let allowed = exceptions.reduce(into: Set()) { $0.formUnion($1.aspects) }
      let found = Set(differences.map(\.aspect))
      let others = differences.filter { !allowed.contains($0.aspect) }
      #expect(
        others.isEmpty,
        "\(entry.testDescription):\n\(others.map(\.description).joined(separator: "\n"))"
      )
      if entry.detected.contains(entry.format) {
        let root = folder.url.appending(path: entry.path)
        let recognized = try? FormatRecognizer.recognize(root, among: Formats.all).format
        let formats = recognized.map { [$0] + $0.variants } ?? []
        let names = formats.flatMap { [$0.name] + $0.aliases }
        #expect(
          names.contains(entry.format),
          "\(entry.testDescription) is recognised as \(recognized?.name ?? "nothing")"
        )
      }
      for exception in exceptions where exception.format != "*" && exception.path != "*" {
        let gone = exception.aspects.subtracting(found)
        #expect(gone.isEmpty, "\(entry.testDescription) agrees in \(gone): take that away")
      }
    }
  }
}

/// Where we do not read what Datumaro writes as Datumaro does.
let writtenByDatumaroDifferences: [KnownDifference] = [
  KnownDifference(
    path: "voc_segmentation-masks",
    format: "voc_segmentation",
    aspects: [.annotations],
    reason: "the picture of labels is read whole; Datumaro cuts out objects, so no background"
  ),
  KnownDifference(
    path: "coco-points",
    format: "coco",
    aspects: [.annotations],
    reason: "beside boxes, Datumaro leaves key points out, which are in a file of their own"
  ),
]
