import ArgumentParser
import Foundation
import OTXCore
import OTXData

/// What the commands about data share.
struct DatasetArguments: ParsableArguments {
  @Argument(help: .init("A folder, an archive or a data.yaml.", valueName: "data"))
  var path: String?

  @OptionGroup(title: "Data") var data: DataArguments

  /// Where the data is.
  ///
  /// - Throws: ``UsageError`` where the user named nothing, or what is not there.
  func location() throws -> DataLocation {
    let location = try UsageError.unless { try data.location(positional: path) }
    guard let location else { throw UsageError("no data: name a folder or a data.yaml") }
    return location
  }

  /// How the user calls the data, for commands to suggest.
  var called: String { path ?? data.dataRoot ?? data.data ?? "DATA" }

  /// The dataset as it is, its problems told.
  func dataset(
    _ log: ProgressReporter,
    for purpose: DatasetReader.Purpose = .inspection
  ) throws -> Dataset {
    let dataset = try DatasetReader.read(
      try location(),
      for: purpose,
      headerCache: CurrentCache.headers
    )
    for line in dataset.problems.summary { log.observe(.warning(line)) }
    return dataset
  }
}

/// Where a changed dataset goes, and in which format.
struct DatasetOutputArguments: ParsableArguments {
  @Option(
    name: [.customLong("output"), .customShort("o")],
    help: .init("The folder to write; it must be empty or new.", valueName: "folder"),
    completion: .directory
  )
  var folder: String

  @Flag(help: "Hard links in place of copies of pictures, where the file system has them.")
  var link = false

  /// Writes a dataset aside and puts it in its place when it is whole.
  ///
  /// - Parameters:
  ///   - dataset: What to write.
  ///   - name: The format; `nil`: the dataset's own, or the one that holds everything.
  ///   - log: Told what is done.
  /// - Returns: The folder, and the format that was written.
  /// - Throws: ``UsageError`` for a folder that holds something.
  func write(
    _ dataset: Dataset,
    format name: String?,
    log: ProgressReporter
  ) throws -> (folder: URL, format: String) {
    let root = URL(filePath: folder, directoryHint: .isDirectory)
    try check()
    let format = try format(name, of: dataset)
    let aside = root.deletingLastPathComponent()
      .appending(path: ".\(root.lastPathComponent).\(ProcessInfo.processInfo.processIdentifier)")
    try? FileManager.default.removeItem(at: aside)
    try Folder.make(aside)
    do {
      log.log(
        "writing \(dataset.items.values.reduce(0) { $0 + $1.count }) pictures as \(format.title)"
      )
      try format.write(
        dataset,
        to: aside,
        options: DatasetWriteOptions(pictures: link ? .link : .copy)
      )
      if FileManager.default.fileExists(atPath: root.path) {
        try FileManager.default.removeItem(at: root)
      }
      try FileManager.default.moveItem(at: aside, to: root)
    } catch {
      try? FileManager.default.removeItem(at: aside)
      throw error
    }
    return (root, format.name)
  }

  /// Makes sure that there is nothing to lose, before long work begins.
  ///
  /// - Throws: ``UsageError``.
  func check() throws {
    let root = URL(filePath: folder, directoryHint: .isDirectory)
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: root.path, isDirectory: &isDirectory) else {
      return
    }
    guard isDirectory.boolValue else { throw UsageError("'\(folder)' is a file; name a folder") }
    let old = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    guard old.isEmpty else {
      throw UsageError("'\(folder)' is not empty; name another folder, or empty it")
    }
  }

  private func format(
    _ name: String?,
    of dataset: Dataset
  ) throws -> any WritableDatasetFormat {
    if let name { return try Formats.writable(named: name) }
    let own = try Formats.named(dataset.format) as? any WritableDatasetFormat
    return try own ?? Formats.writable(named: "datumaro")
  }
}

/// Draws how many pictures are done, now and then.
final class PictureProgress: Sendable {
  private let bar: @Sendable (Int, Int) -> Void

  init(_ log: ProgressReporter, _ what: String) {
    bar = { done, count in log.progress(what, done, of: count) }
  }

  var callback: @Sendable (_ done: Int, _ of: Int) -> Void { bar }
}
