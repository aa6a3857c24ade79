import Foundation
import OTXCore

/// The licences of what a package is made of.
struct LicenseFiles {
  /// A text of the folder `licenses`.
  struct Text {
    var name: String
    var contents: Data
  }

  /// - Parameters:
  ///   - files: The package's programs and libraries.
  ///   - runner: The folder of `otx-run`, with the licences of what is linked into it.
  /// - Returns: The texts, a list of what they are about first.
  static func texts(of files: [RunnerFiles.File], runner: URL) -> [Text] {
    var texts: [Text] = []
    let built = runner.appending(path: "otx-run-licenses")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: built.path)) ?? []
    for name in names.sorted() {
      guard let contents = try? Data(contentsOf: built.appending(path: name)) else { continue }
      texts.append(Text(name: name, contents: contents))
    }
    let system = files.filter { !$0.isProgram && $0.place.split(separator: "/").count == 2 }
    for package in owners(of: system.map(\.source)) {
      let file = URL(filePath: "/usr/share/doc/\(package)/copyright")
      guard !texts.contains(where: { $0.name == "\(package).txt" }),
        let contents = try? Data(contentsOf: file)
      else { continue }
      texts.append(Text(name: "\(package).txt", contents: contents))
    }
    let notice = notice(files: files, texts: texts.map(\.name))
    return [Text(name: "NOTICE.txt", contents: Data(notice.utf8))] + texts
  }

  /// The Debian packages that own files, each once.
  private static func owners(of files: [URL]) -> [String] {
    guard !files.isEmpty else { return [] }
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/dpkg-query")
    // Debian merged /lib into /usr/lib, but lists files by either name.
    process.arguments =
      ["-S"]
      + files.flatMap { [$0.path, $0.path.replacing(/^\/usr\/lib\//, with: "/lib/")] }
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return [] }
    try? output.fileHandleForWriting.close()
    let data = (try? output.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
    return Set(lines.compactMap { $0.split(separator: ":").first.map(String.init) }).sorted()
  }

  private static func notice(files: [RunnerFiles.File], texts: [String]) -> String {
    let list = files.map { "  \($0.place)" }.sorted().joined(separator: "\n")
    let found = texts.map { "  \($0)" }.joined(separator: "\n")
    return """
      This package holds programs and libraries of several projects.

      otx-run, libotx_run.so, libotx_openvino.so
        OTX for Swift, Apache License 2.0. The Swift runtime libraries (Apache License 2.0 with
        Runtime Library Exception) and image libraries are linked into libotx_run.so.
      lib/openvino
        OpenVINO (https://github.com/openvinotoolkit/openvino), Apache License 2.0, and oneTBB
        (https://github.com/uxlfoundation/oneTBB), Apache License 2.0. The parts of others inside
        OpenVINO are listed in its licensing/third-party-programs.txt.
      other files of lib
        Libraries of the system this package was made on; their licences stand beside this file.

      No part of FFmpeg is in this package: videos other than Motion JPEG are read by the program
      'ffmpeg' of the machine it runs on, where there is one.

      Files:
      \(list)

      Licences:
      \(found)

      """
  }
}
