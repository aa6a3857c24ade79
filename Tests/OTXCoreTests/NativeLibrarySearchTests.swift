import Foundation
import OTXCore
import Testing

@Suite("Search for our native libraries")
struct NativeLibrarySearchTests {
  /// The folders that are looked into for a program at a path, with this environment.
  private func directories(
    _ executable: String,
    _ environment: [String: String] = [:]
  ) -> [String] {
    NativeLibrarySearch(
      fileName: "libotx_torch.so",
      environment: environment,
      executable: URL(filePath: executable)
    ).directories.map { $0.path(percentEncoded: false) }.map {
      $0.count > 1 && $0.hasSuffix("/") ? String($0.dropLast()) : $0
    }
  }

  @Test("A program in a build folder looks into its own checkout before the user's cache")
  func checkout() {
    let found = directories(
      "/nowhere/my checkout/.build/x86_64-unknown-linux-gnu/release/otx",
      ["HOME": "/nowhere/home"]
    )
    #expect(
      found == [
        "/nowhere/my checkout/.build/x86_64-unknown-linux-gnu/release",
        "/nowhere/my checkout/.build/x86_64-unknown-linux-gnu/lib/otx",
        "/nowhere/my checkout/.build/x86_64-unknown-linux-gnu/lib",
        "/nowhere/my checkout/.sdk/shims",
        "/nowhere/home/.cache/otx/shims/latest",
      ]
    )
    #expect(directories("/nowhere/c/.build-release/debug/otx").contains("/nowhere/c/.sdk/shims"))
  }

  @Test("An installed program does not look above itself, but for ../lib")
  func installed() {
    let found = directories("/opt/tools/bin/otx")
    #expect(found == ["/opt/tools/bin", "/opt/tools/lib/otx", "/opt/tools/lib"])
  }

  @Test("OTX_CACHE is the cache itself")
  func ownCache() {
    let search = NativeLibrarySearch(
      fileName: "x.so",
      environment: ["OTX_CACHE": "/mine", "XDG_CACHE_HOME": "/cache", "HOME": "/nowhere/home"],
      executable: nil
    )
    #expect(search.directories.map(\.path) == ["/mine/shims/latest"])
  }

  @Test("The environment comes first, and XDG_CACHE_HOME replaces ~/.cache")
  func environment() {
    let found = directories(
      "/opt/bin/otx",
      ["OTX_SHIM_DIRECTORY": "/mine", "XDG_CACHE_HOME": "/cache", "HOME": "/nowhere/home"]
    )
    #expect(found == ["/mine", "/opt/bin", "/opt/lib/otx", "/opt/lib", "/cache/otx/shims/latest"])
  }

  @Test("A missing library names the folders and the remedy")
  func missing() {
    let search = NativeLibrarySearch(
      fileName: "libotx_nothing.so",
      environment: [:],
      executable: URL(filePath: "/nowhere/bin/otx")
    )
    let error = #expect(throws: NativeLibraryError.self) { try search.find() }
    #expect(error.map(String.init(describing:))?.contains("Scripts/bootstrap.sh") == true)
    #expect(error.map(String.init(describing:))?.contains("/nowhere/bin") == true)
  }
}
