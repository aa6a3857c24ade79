import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXInference

@Suite("The command line of otx-run")
struct ArgumentTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(Data(ImageFile.png(TestModels.plain(9, 9, 9))), to: "a.png")
  }

  private func parse(_ words: String...) throws -> RunnerArguments {
    try RunnerArguments(
      words.map { $0.replacingOccurrences(of: "@", with: folder.url.path) }
    ) { [URL(filePath: "/package/model/openvino.xml")] }
  }

  @Test func takesEverySpelling() throws {
    let arguments = try parse(
      "@/a.png",
      "--fit_to_size",
      "320",
      "240",
      "--threshold=0.5",
      "-it",
      "sync",
      "-d",
      "cpu",
      "--delay",
      "-1",
      "--loop",
      "--display-perf",
      "--no-show",
      "-o",
      "drawn",
      "--frames",
      "7"
    )
    let options = arguments.options
    #expect(options.fit == ImageSize(height: 240, width: 320))
    #expect(options.confidenceThreshold == 0.5)
    #expect(options.mode == .sync)
    #expect(options.device == "cpu")
    #expect(options.delay == -1)
    #expect(options.loops && options.showsPerformance)
    #expect(options.output == "drawn")
    #expect(options.frameLimit == 7)
    #expect(options.models.map(\.path) == ["/package/model/openvino.xml"])
    #expect(options.inputs.count == 1)
  }

  @Test(arguments: [
    (["@/a.png", "--treshold", "0.5"], "did you mean --threshold"),
    (["@/a.png", "--threshold", "2"], "from 0 to 1"),
    (["@/a.png", "--threshold"], "needs a value"),
    (["@/a.png", "--fit-to-size", "0", "5"], "width and a height"),
    (["@/a.png", "-it", "both"], "sync or async"),
    (["@/a.png", "--frames", "x"], "takes a number"),
    (["@/no.png"], "there is nothing at"), (["@/*.jpg"], "no file matches"),
    ([], "nothing to look at"),
  ])
  func saysWhatIsWrong(words: [String], part: String) throws {
    let thrown = #expect(throws: InferenceError.self) {
      try RunnerArguments(
        words.map { $0.replacingOccurrences(of: "@", with: folder.url.path) }
      ) { [URL(filePath: "/m.xml")] }
    }
    #expect(thrown?.description.contains(part) == true, "\(thrown?.description ?? "")")
  }

  @Test func needsAModel() {
    #expect(throws: InferenceError.self) {
      try RunnerArguments([folder.url.appending(path: "a.png").path]) { [] }
    }
  }

  @Test func onePictureIsLookedAtAtOnceManyTogether() throws {
    #expect(try parse("@/a.png").options.effectiveMode == .sync)
    #expect(try parse("@/a.png", "--loop").options.effectiveMode == .async)
    #expect(try parse("@/a.png", "@/a.png").options.effectiveMode == .async)
    #expect(try parse("rtsp://camera/1").options.effectiveMode == .sync)
  }
}

@Suite("What there is to look at")
struct InputItemTests {
  @Test func eachWordIsKnownByWhatItIs() throws {
    let folder = try TemporaryFolder()
    let picture = Data(try ImageFile.png(TestModels.plain(1, 2, 3)))
    for name in ["b.png", "a.PNG", ".hidden.png", "deeper/c.png", "clip.avi", "notes.txt"] {
      try folder.write(picture, to: name)
    }
    let path = folder.url.path
    func names(_ word: String) throws -> [String] {
      try InputItem.items([word]).map { item in
        switch item {
        case .picture(_, let name): "picture " + name.replacingOccurrences(of: path, with: "@")
        case .video(_, let name): "video " + name.replacingOccurrences(of: path, with: "@")
        case .camera(let device): "camera " + device
        case .stream(let address): "stream " + address
        }
      }
    }
    #expect(try names(path) == ["picture @/a.PNG", "picture @/b.png", "video @/clip.avi"])
    #expect(try names(path + "/*.png") == ["picture @/b.png"])
    // By its first bytes, whatever it is called.
    #expect(try names(path + "/notes.txt") == ["picture @/notes.txt"])
    #expect(try names("0") == ["camera /dev/video0"])
    #expect(try names("/dev/video7") == ["camera /dev/video7"])
    #expect(try names("RTSP://host/stream") == ["stream RTSP://host/stream"])
  }

  @Test func anUnknownFormatIsNamed() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("what?", to: "a.xyz")
    let thrown = #expect(throws: InferenceError.self) { try InputItem.items([file.path]) }
    let text = try #require(thrown?.description)
    #expect(text.contains("neither a picture (jpeg, png, bmp, tiff, webp) nor a video"))
    #expect(text.contains("'.xyz'"))
  }
}
