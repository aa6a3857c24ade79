import Foundation
import OTXCore
import Synchronization

/// Reads elements of a JSON list one after the other and keeps them.
protocol JSONListReader: Sendable {
  init()
  /// Reads the element that `scanner` stands before.
  mutating func readElement(_ scanner: inout JSONScanner) throws
}

/// Reads a long JSON list on all cores.
///
/// Where an element begins is guessed: after `}, {` and the first key of the list's first element.
/// The guess may be wrong, inside a text or a list in a list; so each part is read up to the next
/// guess, and counts only where the part before it ends exactly there. What was guessed wrong is
/// read again from where the last good part ends: the result is that of reading in order.
struct JSONList<Reader: JSONListReader> {
  private struct Part: Sendable {
    var reader: Reader
    /// Where the next element begins, or what is behind the list.
    var end: Int
    var isEnd: Bool
  }

  private let bytes: SharedBytes
  private let name: String

  /// Reads the list that `scanner` stands before.
  ///
  /// - Returns: Readers with what they have read, in order.
  /// - Throws: ``DataError/unreadable(file:reason:)``.
  static func read(_ scanner: inout JSONScanner) throws -> [Reader] {
    guard scanner.take(UInt8(ascii: "[")) else { throw scanner.unexpected("a list") }
    if scanner.take(UInt8(ascii: "]")) { return [] }
    scanner.skipSpace()
    let list = JSONList(bytes: SharedBytes(scanner.bytes), name: scanner.name)
    return try list.read(&scanner)
  }

  private func read(_ scanner: inout JSONScanner) throws -> [Reader] {
    let starts = guesses(from: scanner.position)
    let results = ParallelResults<Result<Part, any Error>>(count: starts.count)
    // No part behind one that reaches the list's end is needed.
    let last = Atomic<Int>(starts.count)
    WorkerThreads.forEach(starts.count) { index in
      guard index <= last.load(ordering: .relaxed) else { return }
      let limit = index + 1 < starts.count ? starts[index + 1] : Int.max
      let part = Result { try self.part(from: starts[index], to: limit) }
      if case .success(let part) = part, part.isEnd {
        _ = last.min(index, ordering: .relaxed)
      }
      results.set(index, part)
    }
    let parts = results.all
    var readers: [Reader] = []
    var next = scanner.position
    var index = 0
    while true {
      let part: Part
      if index < starts.count, starts[index] == next, let known = parts[index] {
        part = try known.get()
      } else {
        let limit = starts.first { $0 > next } ?? Int.max
        part = try self.part(from: next, to: limit)
      }
      readers.append(part.reader)
      next = part.end
      if part.isEnd { break }
      while index < starts.count, starts[index] < next { index += 1 }
    }
    scanner.position = next
    return readers
  }

  /// Reads elements from one that begins at `start` to the first that begins at `limit` or later.
  private func part(from start: Int, to limit: Int) throws -> Part {
    var scanner = JSONScanner(bytes.buffer, name: name)
    scanner.position = start
    var reader = Reader()
    while true {
      try reader.readElement(&scanner)
      if scanner.take(UInt8(ascii: ",")) {
        scanner.skipSpace()
        guard scanner.position >= limit else { continue }
        return Part(reader: reader, end: scanner.position, isEnd: false)
      }
      guard scanner.take(UInt8(ascii: "]")) else { throw scanner.unexpected("',' or ']'") }
      return Part(reader: reader, end: scanner.position, isEnd: true)
    }
  }

  /// Where elements may begin, about as many as there is work for.
  private func guesses(from first: Int) -> [Int] {
    let buffer = bytes.buffer
    let partSize = min(max((buffer.count - first) / 256, 1 << 18), 1 << 22)
    guard let key = firstKey(at: first), buffer.count - first > 4 * partSize else { return [first] }
    var starts = [first]
    var target = first + partSize
    while target < buffer.count {
      // An element is short; further on there may be none, behind the list's end.
      let end = min(target + 1 << 16, buffer.count)
      if let found = elementStart(in: target..<end, key: key) { starts.append(found) }
      target += partSize
    }
    return starts
  }

  /// The first key of the object at `position`, with its quotes.
  private func firstKey(at position: Int) -> ArraySlice<UInt8>? {
    var scanner = JSONScanner(bytes.buffer, name: name)
    scanner.position = position
    guard scanner.take(UInt8(ascii: "{")) else { return nil }
    scanner.skipSpace()
    let start = scanner.position
    guard scanner.nextKind() == .string, (try? scanner.skipValue()) != nil else { return nil }
    return ArraySlice(bytes.buffer[start..<scanner.position])
  }

  private func elementStart(in range: Range<Int>, key: ArraySlice<UInt8>) -> Int? {
    let buffer = bytes.buffer
    var scanner = JSONScanner(buffer, name: name)
    for place in range where buffer[place] == UInt8(ascii: "}") {
      scanner.position = place + 1
      guard scanner.take(UInt8(ascii: ",")) else { continue }
      scanner.skipSpace()
      let start = scanner.position
      guard scanner.take(UInt8(ascii: "{")) else { continue }
      scanner.skipSpace()
      let end = scanner.position + key.count
      guard end <= buffer.count, buffer[scanner.position..<end].elementsEqual(key) else { continue }
      return start
    }
    return nil
  }
}

/// Bytes that several threads read.
///
/// Nobody writes them, and whoever waits for the threads keeps them alive; hence the unchecked
/// conformance.
private struct SharedBytes: @unchecked Sendable {
  let buffer: UnsafeBufferPointer<UInt8>
  init(_ buffer: UnsafeBufferPointer<UInt8>) { self.buffer = buffer }
}
