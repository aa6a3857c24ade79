import Foundation

/// The container that `torch.save` writes: a zip archive with a pickle (`data.pkl`), the contents
/// of each tensor (`data/0`, `data/1`, …), and records of ours that PyTorch does not look at.
struct TorchArchive {
  private let zip: ZipReader
  /// Folder of every record: `archive`, or the file's name where PyTorch wrote it.
  private let prefix: String
  private let document: PickleDocument

  private static let largestPickle = 1 << 26
  private static let largestRecord = 1 << 26

  /// Opens `url` and reads its pickle; tensors stay on disk.
  init(_ url: URL, verifiesChecksums: Bool = true) throws {
    zip = try TorchArchive.openZip(url, verifiesChecksums: verifiesChecksums)
    prefix = try TorchArchive.prefix(of: zip)
    guard let pickle = zip.entry(prefix + "data.pkl"), pickle.byteCount <= Self.largestPickle else {
      throw FormatError("its pickle is missing or too large")
    }
    if let order = zip.entry(prefix + "byteorder"),
      try zip.contents(order) != Array("little".utf8)
    {
      throw FormatError("it was written on a big-endian machine")
    }
    document = try PickleMachine.run(try zip.contents(pickle))
  }

  /// A record of ours, without reading anything else of the archive; `nil` where it has none.
  static func record(_ name: String, of url: URL) throws -> Data? {
    let zip = try openZip(url, verifiesChecksums: true)
    return try record(name, of: zip, prefix: try prefix(of: zip))
  }

  func record(_ name: String) throws -> Data? {
    try TorchArchive.record(name, of: zip, prefix: prefix)
  }

  private static func record(_ name: String, of zip: ZipReader, prefix: String) throws -> Data? {
    guard let entry = zip.entry(prefix + name) else { return nil }
    guard entry.byteCount <= largestRecord else {
      throw FormatError("its record '\(name)' is too large")
    }
    return Data(try zip.contents(entry))
  }

  private static func openZip(_ url: URL, verifiesChecksums: Bool) throws -> ZipReader {
    let file = try RandomAccessFile(url)
    let start = try file.read(at: 0, count: min(file.byteCount, 16))
    guard start.starts(with: [0x50, 0x4B]) else {
      throw FormatError(reasonNotZip(start, name: url.lastPathComponent))
    }
    return try ZipReader(url, verifiesChecksums: verifiesChecksums)
  }

  /// Why a file that is no zip archive cannot be read, and what to do.
  private static func reasonNotZip(_ start: [UInt8], name: String) -> String {
    if start.isEmpty { return "the file is empty" }
    // A pickle that starts with the long number 0x1950A86A20F9469CFC6C.
    let legacy: [UInt8] = [
      0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
    ]
    if start.starts(with: legacy) {
      return "it is in the format of PyTorch before 1.6; convert it in Python: "
        + "torch.save(torch.load(\"\(name)\", weights_only=True), \"converted.pth\")"
    }
    if start.first == 0x80 {
      return "it is a bare Python pickle; save weights with torch.save(model.state_dict(), …)"
    }
    return "it is no model file (files of torch.save begin with 'PK')"
  }

  private static func prefix(of zip: ZipReader) throws -> String {
    let pickles = zip.entries.map(\.name).filter { $0.hasSuffix("/data.pkl") || $0 == "data.pkl" }
    guard let pickle = pickles.min(by: { $0.utf8.count < $1.utf8.count }) else {
      throw FormatError("it is a zip archive, but none of torch.save (it has no data.pkl)")
    }
    let prefix = String(pickle.dropLast("data.pkl".count))
    if zip.entry(prefix + "constants.pkl") != nil {
      throw FormatError(
        "it is a TorchScript program, not a state dictionary; save the network's weights: "
          + "torch.save(model.state_dict(), \"weights.pth\")"
      )
    }
    return prefix
  }

  // MARK: Contents

  /// The whole tree, tensors read.
  func tree() throws -> PickleValue {
    var loader = TensorLoader(zip: zip, prefix: prefix)
    return try loader.value(document.root, of: document)
  }

  /// Where training checkpoints keep weights; averaged ones, which score better, come first.
  private static let weightKeys = [
    "ema_state_dict", "state_dict_ema", "model_ema", "ema", "averaged", "state_dict",
    "model_state_dict", "model", "module",
  ]

  /// Weights: the first of the usual places in a training checkpoint that holds tensors, else the
  /// tree's own top.
  ///
  /// - Returns: The weights and where they stood, keys joined by dots.
  func stateDictionary() throws -> (state: StateDictionary, place: String) {
    if let (items, place) = try nestedWeights(of: document.root) {
      return (try stateDictionary(items), place)
    }
    return (try stateDictionary(try entries(of: document.root)), "")
  }

  private func nestedWeights(
    of id: Int,
    depth: Int = 0
  ) throws(FormatError) -> (items: [(name: String, id: Int)], place: String)? {
    guard depth < 4, case .dictionary = document.nodes[id], let items = try? entries(of: id) else {
      return nil
    }
    for key in Self.weightKeys {
      guard let inner = items.last(where: { $0.name == key }) else { continue }
      if let (found, place) = try nestedWeights(of: inner.id, depth: depth + 1) {
        return (found, place.isEmpty ? key : "\(key).\(place)")
      }
    }
    guard depth > 0, items.contains(where: { isTensor($0.id) }) else { return nil }
    return (items, "")
  }

  private func isTensor(_ id: Int) -> Bool {
    if case .tensor = document.nodes[id] { true } else { false }
  }

  private func stateDictionary(_ items: [(name: String, id: Int)]) throws -> StateDictionary {
    var loader = TensorLoader(zip: zip, prefix: prefix)
    var state = StateDictionary()
    for (name, id) in items {
      if case .foreign(let foreign) = document.nodes[id] { throw FormatError.foreign(foreign) }
      guard case .tensor(let view) = document.nodes[id] else {
        throw FormatError("its entry '\(name)' is no tensor, so it is no state dictionary")
      }
      state[name] = try loader.buffer(view)
    }
    return state
  }

  private func entries(of id: Int) throws(FormatError) -> [(name: String, id: Int)] {
    if case .foreign(let name) = document.nodes[id] { throw .foreign(name) }
    guard case .dictionary(let items) = document.nodes[id] else {
      throw FormatError("it holds no state dictionary; save torch.save(model.state_dict(), …)")
    }
    var entries: [(name: String, id: Int)] = []
    for index in stride(from: 0, to: items.count, by: 2) {
      guard case .string(let name) = document.nodes[items[index]] else {
        throw FormatError("it holds no state dictionary: a key is no text")
      }
      entries.append((name, items[index + 1]))
    }
    return entries
  }

  // MARK: Writing

  /// Writes `tree` and `records` (name and contents) as an archive.
  static func write(
    _ tree: PickleValue,
    ordered: Bool,
    records: [(name: String, contents: Data)],
    to url: URL
  ) throws {
    let pickle: PickleWriter
    do throws(FormatError) {
      pickle = try PickleWriter(tree, ordered: ordered)
    } catch {
      throw FileError.cannotWrite(url.path, reason: error.reason)
    }
    try AtomicFile.write(to: url) { output in
      var zip = ZipWriter(output)
      try zip.add("archive/data.pkl", pickle.bytes)
      try zip.add("archive/byteorder", Array("little".utf8))
      for (index, storage) in pickle.storages.enumerated() {
        try zip.add("archive/data/\(index)", storage.bytes)
      }
      for record in records { try zip.add("archive/\(record.name)", Array(record.contents)) }
      try zip.add("archive/version", Array("3\n".utf8))
      try zip.finish()
    }
  }
}

/// Turns a document's nodes into values, reading tensors from their records.
private struct TensorLoader {
  private let zip: ZipReader
  private let prefix: String
  /// Storages that more than one tensor may look at.
  private var storages: [String: [UInt8]] = [:]
  /// What may still be allocated for views that repeat or reorder a storage.
  private var byteBudget: Int
  private var nodeBudget = 1_000_000
  private static let largestDepth = 64

  init(zip: ZipReader, prefix: String) {
    self.zip = zip
    self.prefix = prefix
    byteBudget = 8 * zip.fileByteCount + (16 << 20)
  }

  mutating func value(
    _ id: Int,
    of document: PickleDocument,
    depth: Int = 0
  ) throws -> PickleValue {
    nodeBudget -= 1
    guard depth < TensorLoader.largestDepth, nodeBudget > 0 else {
      throw FormatError("its pickle nests or repeats values without end")
    }
    switch document.nodes[id] {
    case .none: return .none
    case .bool(let flag): return .bool(flag)
    case .int(let number): return .int(number)
    case .double(let number): return .double(number)
    case .string(let text): return .string(text)
    case .list(let ids): return .list(try values(ids, of: document, depth: depth))
    case .tuple(let ids): return .tuple(try values(ids, of: document, depth: depth))
    case .dictionary(let ids):
      let values = try values(ids, of: document, depth: depth)
      return .dictionary(
        stride(from: 0, to: values.count, by: 2).map {
          PickleValue.Entry(key: values[$0], value: values[$0 + 1])
        }
      )
    case .tensor(let view): return .tensor(try buffer(view))
    case .foreign(let name): throw FormatError.foreign(name)
    case .global, .storage: throw FormatError("its pickle holds a name where a value belongs")
    }
  }

  private mutating func values(
    _ ids: [Int],
    of document: PickleDocument,
    depth: Int
  ) throws -> [PickleValue] {
    var values: [PickleValue] = []
    for id in ids { values.append(try value(id, of: document, depth: depth + 1)) }
    return values
  }

  /// The contents of `view`, row-major.
  mutating func buffer(_ view: PickleDocument.TensorView) throws -> ArrayBuffer {
    let type = view.storage.elementType
    let bytes = try storage(view.storage)
    if view.isWholeStorage {
      return ArrayBuffer(elementType: type, shape: view.shape, bytes: bytes)
    }
    let (byteCount, overflow) = view.elementCount.multipliedReportingOverflow(by: type.byteCount)
    guard !overflow, byteCount <= byteBudget else {
      throw FormatError("a tensor of shape \(view.shape) repeats a small storage without end")
    }
    byteBudget -= byteCount
    return ArrayBuffer(
      elementType: type,
      shape: view.shape,
      bytes: gather(bytes, view, elementByteCount: type.byteCount, byteCount: byteCount)
    )
  }

  private mutating func storage(_ storage: PickleDocument.Storage) throws -> [UInt8] {
    let expected = storage.elementCount * storage.elementType.byteCount
    if let bytes = storages[storage.key], bytes.count == expected { return bytes }
    guard let entry = zip.entry("\(prefix)data/\(storage.key)") else {
      throw FormatError("it is damaged: the contents 'data/\(storage.key)' are missing")
    }
    guard entry.byteCount == expected else {
      throw FormatError(
        "it is damaged: 'data/\(storage.key)' has \(entry.byteCount) bytes, not \(expected)"
      )
    }
    let bytes = try zip.contents(entry)
    storages[storage.key] = bytes
    return bytes
  }

  /// Copies the elements of a view one after another, the last axis innermost.
  private func gather(
    _ bytes: [UInt8],
    _ view: PickleDocument.TensorView,
    elementByteCount: Int,
    byteCount: Int
  ) -> [UInt8] {
    guard byteCount > 0 else { return [] }
    let start = view.offset * elementByteCount
    if view.isContiguous { return Array(bytes[start..<start + byteCount]) }
    var result: [UInt8] = []
    result.reserveCapacity(byteCount)
    var index = [Int](repeating: 0, count: view.shape.count)
    var element = view.offset
    for _ in 0..<byteCount / elementByteCount {
      let position = element * elementByteCount
      result.append(contentsOf: bytes[position..<position + elementByteCount])
      for axis in view.shape.indices.reversed() {
        index[axis] += 1
        element += view.strides[axis]
        if index[axis] < view.shape[axis] { break }
        element -= view.strides[axis] * view.shape[axis]
        index[axis] = 0
      }
    }
    return result
  }
}
