import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXData

/// A few damaged datasets for each reader, in this process; `OTXBenchmarks fuzz` reads thousands.
@Suite("Damaged datasets")
struct FuzzTests {
  /// What each format writes of the tests' samples.
  private static let seeds: [String: [FolderContents]] = {
    var datasets = (try? FormatContractTests.samples().map(\.dataset)) ?? []
    if let pixels = try? PixelContractTests.sample() { datasets.append(pixels) }
    var seeds: [String: [FolderContents]] = [:]
    for format in Formats.writable {
      for dataset in datasets {
        guard let folder = try? TemporaryFolder(),
          (try? format.write(dataset, to: folder.url)) != nil,
          let contents = try? FolderContents(folder.url)
        else { continue }
        seeds[format.name, default: []].append(contents)
      }
    }
    return seeds
  }()

  @Test("are read or refused with an error that names the file", arguments: Formats.all.map(\.name))
  func readers(_ name: String) throws {
    let format = try Formats.named(name)
    // A format that is not written has at least to say no to those of others.
    let all = FuzzTests.seeds.sorted { $0.key < $1.key }.flatMap(\.value)
    let seeds = FuzzTests.seeds[name] ?? all
    try #require(!seeds.isEmpty)
    for number in 0..<24 {
      let folder = try TemporaryFolder()
      try seeds[number % seeds.count].mutated(seed: 1, number: UInt64(number)).write(to: folder.url)
      _ = format.recognizes(folder.url)
      for location in [DataLocation.root(folder.url, format: name)] {
        do { _ = try DatasetReader.read(location) } catch is DataError {} catch {
          Issue.record("case \(number): \(type(of: error)): \(error)")
        }
      }
    }
  }

  @Test("the same seed and number damage the same")
  func deterministic() throws {
    let seed = try #require(FuzzTests.seeds["coco"]?.first)
    let cases = (0..<20).map { seed.mutated(seed: 3, number: $0) }
    #expect(cases == (0..<20).map { seed.mutated(seed: 3, number: $0) })
    #expect(cases.allSatisfy { $0 != seed })
    #expect(Set(cases.map { "\($0.nodes.count) \($0.byteCount)" }).count > 5)
  }
}
