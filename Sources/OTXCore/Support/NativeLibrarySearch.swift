public import Foundation

/// Where the shared libraries between Swift and C++ (`libotx_torch.so`, `libotx_openvino.so`) are.
///
/// They are opened at first use, so that programs start in milliseconds and those that need neither
/// library run without them.
package struct NativeLibrarySearch: Sendable {
  /// `libotx_torch.so`.
  package var fileName: String
  /// Folders that are looked into, in order.
  package var directories: [URL]

  /// Looks where the set-up script and an installed program put the libraries.
  ///
  /// The folders are, in order: `OTX_SHIM_DIRECTORY`; that of the file this code stands in, which is
  /// the executable or a shared library; `../lib/otx` beside it, where `make install` puts them;
  /// `../lib`; `.sdk/shims` of the checkout that it was built in; the user's cache. The set-up
  /// script fills the last two: the checkout's are built from its own sources, the cache's are the
  /// latest of all.
  package init(
    fileName: String,
    environment: [String: String] = ProcessInfo.processInfo.environment,
    executable: URL? = NativeLibrarySearch.ownFile ?? Bundle.main.executableURL
  ) {
    self.fileName = fileName
    directories = []
    if let directory = environment["OTX_SHIM_DIRECTORY"], !directory.isEmpty {
      directories.append(URL(filePath: directory))
    }
    if let directory = executable?.resolvingSymlinksInPath().deletingLastPathComponent() {
      directories.append(directory)
      let library = directory.deletingLastPathComponent().appending(path: "lib")
      directories += [library.appending(path: "otx"), library]
      if let checkout = Self.checkout(ofBuilt: directory) {
        directories.append(checkout.appending(path: ".sdk/shims"))
      }
    }
    if let cache = environment["OTX_CACHE"], cache.hasPrefix("/") {
      directories.append(URL(filePath: cache).appending(path: "shims/latest"))
    } else if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty {
      directories.append(URL(filePath: cache).appending(path: "otx/shims/latest"))
    } else if let home = environment["HOME"], !home.isEmpty {
      directories.append(URL(filePath: home).appending(path: ".cache/otx/shims/latest"))
    }
  }

  /// The file that this code was loaded from.
  private static var ownFile: URL? {
    let own = UInt(bitPattern: #dsohandle)
    return MappedFile.all().first { $0.addresses.contains(own) }?.url
  }

  /// The checkout that a program was built in: its `.build` folder holds the program.
  ///
  /// No other parent counts: a program that was copied elsewhere must not load what lies above it.
  private static func checkout(ofBuilt directory: URL) -> URL? {
    var directory = directory
    while directory.pathComponents.count > 1 {
      let name = directory.lastPathComponent
      directory.deleteLastPathComponent()
      if name.hasPrefix(".build") { return directory }
    }
    return nil
  }

  /// The first file of the name.
  ///
  /// - Throws: ``NativeLibraryError/missing(_:searched:)``.
  package func find() throws(NativeLibraryError) -> URL {
    for directory in directories {
      let file = directory.appending(path: fileName)
      if FileManager.default.fileExists(atPath: file.path) { return file }
    }
    throw .missing(fileName, searched: directories.map(\.path))
  }
}

/// A shared library of ours that cannot be used.
public enum NativeLibraryError: Error, Equatable, Sendable {
  case missing(String, searched: [String])
  /// It is there and cannot be opened, mostly because the library underneath has moved.
  case unusable(file: String, reason: String)
  /// It was built from other sources than this program.
  case wrongVersion(file: String, found: Int, needed: Int)
}

extension NativeLibraryError: LocalizedError, CustomStringConvertible {
  /// What makes the libraries anew.
  private static let remedy =
    "run Scripts/bootstrap.sh (make setup) to build it, and 'make install' where it is installed"

  public var errorDescription: String? { description }
  public var description: String {
    switch self {
    case .missing(let name, let searched):
      "\(name) was not found in \(searched.joined(separator: ", ")); \(Self.remedy), or set OTX_SHIM_DIRECTORY to its folder"
    case .unusable(let file, let reason):
      "\(file) cannot be opened: \(reason); \(Self.remedy)"
    case .wrongVersion(let file, let found, let needed):
      "\(file) was built for another version of this program (interface \(found), needed \(needed)); \(Self.remedy)"
    }
  }
}
