import Foundation

/// The container that `torch.save` wrote before PyTorch 1.6: pickles one behind the other (a magic
/// number, a version, the machine, the tree, the storages' keys), then each storage's element count
/// and contents.
///
/// Checked against what PyTorch 2.15 writes with `_use_new_zipfile_serialization=False`.
struct LegacyTorchFile {
  let contents: TorchContents

  /// The long number 0x1950A86A20F9469CFC6C as a pickle has it, with the end of that pickle.
  private static let magic: [UInt8] = [
    0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, UInt8(ascii: "."),
  ]
  /// The tree stands before the storages; more than this it never has.
  private static let largestPickles = 1 << 26
  private static let version = 1001

  /// Reads the tree; tensors stay on disk.
  ///
  /// - Returns: `nil` for a file of another kind.
  /// - Throws: ``FormatError`` for a file that is damaged.
  init?(_ url: URL) throws {
    let file = try RandomAccessFile(url)
    let start = try file.read(at: 0, count: min(file.byteCount, 32))
    guard start.first == 0x80, let magic = start.firstRange(of: Self.magic) else { return nil }
    var reader = ByteReader(
      try file.read(at: 0, count: min(file.byteCount, Self.largestPickles)),
      at: magic.upperBound
    )
    let version = try PickleMachine.run(&reader)
    guard case .int(Self.version) = version.nodes[version.root] else {
      throw FormatError("it is a file of torch.save in an unknown old version")
    }
    try Self.checkMachine(try PickleMachine.run(&reader))
    let document = try PickleMachine.run(&reader)
    let keys = try PickleMachine.run(&reader)
    guard case .list(let ids) = keys.nodes[keys.root] else {
      throw FormatError("it is damaged: the list of its storages is missing")
    }
    var names: [String] = []
    for id in ids {
      guard case .string(let name) = keys.nodes[id] else {
        throw FormatError("it is damaged: the key of a storage is no text")
      }
      names.append(name)
    }
    contents = TorchContents(
      document: document,
      storages: try LegacyStorages(file, at: reader.position, keys: names, of: document)
    )
  }

  /// Whether a file is the tar archive of the first versions.
  static func isTar(_ file: RandomAccessFile) -> Bool {
    let mark = try? file.read(at: 257, count: 5)
    return mark == Array("ustar".utf8)
  }

  private static func checkMachine(_ document: PickleDocument) throws(FormatError) {
    guard case .dictionary(let items) = document.nodes[document.root] else {
      throw FormatError("it is damaged: it does not say which machine wrote it")
    }
    for index in stride(from: 0, to: items.count, by: 2) {
      if case .string("little_endian") = document.nodes[items[index]],
        case .bool(false) = document.nodes[items[index + 1]]
      {
        throw FormatError("it was written on a big-endian machine")
      }
    }
  }
}

/// The contents of tensors behind the pickles.
private struct LegacyStorages: StorageSource {
  private let file: RandomAccessFile
  private var places: [String: (offset: Int, byteCount: Int)] = [:]

  var fileByteCount: Int { file.byteCount }

  init(
    _ file: RandomAccessFile,
    at start: Int,
    keys: [String],
    of document: PickleDocument
  ) throws(FormatError) {
    self.file = file
    var types: [String: PickleDocument.Storage] = [:]
    for case .storage(let storage) in document.nodes { types[storage.key] = storage }
    var position = start
    for key in keys {
      guard let storage = types[key] else {
        throw FormatError("it is damaged: nothing says what the storage '\(key)' holds")
      }
      var reader = ByteReader(try file.read(at: position, count: 8))
      let count = try reader.length()
      guard count == storage.elementCount else {
        throw FormatError(
          "it is damaged: the storage '\(key)' has \(count) elements, not \(storage.elementCount)"
        )
      }
      let byteCount = count * storage.elementType.byteCount
      guard byteCount <= file.byteCount - position - 8 else {
        throw FormatError("it is cut short: the storage '\(key)' reaches beyond its end")
      }
      places[key] = (position + 8, byteCount)
      position += 8 + byteCount
    }
  }

  func bytes(of storage: PickleDocument.Storage) throws -> [UInt8] {
    guard let place = places[storage.key],
      place.byteCount == storage.elementCount * storage.elementType.byteCount
    else {
      throw FormatError("it is damaged: the contents of the storage '\(storage.key)' are missing")
    }
    return try file.read(at: place.offset, count: place.byteCount)
  }
}
