import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXOpenVINO

/// What goes into a package, file by file.
struct PackageContents {
  private struct Entry {
    var place: String
    var isProgram = false
    var bytes: () throws -> [UInt8]
  }

  private var entries: [Entry] = []
  private let runner: RunnerFiles
  private var newestLibraryVersion = 0

  /// The oldest version of the C library that all files run with.
  var libraryVersion: String { "2.\(newestLibraryVersion)" }

  init(runner: RunnerFiles) { self.runner = runner }

  /// Adds models, in the order they look at pictures, and what it takes to run them.
  mutating func add(_ models: [DeployableModel]) throws {
    let files = try runner.files(running: models.map(\.xml))
    let names = Set(files.map { URL(filePath: $0.place).lastPathComponent })
    for file in files {
      let library = try ELFFile(ReadableFile(file.source).allBytes(), file: file.source.path)
      newestLibraryVersion = max(newestLibraryVersion, library.newestLibraryVersion)
      entries.append(
        Entry(place: file.place, isProgram: file.isProgram) {
          try RunnerFiles.contents(of: file, names: names)
        }
      )
    }
    for (index, model) in models.enumerated() {
      let folder = index == 0 ? "model" : "model-\(index + 1)"
      add(model.xml, as: "\(folder)/openvino.xml")
      add(model.bin, as: "\(folder)/openvino.bin")
      // What is about the first stands at the top, where other programs look for it.
      let top = index == 0 ? "" : "\(folder)/"
      for companion in model.companions { add(companion, as: top + companion.lastPathComponent) }
      if case .files(let program, let weights) = model.program {
        let place = index == 0 ? "pytorch" : "pytorch-\(index + 1)"
        add(program, as: "\(place)/model.py")
        add(weights, as: "\(place)/weights.pth")
      }
    }
    for text in LicenseFiles.texts(of: files, runner: runner.folder) {
      add("licenses/\(text.name)", text.contents)
    }
    add("otx_run.h", Data(PackageResources.otx_run_h))
    add("example.c", Data(PackageResources.example_c_txt))
  }

  mutating func add(_ place: String, _ contents: Data) {
    entries.append(Entry(place: place) { Array(contents) })
  }

  mutating func add(_ file: URL, as place: String) {
    entries.append(Entry(place: place) { try ReadableFile(file).allBytes() })
  }

  /// Writes the archive, which unpacks to `folder`; it takes its name when it is complete.
  func write(to archive: URL, folder: String) throws -> DeploymentPackage {
    var writer = try ZipFileWriter(archive)
    var unpacked = 0
    do {
      for entry in entries {
        try Task.checkCancellation()
        let bytes = try entry.bytes()
        unpacked += bytes.count
        try writer.add(
          "\(folder)/\(entry.place)",
          bytes,
          mode: entry.isProgram || entry.place.contains(".so") ? 0o755 : 0o644,
          packs: !["jpg", "jpeg", "png", "webp"].contains(
            URL(filePath: entry.place).pathExtension.lowercased()
          )
        )
      }
      try writer.finish()
    } catch {
      writer.discard()
      throw error
    }
    return DeploymentPackage(
      archive: archive,
      byteCount: try ReadableFile(archive).byteCount,
      unpackedByteCount: unpacked,
      files: entries.map(\.place)
    )
  }
}

/// The files of a model that is to be packed.
struct DeployableModel {
  var xml: URL
  var bin: URL
  var info: ModelInfo
  /// `config.json`, `label_schema.json`.
  var companions: [URL]
  /// The same model for people with PyTorch.
  var program = DeployableProgram.absent("nobody asked for it")

  /// Finds the files of the model at `xml`; what is not beside it is made in `scratch`.
  init(_ xml: URL, scratch: URL) throws {
    let info = try ModelInfo(readingIR: xml)
    let folder = xml.deletingLastPathComponent()
    try Folder.make(scratch)
    try OpenVINOExporter.writeCompanions(of: info, to: scratch)
    self.xml = xml
    self.info = info
    bin = xml.deletingPathExtension().appendingPathExtension("bin")
    companions = ["config.json", "label_schema.json"].map { name in
      let beside = folder.appending(path: name)
      let isThere = FileManager.default.isReadableFile(atPath: beside.path)
      return isThere ? beside : scratch.appending(path: name)
    }
  }
}

/// A model as a PyTorch program, or why there is none.
enum DeployableProgram {
  case files(program: URL, weights: URL)
  case absent(String)

  /// A sentence for users where there is none.
  var absence: String? {
    guard case .absent(let reason) = self else { return nil }
    return "there is no PyTorch program in it: \(reason)"
  }
}
