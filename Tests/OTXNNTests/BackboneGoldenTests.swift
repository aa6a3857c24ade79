import Foundation
import OTXTesting
import Testing

/// The comparison that tests and benchmarks share says what differs.
@Suite struct BackboneGoldenTests {
  private func golden() throws -> BackboneGolden {
    let numbers = """
      {"logits": [1, -4], "loss": 1, "trainingLoss": 1, "statistics": {},
       "gradients": {"a": {"norm": 2, "first": []}, "b": {"norm": 4, "first": []}}}
      """
    // FNV-1a of "a 2x3\n" and of "a 2x3\nb \n".
    let text = """
      {"tensorCount": 2, "parameterCount": 7, "multiplyAdds": 6, "defaultSize": [32, 32],
       "size": [32, 32], "numbers": \(numbers),
       "marks": [{"index": 0, "entry": "a 2x3", "digest": "\(digest("a 2x3\n"))"},
                 {"index": 1, "entry": "b ", "digest": "\(digest("a 2x3\nb \n"))"}]}
      """
    let folder = FileManager.default.temporaryDirectory.appending(path: "otx-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(text.utf8).write(to: folder.appending(path: "net.json"))
    return try BackboneGolden(of: "net", in: folder)
  }

  private func digest(_ text: String) -> String {
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    return String(hash, radix: 16)
  }

  @Test func differencesOfStructureAreNamed() throws {
    let golden = try golden()
    #expect(golden.difference(of: [("a", [2, 3]), ("b", [])]) == nil)
    #expect(golden.difference(of: [("a", [3, 2]), ("b", [])]) == "entry 0 is a 3x2, not a 2x3")
    #expect(golden.difference(of: [("a", [2, 3])]) == "1 entries, not 2")
    let more = golden.difference(of: [("a", [2, 3]), ("b", []), ("c", [])])
    #expect(more == "3 entries, not 2")
  }

  @Test func differencesOfNumbersAreRelative() throws {
    let numbers = try #require(try golden().numbers)
    #expect(numbers.difference(ofLogits: [1, -4]) == 0)
    #expect(numbers.difference(ofLogits: [2, -4]) == 0.25)
    #expect(numbers.difference(ofLogits: [1]) == .infinity)
    #expect(numbers.difference(ofLogits: [.nan, -4]) == .infinity)
    let worst = numbers.difference(ofGradientNorms: ["a": 2.5, "b": 4])
    #expect(worst.value == 0.25 && worst.name == "a")
    #expect(numbers.difference(ofGradientNorms: ["a": 2]).name == "b")
    #expect(numbers.difference(ofGradientNorms: ["a": .nan, "b": 4]).value == .infinity)
  }
}
