import Foundation
import OTXTesting
import Testing

@testable import OTXCore

/// Files that someone damaged, or made to do harm.
@Suite struct DamagedCheckpointTests {
  let directory: TemporaryDirectory
  init() throws { directory = try TemporaryDirectory() }

  /// A file with another pickle, its checksum right.
  private func file(pickle: [UInt8], records: [(String, [UInt8])] = []) throws -> URL {
    let url = directory.file("crafted.pth")
    try AtomicFile.write(to: url) { output in
      var zip = ZipWriter(output)
      try zip.add("archive/data.pkl", pickle)
      for (name, contents) in records { try zip.add("archive/\(name)", contents) }
      try zip.finish()
    }
    return url
  }

  /// Reads in every way; only ``ModelError`` may come out.
  private func readAll(_ url: URL) throws {
    for read in [
      { _ = try CheckpointFile.read($0) }, { _ = try CheckpointFile.readInfo($0) },
      { _ = try PickleFile.read($0) },
    ] as [(URL) throws -> Void] {
      do { try read(url) } catch is ModelError {}
    }
  }

  @Test(arguments: ["network", "views", "training", "published4", "legacyViews", "legacyTraining"])
  func survivesAnyChangedByteOfAFile(_ name: String) throws {
    let good = [UInt8](try CheckpointGoldens.file(name))
    var random = CounterGenerator(seed: 1, 2)
    for _ in 0..<1500 {
      var bad = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bad[Int.random(in: 0..<bad.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) {
        bad.removeSubrange(Int.random(in: 0..<bad.count, using: &random)...)
      }
      try readAll(try directory.file("bad.pth", holding: Data(bad)))
    }
  }

  @Test(arguments: ["network", "views", "training", "published4"])
  func survivesAnyChangedByteOfAPickle(_ name: String) throws {
    let url = try directory.file("good.pth", holding: CheckpointGoldens.file(name))
    let zip = try ZipReader(url)
    let pickleEntry = try #require(zip.entries.first { $0.name.hasSuffix("data.pkl") })
    let pickle = try zip.contents(pickleEntry)
    let prefix = pickleEntry.name.dropLast("data.pkl".count)
    let records = try zip.entries.filter { $0 != pickleEntry }.map {
      (String($0.name.dropFirst(prefix.count)), try zip.contents($0))
    }
    var random = CounterGenerator(seed: 3, 4)
    var understood = 0
    for _ in 0..<3000 {
      var bad = pickle
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let position = Int.random(in: 0..<bad.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bad[position] = .random(in: 0...255, using: &random)
        case 1: bad.insert(bad[Int.random(in: 0..<bad.count, using: &random)], at: position)
        default: bad.remove(at: position)
        }
      }
      // No file for each: the machine is what is tried, and now and then the loader behind it.
      do throws(FormatError) {
        _ = try PickleMachine.run(bad)
        understood += 1
      } catch { continue }
      try readAll(try file(pickle: bad, records: records))
    }
    #expect(understood > 50, "mutations must reach behind the parser")
  }

  @Test func survivesRandomInstructions() {
    let opcodes =
      Array("(012QcRbqrhjNJKMGXU)tlae]}dsu.".utf8) + [0x80, 0x85, 0x86, 0x87, 0x88, 0x94]
    var random = CounterGenerator(seed: 5)
    for _ in 0..<20_000 {
      let pickle = (0..<40).map { _ in
        Int.random(in: 0..<4, using: &random) == 0
          ? UInt8.random(in: 0...3, using: &random)
          : opcodes[Int.random(in: 0..<opcodes.count, using: &random)]
      }
      _ = try? PickleMachine.run(pickle + [UInt8(ascii: ".")])
    }
  }

  @Test func refusesLoopsAndExplosions() throws {
    // A list that holds itself: ] q0 h0 a .
    let loop: [UInt8] = [0x80, 2, 0x5D, 0x71, 0, 0x68, 0, 0x61, 0x2E]
    // Forty lists, each holding the one before twice: 2^40 values when walked.
    var explosion: [UInt8] = [0x80, 2, 0x5D]
    for _ in 0..<40 { explosion += [0x71, 0, 0x30, 0x5D, 0x68, 0, 0x61, 0x68, 0, 0x61] }
    explosion.append(0x2E)
    // A hundred thousand lists inside each other.
    let deep: [UInt8] =
      [0x80, 2] + [UInt8](repeating: 0x5D, count: 100_000)
      + [UInt8](repeating: 0x61, count: 99_999) + [0x2E]
    for pickle in [loop, explosion, deep] {
      let error = try #require(throws: ModelError.self) {
        try PickleFile.read(try file(pickle: pickle))
      }
      #expect(error.description.contains("without end"), "\(error)")
    }
  }

  /// The pickle of one tensor with these numbers in its description.
  private func tensorPickle(
    offset: Int = 0,
    shape: [Int],
    strides: [Int],
    elementCount: Int
  ) -> [UInt8] {
    func long(_ value: Int) -> [UInt8] {
      [0x8A, 8] + withUnsafeBytes(of: Int64(value).littleEndian) { Array($0) }
    }
    func text(_ value: String) -> [UInt8] { [0x8C, UInt8(value.utf8.count)] + value.utf8 }
    func global(_ name: String) -> [UInt8] { Array("c\(name)\n".utf8) }
    var bytes: [UInt8] = [0x80, 2, 0x7D] + text("w")
    bytes += global("torch._utils\n_rebuild_tensor_v2") + [0x28, 0x28]
    bytes += text("storage") + global("torch\nFloatStorage") + text("0") + text("cpu")
    bytes += long(elementCount) + [0x74, 0x51] + long(offset)
    bytes += [0x28] + shape.flatMap(long) + [0x74, 0x28] + strides.flatMap(long) + [0x74]
    return bytes + [0x89] + global("collections\nOrderedDict") + [
      0x29, 0x52, 0x74, 0x52, 0x73, 0x2E,
    ]
  }

  private func readTensor(
    offset: Int = 0,
    shape: [Int],
    strides: [Int],
    elementCount: Int = 4,
    recordByteCount: Int = 16
  ) throws -> ArrayBuffer? {
    let pickle = tensorPickle(
      offset: offset,
      shape: shape,
      strides: strides,
      elementCount: elementCount
    )
    var record = [UInt8](repeating: 0, count: recordByteCount)
    for index in stride(from: 0, to: recordByteCount, by: 4) { record[index] = UInt8(index / 4) }
    return try CheckpointFile.read(try file(pickle: pickle, records: [("data/0", record)]))
      .state["w"]
  }

  @Test func refusesTensorsOutsideTheirStorage() throws {
    #expect(try readTensor(shape: [2, 2], strides: [2, 1])?.elementCount == 4)
    #expect(try readTensor(offset: 1, shape: [3], strides: [1])?.bytes[0] == 1)
    for (offset, shape, strides) in [
      (0, [5], [1]), (1, [4], [1]), (0, [2, 2], [3, 1]), (-1, [1], [1]), (5, [0], [1]),
      (0, [-1], [1]), (0, [2], [-1]), (0, [2], [1, 1]), (0, [.max, .max], [0, 0]),
      (0, [2], [.max]), (.max, [1], [1]), (0, [1 << 40, 1 << 40], [1, 1]),
    ] as [(Int, [Int], [Int])] {
      #expect(throws: ModelError.self, "\(offset) \(shape) \(strides)") {
        try readTensor(offset: offset, shape: shape, strides: strides)
      }
    }
  }

  @Test func refusesWrongStorageSizes() throws {
    for (count, bytes) in [(4, 12), (4, 20), (1 << 61, 16), (.max, 16), (-1, 16)] {
      #expect(throws: ModelError.self, "\(count) elements in \(bytes) bytes") {
        try readTensor(shape: [1], strides: [1], elementCount: count, recordByteCount: bytes)
      }
    }
  }

  @Test func refusesARepetitionThatWouldFillTheMemory() throws {
    #expect(try readTensor(shape: [1000, 4], strides: [0, 1])?.elementCount == 4000)
    let error = try #require(throws: ModelError.self) {
      try readTensor(shape: [1 << 40, 4], strides: [0, 1])
    }
    #expect(error.description.contains("repeats"), "\(error)")
  }

  @Test func refusesACheckpointWithoutItsContents() throws {
    let pickle = tensorPickle(shape: [4], strides: [1], elementCount: 4)
    let error = try #require(throws: ModelError.self) {
      try CheckpointFile.read(try file(pickle: pickle))
    }
    #expect(error.description.contains("data/0"), "\(error)")
  }
}
