/// What a dataset looks like from outside: enough to notice that it is another than before, cheap
/// enough to be taken at every start.
public struct DataFingerprint: Codable, Sendable, Equatable {
  /// One subset's.
  public struct Part: Codable, Sendable, Equatable {
    public var itemCount: Int
    /// A hash of the items' names, in order.
    public var names: UInt64
    /// A hash of the sizes of the picture files.
    public var pictures: UInt64
    /// A hash of what the pictures are annotated with.
    public var annotations: UInt64
    public init(itemCount: Int, names: UInt64, pictures: UInt64, annotations: UInt64) {
      self.itemCount = itemCount
      self.names = names
      self.pictures = pictures
      self.annotations = annotations
    }
  }

  /// By the subset's name; those without items are left out.
  public var subsets: [String: Part]

  public init(subsets: [String: Part]) { self.subsets = subsets }

  /// What changed from `old` to this, in words; nothing where the two are equal.
  public func changes(from old: DataFingerprint) -> [String] {
    Set(subsets.keys).union(old.subsets.keys).sorted().compactMap { name in
      switch (old.subsets[name], subsets[name]) {
      case (let before?, let now?): Self.change(of: name, from: before, to: now)
      case (let before?, nil): "the \(name) subset is gone (it had \(before.itemCount) items)"
      case (nil, let now?): "there is a \(name) subset now, of \(now.itemCount) items"
      case (nil, nil): nil
      }
    }
  }

  private static func change(of name: String, from before: Part, to now: Part) -> String? {
    if before.itemCount != now.itemCount {
      return "the \(name) subset had \(before.itemCount) items and has \(now.itemCount) now"
    }
    if before.names != now.names { return "items of the \(name) subset have other names" }
    if before.pictures != now.pictures {
      return "pictures of the \(name) subset are other files: their sizes changed"
    }
    if before.annotations != now.annotations {
      return "annotations of the \(name) subset changed"
    }
    return nil
  }
}

/// A hash of text and numbers that is the same in every process and release (FNV-1a, 64 bit; Fowler,
/// Noll, Vo, draft-eastlake-fnv).
package struct StableHash {
  package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  package init() {}

  package mutating func add(_ text: String) {
    for byte in text.utf8 { add(byte: byte) }
    // A byte that text never has parts one text from the next.
    add(byte: 0xFF)
  }

  package mutating func add(_ number: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      add(byte: UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  /// Adds bytes eight at a time, as little-endian numbers, the last ones one by one.
  package mutating func add(bytes: [UInt8]) {
    add(UInt64(bytes.count))
    bytes.withUnsafeBytes { buffer in
      var position = 0
      while position + 8 <= buffer.count {
        let word = buffer.loadUnaligned(fromByteOffset: position, as: UInt64.self)
        // A step of FNV on a whole word, with its upper half brought down so that it counts.
        value = (value ^ UInt64(littleEndian: word)) &* 0x100_0000_01b3
        value ^= value >> 32
        position += 8
      }
      for index in position..<buffer.count { add(byte: buffer[index]) }
    }
  }

  private mutating func add(byte: UInt8) {
    value = (value ^ UInt64(byte)) &* 0x100_0000_01b3
  }
}
