import Foundation
import OTXCore

/// Collects what is wrong with one file.
struct ProblemLog {
  let file: URL
  let name: String
  private(set) var problems: [DatasetProblem] = []
  private var lines: LineIndex?

  init(file: URL, name: String) { (self.file, self.name) = (file, name) }

  mutating func leftOut(_ kind: String, at position: Int, _ message: String) throws {
    try add(kind, position, message, .leftOut)
  }

  mutating func noted(_ kind: String, at position: Int, _ message: String) throws {
    try add(kind, position, message, .noted)
  }

  private mutating func add(
    _ kind: String,
    _ position: Int,
    _ message: String,
    _ remedy: DatasetProblem.Remedy
  ) throws {
    let lines = try lines ?? LineIndex(file, name: name)
    self.lines = lines
    problems.append(
      DatasetProblem(
        kind: kind,
        location: "\(name):\(lines.line(at: position))",
        message: message,
        remedy: remedy
      )
    )
  }
}

/// Turns positions in a file into line numbers.
struct LineIndex {
  private var ends: [Int]

  /// Reads a file again; only a file with something to say about it needs that.
  init(_ url: URL, name: String) throws {
    ends = []
    for (index, byte) in try ReadFile.bytes(url, name: name).enumerated()
    where byte == UInt8(ascii: "\n") {
      ends.append(index)
    }
  }

  /// Line of a byte, from 1.
  func line(at position: Int) -> Int {
    var (low, high) = (0, ends.count)
    while low < high {
      let middle = (low + high) / 2
      if ends[middle] < position { low = middle + 1 } else { high = middle }
    }
    return low + 1
  }
}
