import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXTesting
import Testing

@testable import OTX

@Suite("Files that the loader reads")
struct ELFFileTests {
  private func runner() throws -> RunnerFiles { try RunnerFiles() }

  @Test func namesAndNeedsAreRead() throws {
    let url = try runner().folder.appending(path: RunnerFiles.libraryName)
    let file = try ELFFile(ReadableFile(url).allBytes(), file: url.path)
    #expect(file.name == nil || file.name == RunnerFiles.libraryName)
    #expect(file.needed.contains("libc.so.6"))
    #expect(file.folders.contains("$ORIGIN"))
    #expect((2...99).contains(file.newestLibraryVersion))
  }

  @Test func foldersOfThisMachineAreLeftOut() throws {
    let shim = try NativeLibrarySearch(fileName: "libotx_openvino.so").find()
    var file = try ELFFile(ReadableFile(shim).allBytes(), file: shim.path)
    #expect(file.folders.contains { $0.hasPrefix("/") })
    let count = file.bytes.count
    file.keepRelativeFolders()
    #expect(file.bytes.count == count)
    let again = try ELFFile(file.bytes, file: shim.path)
    #expect(again.folders == ["$ORIGIN/openvino/libs"])
    #expect(again.needed == file.needed)
  }

  @Test func aDebugBuildIsNotPacked() throws {
    let runner = try runner()
    let url = runner.folder.appending(path: RunnerFiles.libraryName)
    let library = try ELFFile(ReadableFile(url).allBytes(), file: url.path)
    guard library.needed.contains(where: { $0.hasPrefix("libswift") }) else {
      return try runner.requireStandalone()
    }
    let error = #expect(throws: ConfigurationError.self) { try runner.requireStandalone() }
    #expect(error?.description.contains("make build") == true)
  }

  @Test func whatIsNoLibraryIsRefused() throws {
    #expect(throws: FileError.self) { try ELFFile([], file: "a") }
    #expect(throws: FileError.self) { try ELFFile(Array("#!/bin/sh".utf8), file: "a") }
    let url = try runner().folder.appending(path: RunnerFiles.programName)
    let bytes = try ReadableFile(url).allBytes()
    for count in [64, 200, bytes.count / 2] {
      // Never a crash; where its names are still there, they are read.
      _ = try? ELFFile(Array(bytes.prefix(count)), file: "a")
    }
    // Numbers that lead out of the file.
    for offset in stride(from: 16, to: 1200, by: 7) {
      var damaged = bytes
      for place in offset..<offset + 8 { damaged[place] = 0xFF }
      _ = try? ELFFile(damaged, file: "a")
    }
  }
}

@Suite("Packages")
struct PackageReadmeTests {
  @Test func theReadmeNamesModelAndLabels() {
    let info = ModelInfo(
      model: "ssd_mobilenetv2",
      backbone: "mobilenet_v2",
      task: .detection,
      labels: LabelInfo(names: ["RBC", "WBC"]),
      preprocessing: Preprocessing(inputSize: ImageSize(height: 256, width: 320))
    )
    let text = PackageReadme(
      name: "cells",
      models: [info],
      libraryVersion: "2.36",
      sample: "sample.jpg"
    ).text
    #expect(text.hasPrefix("# cells\n"))
    #expect(
      text.contains("**ssd_mobilenetv2** for object detection, input 256x320, 2 labels: RBC, WBC")
    )
    #expect(text.contains("./otx-run sample.jpg"))
    #expect(text.contains("glibc 2.36 or newer"))
    #expect(text.contains("otx export weights.pth --format pytorch"))
  }

  @Test func theReadmeSaysWhatPyTorchNeeds() {
    let program = DeployableProgram.files(
      program: URL(filePath: "/model.py"),
      weights: URL(filePath: "/weights.pth")
    )
    var readme = PackageReadme(
      name: "cells",
      models: [],
      programs: [program],
      libraryVersion: "2.36",
      sample: nil
    )
    #expect(readme.text.contains("python pytorch/model.py picture.jpg"))
    #expect(readme.text.contains("| `pytorch/model.py`, `pytorch/weights.pth` |"))
    readme.programs = [.absent("it sees tiles")]
    #expect(readme.text.contains("it sees tiles") && !readme.text.contains("pytorch/model.py"))
  }

  @Test func packedEntriesKeepTheirRightsAndBytes() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "a.zip")
    var writer = try ZipFileWriter(url)
    let text = Array(String(repeating: "all the same ", count: 1000).utf8)
    try writer.add("a/run", text, mode: 0o755, packs: true)
    try writer.add("a/empty", [], mode: 0o644, packs: true)
    try writer.add("a/plain", [1, 2, 3])
    #expect(!FileManager.default.fileExists(atPath: url.path))
    try writer.finish()
    #expect(try ReadableFile(url).byteCount < text.count / 10)
    let archive = try ZipArchive(url)
    #expect(archive.entries.map(\.name) == ["a/run", "a/empty", "a/plain"])
    #expect(try archive.contents(of: archive.entries[0]) == text)
    #expect(try archive.contents(of: archive.entries[1]).isEmpty)
    #expect(try archive.contents(of: archive.entries[2]) == [1, 2, 3])

    // Rights are what other programs make of them.
    let unzip = try #require(
      ExternalProgram.find("unzip", in: ProcessInfo.processInfo.environment["PATH"] ?? "")
    )
    let listing = try ExternalProgram.output(of: unzip, ["-Z", url.path])
    #expect(listing?.contains("-rwxr-xr-x") == true)
    #expect(listing?.contains("-rw-r--r--") == true)
  }
}
