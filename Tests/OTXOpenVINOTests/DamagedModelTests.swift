import Foundation
import OTXCore
import Testing

@testable import OTXOpenVINO

@Suite("Models that cannot be used say why")
struct DamagedModelTests {
  let folder: TemporaryFolder
  let exported: ExportedModel

  init() throws {
    folder = try TemporaryFolder()
    exported = try SampleModels.exportClassifier(to: folder.url)
  }

  private func open() throws {
    _ = try OpenVINOEngine<MultiClassClassification>(
      reading: exported.xml,
      options: EngineOptions()
    )
  }

  private func expectUnreadable(
    _ words: String,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
  ) {
    #expect(
      performing: { try body() },
      throws: { error in
        guard case .unreadableCheckpoint(let file, let reason)? = error as? ModelError else {
          Issue.record("unexpected: \(error)", sourceLocation: sourceLocation)
          return false
        }
        #expect(file == exported.xml.path || file == exported.bin.path)
        #expect(reason.contains(words), "\(reason)", sourceLocation: sourceLocation)
        return true
      }
    )
  }

  private func rewrite(_ change: (String) -> String) throws {
    let text = try String(contentsOf: exported.xml, encoding: .utf8)
    try change(text).write(to: exported.xml, atomically: true, encoding: .utf8)
  }

  @Test func aMissingModel() throws {
    try FileManager.default.removeItem(at: exported.xml)
    expectUnreadable("cannot be read") { try open() }
  }

  @Test func missingWeights() throws {
    try FileManager.default.removeItem(at: exported.bin)
    expectUnreadable("weights cannot be read") { try open() }
  }

  @Test func weightsCutShort() throws {
    let bytes = try Data(contentsOf: exported.bin)
    try bytes.prefix(100).write(to: exported.bin)
    expectUnreadable("OpenVINO cannot read it") { try open() }
  }

  @Test func aDescriptionCutShort() throws {
    try rewrite { String($0.prefix($0.count / 2)) }
    expectUnreadable("cut short") { try open() }
  }

  @Test func aDescriptionThatLacksAPiece() throws {
    try rewrite { text in
      text.replacingOccurrences(of: "<layers>", with: "<layers><layer>")
    }
    expectUnreadable("OpenVINO cannot read it") { try open() }
  }

  @Test func anotherKindOfFile() throws {
    try rewrite { _ in "<svg></svg>" }
    expectUnreadable("no OpenVINO model") { try open() }
    try rewrite { _ in "" }
    expectUnreadable("no OpenVINO model") { try open() }
  }

  @Test func damagedInformation() throws {
    try rewrite { $0.replacingOccurrences(of: "</model_info>", with: "") }
    expectUnreadable("rt_info is damaged") { try open() }
  }

  @Test func informationOfANewerVersion() throws {
    try rewrite {
      $0.replacingOccurrences(
        of: "&quot;formatVersion&quot;:1,",
        with: "&quot;formatVersion&quot;:99,"
      )
    }
    expectUnreadable("99") { try open() }
  }

  @Test func noInformationAtAll() throws {
    try rewrite { $0.replacingOccurrences(of: "model_info", with: "other") }
    expectUnreadable("does not say what it is for") { try open() }
  }

  @Test func aModelOfAnotherTask() throws {
    #expect(throws: ModelError.self) {
      _ = try OpenVINOEngine<Detection>(reading: exported.xml, options: EngineOptions())
    }
  }

  @Test func aDeviceThatIsNotThere() throws {
    var options = EngineOptions()
    options.device = "gpu:7"
    #expect(throws: OpenVINOError.self) {
      _ = try OpenVINOEngine<MultiClassClassification>(reading: exported.xml, options: options)
    }
  }

  @Test func picturesOfAnotherSize() async throws {
    let model = try OpenVINOModel(
      reading: exported.xml,
      preprocessing: exported.info.preprocessing
    )
    let images = try SampleModels.images(ImageSize(height: 16, width: 32), count: 1)
    #expect(throws: ModelError.mismatch("the model takes pictures of 32x32, not of 16x32")) {
      try model.outputs(for: images)
    }
  }
}
