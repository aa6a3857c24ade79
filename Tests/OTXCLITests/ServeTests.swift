import Foundation
import Testing

@testable import OTXCLI

@Suite("otx demo --serve") struct ServeTests {
  @Test func aModelIsServedWithoutInputs() async throws {
    let place = try Playground(["model/openvino.xml", "other/openvino.xml"])
    defer { place.remove() }
    let model = place.root.appending(path: "model/openvino.xml").path
    let other = place.root.appending(path: "other/openvino.xml").path
    let result = await otx(["demo", model, "--serve", "127.0.0.1:0", "--compare", other])
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("serving 2 models"))
  }

  @Test(
    arguments: [
      ("--serve nowhere", "--serve takes HOST:PORT"),
      ("--serve :80 --loop", "--loop has no meaning together with --serve"),
      ("--serve :80 --output x.avi", "--output has no meaning"),
      ("--serve :80 --max-upload lots", "--max-upload takes"),
      ("--serve :80 --rate none", "--rate takes"),
      ("--serve :80 --allow-origin here", "--allow-origin takes"),
      ("--rate 5", "--rate belongs to --serve"), ("--compare x", "--compare belongs to --serve"),
    ]
  )
  func whatMakesNoSenseIsToldSo(words: String, message: String) async throws {
    let place = try Playground(["model/openvino.xml", "one.jpg"])
    defer { place.remove() }
    let model = place.root.appending(path: "model/openvino.xml").path
    let result = await otx(["demo", model] + words.split(separator: " ").map(String.init))
    #expect(result.status == 64)
    #expect(result.errors.contains(message), "\(result.errors)")
  }
}
