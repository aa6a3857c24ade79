import Foundation
import OTX
import OTXCore
import Testing

/// Later commands find the data of a run without being told.
@Suite struct RunRecordTests {
  @Test func isFoundBesideAModelAndBesideItsExport() throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "otx-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    for folder in ["data", "run/openvino", "elsewhere/deep/er"] {
      let url = root.appending(path: folder)
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    let data = root.appending(path: "data").path
    try Data(#"{"root": "\#(data)"}"#.utf8).write(to: root.appending(path: "run/run.json"))
    for model in ["run", "run/weights.pth", "run/openvino", "run/openvino/openvino.xml"] {
      let found = Engine.dataLocation(ofRunThatLeft: root.appending(path: model))
      guard case .root(let url, nil) = found else {
        Issue.record("no data for \(model)")
        continue
      }
      #expect(url.path == data)
    }
    let none = root.appending(path: "elsewhere/deep/er/openvino.xml")
    #expect(Engine.dataLocation(ofRunThatLeft: none) == nil)
  }
}
