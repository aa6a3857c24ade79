import Foundation
import OTXCore
import Testing

/// Models that Intel's Model API was shown to read as they are meant: `Tools/interop/compare_model_api.py
/// --golden` wrote what they say of themselves.
@Suite("What exported models say of themselves")
struct RuntimeInfoGoldenTests {
  @Test func theEntriesAreThoseThatModelAPIWasTriedWith() throws {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/model_info.json")
    let goldens = try JSONDecoder().decode(
      [String: [String: String]].self,
      from: Data(contentsOf: url)
    )
    #expect(goldens.count == 7)
    for (name, golden) in goldens {
      let json = try #require(golden[RuntimeInfo.ownKey])
      let info = try ModelInfo(json: Data(json.utf8), source: name)
      let entries = try RuntimeInfo.entries(for: info)
      for key in Set(golden.keys).union(entries.keys) where key != RuntimeInfo.ownKey {
        #expect(
          entries[key] == golden[key],
          "\(name)/\(key): run Tools/interop/compare_model_api.py before the golden is written anew"
        )
      }
    }
  }
}
