import Foundation

/// The container that `torch.save` has written since PyTorch 1.6: a zip archive with a pickle (`data.pkl`), the contents
/// of each tensor (`data/0`, `data/1`, …), and records of ours that PyTorch does not look at.
struct TorchArchive {
  private let zip: ZipReader
  /// Folder of every record: `archive`, or the file's name where PyTorch wrote it.
  private let prefix: String
  /// The tree and its tensors.
  let contents: TorchContents

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
    contents = TorchContents(
      document: try PickleMachine.run(try zip.contents(pickle)),
      storages: ZipStorages(zip: zip, prefix: prefix)
    )
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
      throw FormatError(reasonNotZip(start, file))
    }
    return try ZipReader(url, verifiesChecksums: verifiesChecksums)
  }

  /// Why a file that is no zip archive cannot be read, and what to do.
  private static func reasonNotZip(_ start: [UInt8], _ file: RandomAccessFile) -> String {
    if start.isEmpty { return "the file is empty" }
    if LegacyTorchFile.isTar(file) {
      return "it is in the tar format of PyTorch before 0.1.10, which is not read; convert it in "
        + "Python: torch.save(torch.load(\"FILE\", weights_only=False), \"converted.pth\") - but "
        + "only if you trust the file: that runs what is in it"
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

/// The contents of tensors in an archive: a record each.
private struct ZipStorages: StorageSource {
  let zip: ZipReader
  let prefix: String

  var fileByteCount: Int { zip.fileByteCount }

  func bytes(of storage: PickleDocument.Storage) throws -> [UInt8] {
    let expected = storage.elementCount * storage.elementType.byteCount
    guard let entry = zip.entry("\(prefix)data/\(storage.key)") else {
      throw FormatError("it is damaged: the contents 'data/\(storage.key)' are missing")
    }
    guard entry.byteCount == expected else {
      throw FormatError(
        "it is damaged: 'data/\(storage.key)' has \(entry.byteCount) bytes, not \(expected)"
      )
    }
    return try zip.contents(entry)
  }
}
