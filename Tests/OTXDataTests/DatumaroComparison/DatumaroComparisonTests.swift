import Foundation
import OTXCore
import Testing

@testable import OTXData

/// Our readers against Datumaro's, on the samples of `OTX_TEST_DATA`.
@Suite("Comparison with Datumaro")
struct DatumaroComparisonTests {
  static let entries = (try? DatumaroGolden.read().entries) ?? []
  /// Those of formats that we read; videos are read where FFmpeg's programs are.
  static let known = entries.filter { entry in
    guard (try? Formats.named(entry.format)) != nil else { return false }
    return VideoTests.programs != nil || !["kinetics", "video_frames"].contains(entry.format)
  }

  @Test("the formats that Datumaro reads and we do not are on the list, and no others")
  func formats() throws {
    let entries = try DatumaroGolden.read().entries
    #expect(entries.count > 90)
    let unknown = Set(entries.map(\.format)).filter { (try? Formats.named($0)) == nil }
    #expect(unknown == notYetRead)
  }

  @Test("reads what Datumaro reads", .enabled(if: realData != nil), arguments: known)
  func same(_ entry: DatumaroGolden.Entry) throws {
    let differences = try DatumaroComparison.differences(entry, below: #require(realData))
    let exceptions = KnownDifference.all.filter { $0.applies(to: entry) }
    let allowed = exceptions.reduce(into: Set()) { $0.formUnion($1.aspects) }
    let others = differences.filter { !allowed.contains($0.aspect) }
    #expect(others.isEmpty, "\(others.map(\.description).joined(separator: "\n"))")
  }

  @Test("recognises what Datumaro recognises", .enabled(if: realData != nil), arguments: known)
  func recognition(_ entry: DatumaroGolden.Entry) throws {
    // What Datumaro recognises and cannot read is no dataset.
    guard entry.detected.contains(entry.format), entry.error == nil else { return }
    let root = try #require(realData).appending(path: entry.path)
    let recognized = try FormatRecognizer.recognize(root, among: Formats.all).format
    let names = ([recognized] + recognized.variants).flatMap { [$0.name] + $0.aliases }
    #expect(names.contains(entry.format), "recognised as \(recognized.name)")
  }

  @Test(
    "every known difference is still there",
    .enabled(if: realData != nil),
    arguments: KnownDifference.all.indices
  )
  func needed(_ index: Int) throws {
    let exception = KnownDifference.all[index]
    let data = try #require(realData)
    // A format that is not read yet shows nothing.
    let entries = DatumaroComparisonTests.known.filter { exception.applies(to: $0) }
    let aspects = try entries.reduce(into: Set<ComparedAspect>()) { aspects, entry in
      let differences = try DatumaroComparison.differences(entry, below: data)
      aspects.formUnion(differences.map(\.aspect))
    }
    let gone = exception.aspects.subtracting(aspects)
    #expect(
      gone.isEmpty || entries.isEmpty,
      "\(exception.path) as \(exception.format) agrees in \(gone): take that from the table"
    )
  }
}
