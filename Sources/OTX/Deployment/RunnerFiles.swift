import Foundation
import OTXCore
import OTXImage

/// The program `otx-run` of this installation, and the shared libraries that running models takes.
struct RunnerFiles {
  /// A file of a package: where it is now, and where it goes.
  struct File: Equatable {
    var source: URL
    /// Relative to the package's folder.
    var place: String
    var isProgram = false
  }

  /// The folder that holds the program and its library.
  let folder: URL

  static let programName = "otx-run"
  static let libraryName = "libotx_run.so"

  /// Libraries of every Linux with this C library, which belong to its loader and are never
  /// bundled.
  static let systemLibraries: Set<String> = [
    "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libmvec.so.1",
    "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2", "libutil.so.1", "libanl.so.1",
    "libnsl.so.1",
  ]

  /// Finds the program: beside this one, or where `make install` puts it.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` when it is not there.
  init(_ search: NativeLibrarySearch = NativeLibrarySearch(fileName: libraryName)) throws {
    let found = search.directories.first { folder in
      [RunnerFiles.libraryName, RunnerFiles.programName].allSatisfy {
        FileManager.default.isReadableFile(atPath: folder.appending(path: $0).path)
      }
    }
    guard let found else {
      throw ConfigurationError.invalid(
        "\(RunnerFiles.programName) and \(RunnerFiles.libraryName), which run deployed models, are not built: run 'make build' "
          + "(looked into \(search.directories.map(\.path).joined(separator: ", ")))"
      )
    }
    folder = found.resolvingSymlinksInPath()
  }

  /// Refuses a program of a debug build, whose library needs those of the Swift toolchain.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)``.
  func requireStandalone() throws {
    let url = folder.appending(path: RunnerFiles.libraryName)
    let library = try ELFFile(bytes(of: url), file: url.path)
    guard let swift = library.needed.first(where: { $0.hasPrefix("libswift") }) else { return }
    throw ConfigurationError.invalid(
      "\(url.path) is of a debug build: it needs \(swift) of the Swift toolchain, so nothing that is packed with it would start. Run 'make build', and deploy with .build/release/otx"
    )
  }

  /// The files that a package needs to run `models` without anything installed.
  ///
  /// The program itself says which libraries it had in memory after it ran the models.
  ///
  /// - Throws: ``ModelError/exportFailed(_:)`` when it cannot run them.
  func files(running models: [URL]) throws -> [File] {
    let program = folder.appending(path: RunnerFiles.programName)
    let listed = try output(
      of: program,
      ["--libraries"] + models.flatMap { ["--model", $0.path] }
    )
    var files = [File(source: program, place: RunnerFiles.programName, isProgram: true)]
    let libraries = listed.split(separator: "\n").map { URL(filePath: String($0)) }
    let openVINO = libraries.first { $0.lastPathComponent.hasPrefix("libopenvino.so") }?
      .deletingLastPathComponent().path
    for library in libraries {
      let name = try ELFFile(bytes(of: library), file: library.path).name
      let own = name ?? library.lastPathComponent
      guard !RunnerFiles.systemLibraries.contains(own) else { continue }
      let isOpenVINO = library.deletingLastPathComponent().path == openVINO
      // As our library of OpenVINO looks for it.
      files.append(
        File(source: library, place: isOpenVINO ? "lib/openvino/libs/\(own)" : "lib/\(own)")
      )
    }
    return files
  }

  /// The contents of a file as a package has it, without the folders of this machine.
  ///
  /// - Throws: ``FileError/cannotRead(_:reason:)``; also for a library that needs another one which
  ///   `names` does not have.
  static func contents(of file: File, names: Set<String>) throws -> [UInt8] {
    var library = try ELFFile(bytes(of: file.source), file: file.source.path)
    let missing = library.needed.filter { !names.contains($0) && !systemLibraries.contains($0) }
    guard missing.isEmpty else {
      throw FileError.cannotRead(
        file.source.path,
        reason: "it needs \(missing.joined(separator: ", ")), which is nowhere"
      )
    }
    library.keepRelativeFolders()
    return library.bytes
  }

  private func bytes(of file: URL) throws -> [UInt8] { try RunnerFiles.bytes(of: file) }

  private static func bytes(of file: URL) throws -> [UInt8] { try ReadableFile(file).allBytes() }

  private func output(of program: URL, _ arguments: [String]) throws -> String {
    let process = Process()
    let (output, errors) = (Pipe(), Pipe())
    process.executableURL = program
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    do {
      try process.run()
    } catch {
      throw ModelError.exportFailed("\(program.path) cannot be run: \(error.reason)")
    }
    try? output.fileHandleForWriting.close()
    try? errors.fileHandleForWriting.close()
    // What it says of an error is short; it cannot fill a pipe that nobody reads meanwhile.
    let text = (try? output.fileHandleForReading.readToEnd()) ?? Data()
    let words = (try? errors.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      let said = String(decoding: words, as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      throw ModelError.exportFailed("\(program.lastPathComponent) cannot run the model: \(said)")
    }
    return String(decoding: text, as: UTF8.self)
  }
}
