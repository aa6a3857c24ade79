import Foundation
import OTXTesting
import Testing

@testable import OTXCore

@Suite struct SafeTensorsTests {
  /// What `Tools/goldens/safe_tensors.py` wrote.
  struct Goldens: Decodable {
    struct Case: Decodable {
      var file: String
      var metadata: [String: String]
      var tensors: [CheckpointGoldens.Tensor]

      var bytes: [UInt8] {
        let digits = Array(file)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
          UInt8(String(digits[$0...$0 + 1]), radix: 16)
        }
      }
    }
    var cases: [String: Case]
  }

  static let names = ["network", "types", "shapes", "names", "nothing"]
  let goldens: Goldens
  let directory: TemporaryDirectory
  init() throws {
    let url = Bundle.module.bundleURL.appending(path: "Goldens/safetensors.json")
    goldens = try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: url))
    directory = try TemporaryDirectory()
  }

  private func file(_ bytes: [UInt8], _ name: String = "w.safetensors") throws -> URL {
    try directory.file(name, holding: Data(bytes))
  }

  /// A file with this header and so many bytes of contents.
  private func file(header: String, contentByteCount: Int = 0) throws -> URL {
    var bytes: [UInt8] = []
    bytes.append(number: UInt64(header.utf8.count))
    return try file(bytes + Array(header.utf8) + [UInt8](repeating: 1, count: contentByteCount))
  }

  private func reason(_ url: URL) -> String {
    do {
      _ = try SafeTensorsFile.read(url)
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func everyGoldenIsTested() { #expect(Set(goldens.cases.keys) == Set(Self.names)) }

  @Test(arguments: names) func readsWhatThePackageWrote(_ name: String) throws {
    let golden = try #require(goldens.cases[name])
    let found = try SafeTensorsFile.read(file(golden.bytes))
    #expect(found.metadata == golden.metadata)
    #expect(Set(found.state.names) == Set(golden.tensors.map(\.name)))
    for expected in golden.tensors {
      let value = try #require(found.state[expected.name])
      #expect(value.elementType == expected.type && value.shape == expected.shape)
      expectClose(value.allDoubles, expected.values, rtol: 0, atol: 0, expected.name)
    }
  }

  @Test(arguments: names) func writesTheSameBytesAsThePackage(_ name: String) throws {
    let golden = try #require(goldens.cases[name])
    let found = try SafeTensorsFile.read(file(golden.bytes))
    let shuffled = StateDictionary(found.state.reversed())
    let url = directory.file("ours.safetensors")
    try SafeTensorsFile(state: shuffled, metadata: found.metadata).write(to: url)
    #expect(try [UInt8](Data(contentsOf: url)) == golden.bytes)
  }

  @Test func aCheckpointMayBeSafetensors() throws {
    let golden = try #require(goldens.cases["network"])
    for name in ["w.safetensors", "w.bin"] {
      let url = try file(golden.bytes, name)
      #expect(try CheckpointFile.read(url).state == SafeTensorsFile.read(url).state)
      #expect(try CheckpointFile.readInfo(url) == nil)
      #expect(try CheckpointFile.readRecipe(url) == nil)
    }
  }

  @Test func metadataCannotBeAWeight() throws {
    var state = StateDictionary()
    state["__metadata__"] = ArrayBuffer([1], shape: [1])
    let url = directory.file("ours.safetensors")
    #expect(throws: FileError.self) { try SafeTensorsFile(state: state).write(to: url) }
    #expect(try directory.names.isEmpty)
  }

  @Test(arguments: [
    // What the header says, bytes of contents, what is wrong with it.
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 3, "cut short"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 5, "belong to nothing"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "leaves a gap"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "F32 [2] needs 8"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "no range"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, 4, "no range"),
    (#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#, 1, "type 'F8_E4M3'"),
    (
      #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
      6, "overlaps"
    ),
    (
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
      2, "two entries of the name 'a'"
    ),
    (#"{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, 1, "twice"),
    (#"{"__metadata__":{"k":"1","k":"2"}}"#, 0, "metadata has two entries"),
    (#"{"__metadata__":{"k":1}}"#, 0, "no JSON of the expected form"),
    (#"{"a":{"dtype":"U8","shape":[1]}}"#, 0, "lacks dtype, shape or data_offsets"),
    (#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}"#, 1, "unknown key 'x'"),
    (#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}"#, 1, "no JSON"),
    (
      #"{"a":{"dtype":"F64","shape":[9223372036854775807,2],"data_offsets":[0,0]}}"#, 0,
      "too large"
    ),
    (#"{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}}"#, 1, "no JSON"),
    (#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#, 1, "no JSON"),
    (#"{"a\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, 1, "no JSON"),
    (#"{} x"#, 0, "no JSON"), ("[]", 0, "no JSON"), ("", 0, "no JSON"),
  ]) func damagedFilesAreExplained(header: String, contentByteCount: Int, words: String) throws {
    let text = reason(try file(header: header, contentByteCount: contentByteCount))
    #expect(text.contains(words), "\(text)")
    #expect(text.contains("w.safetensors"))
  }

  @Test func filesThatAreNoneAreExplained() throws {
    #expect(reason(try file([1, 2, 3])).contains("cut short"))
    #expect(reason(try file([8, 0, 0, 0, 0, 0, 0, 0, 123])).contains("cut short"))
    let huge = [UInt8](repeating: 0xFF, count: 16)
    #expect(reason(try file(huge)).contains("is it a safetensors file?"))
    let invalid: [UInt8] = [4, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0xFF, 0xFE, 0x7D]
    #expect(reason(try file(invalid)).contains("not UTF-8"))
    #expect(reason(directory.file("nowhere.safetensors")).contains("no such file"))
  }

  @Test(arguments: ["network", "names"]) func survivesAnyChangedByte(_ name: String) throws {
    let good = try #require(goldens.cases[name]).bytes
    var random = CounterGenerator(seed: 5, 6)
    for _ in 0..<1500 {
      var bad = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bad[Int.random(in: 0..<bad.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) {
        bad.removeSubrange(Int.random(in: 0..<bad.count, using: &random)...)
      }
      do { _ = try SafeTensorsFile.read(file(bad)) } catch is ModelError {}
    }
  }

  /// Flags that are neither 0 nor 1 would be undefined behaviour further on.
  @Test func flagsAreMadeFlags() throws {
    var bytes: [UInt8] = []
    let header = #"{"a":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}"#
    bytes.append(number: UInt64(header.utf8.count))
    let url = try file(bytes + Array(header.utf8) + [0, 1, 7])
    #expect(try SafeTensorsFile.read(url).state["a"]?.bytes == [0, 1, 1])
  }
}
