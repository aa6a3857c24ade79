import Foundation

/// The plain PyTorch loop, a Python process that runs steps when it is told to.
final class Peer {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var pending = Data()

  struct Answer: Decodable {
    var seconds: [Double]
    var cpuSeconds: [Double]
    var loss: Double
    var peakMemoryBytes: Int
  }

  struct Failed: Error, CustomStringConvertible {
    var description: String
  }

  /// How the peer's memory is kept.
  ///
  /// PyTorch has no cache of its own on a CPU.
  enum Heap: Equatable {
    /// glibc as it comes: big tensors go back to the system at once.
    case stock
    /// glibc, told to keep its pages and to ask for huge ones.
    case keep
    /// An allocator library, preloaded.
    case preload(String)

    init(_ text: String) {
      switch text {
      case "stock": self = .stock
      case "keep": self = .keep
      default: self = .preload(text)
      }
    }

    var environment: [String: String] {
      switch self {
      case .stock: [:]
      case .keep:
        [
          "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "1099511627776",
          "MALLOC_TOP_PAD_": "67108864", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        ]
      case .preload(let path):
        [
          "LD_PRELOAD": path,
          "MALLOC_CONF":
            "dirty_decay_ms:-1,muzzy_decay_ms:-1,metadata_thp:auto,thp:always",
        ]
      }
    }
  }

  init(
    python: String,
    script: String,
    arguments: [String],
    environment: [String: String],
    heap: Heap
  ) throws {
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [python, script] + arguments
    process.environment = environment.merging(heap.environment) { $1 }
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    _ = try line()
  }

  /// Runs `count` steps.
  func steps(_ count: Int) throws -> Answer {
    try input.fileHandleForWriting.write(contentsOf: Data("\(count)\n".utf8))
    return try JSONDecoder().decode(Answer.self, from: line())
  }

  func stop() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  private func line() throws -> Data {
    while true {
      if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let line = pending[pending.startIndex..<end]
        pending = Data(pending[(end + 1)...])
        return Data(line)
      }
      let more = output.fileHandleForReading.availableData
      if more.isEmpty { throw Failed(description: "the peer ended; its message stands above") }
      pending.append(more)
    }
  }
}
