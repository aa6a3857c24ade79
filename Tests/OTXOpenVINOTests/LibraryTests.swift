import Foundation
import OTXCore
import Testing

@testable import OTXOpenVINO

@Suite("The library under OpenVINO models")
struct LibraryTests {
  @Test func introducesItself() throws {
    #expect(try OpenVINO.version().hasPrefix("2026."))
    #expect(try OpenVINO.devices().contains("CPU"))
  }

  @Test func isMissingWithItsRemedy() throws {
    let folder = try TemporaryFolder()
    let search = NativeLibrarySearch(
      fileName: "libotx_openvino.so",
      environment: ["XDG_CACHE_HOME": folder.url.path],
      executable: nil
    )
    let error = #expect(throws: NativeLibraryError.self) { try OpenVINOLibrary.open(search) }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains(folder.url.path))
    #expect(text.contains("Scripts/bootstrap.sh"))
  }

  @Test func isOfAnotherVersion() throws {
    let error = #expect(throws: NativeLibraryError.self) { try OpenVINOLibrary.open(abi: 999) }
    #expect(error.map { "\($0)" }?.contains("needed 999") == true)
  }

  @Test func isNoLibraryAtAll() throws {
    let folder = try TemporaryFolder()
    try Data("text".utf8).write(to: folder.file("libotx_openvino.so"))
    let search = NativeLibrarySearch(
      fileName: "libotx_openvino.so",
      environment: ["OTX_SHIM_DIRECTORY": folder.url.path],
      executable: nil
    )
    let error = #expect(throws: NativeLibraryError.self) { try OpenVINOLibrary.open(search) }
    guard case .unusable(let file, let reason)? = error else {
      Issue.record("unexpected: \(String(describing: error))")
      return
    }
    #expect(file == folder.file("libotx_openvino.so").path)
    #expect(!reason.isEmpty)
  }

  @Test func saysWhatFailedWithoutWhereInItsSources() {
    let message = """
      Exception from src/inference/src/cpp/core.cpp:93:
      Check 'm_impl' failed at src/core/x.cpp:12:
      Unable to read the model

      """
    #expect(OpenVINOLibrary.reason(in: message) == "Unable to read the model")
    #expect(OpenVINOLibrary.reason(in: "Exception from src/a.cpp:1:") != "")
  }
}
