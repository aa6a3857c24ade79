import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

/// Videos as pictures; those of the tests are Motion JPEG, which needs no other program.
@Suite("Videos")
struct VideoTests {
  static let programs = ExternalProgram.find(
    "ffmpeg",
    in: ProcessInfo.processInfo.environment["PATH"] ?? ""
  )

  /// A chunk of a RIFF file.
  private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
    Array(name.utf8) + number(content.count) + content + (content.count % 2 == 0 ? [] : [0])
  }

  private static func number(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// An AVI file of grey frames with these levels; `nil` for a frame without bytes.
  static func avi(_ levels: [UInt8?], rate: Int = 2) throws -> [UInt8] {
    let size = ImageSize(height: 16, width: 24)
    let stream =
      Array("vidsMJPG".utf8) + [UInt8](repeating: 0, count: 12) + number(1) + number(rate)
      + [UInt8](repeating: 0, count: 20)
    let header = chunk("LIST", Array("strl".utf8) + chunk("strh", stream))
    let frames = try levels.flatMap { level -> [UInt8] in
      guard let level else { return chunk("00dc", []) }
      let image = Image(size: size, red: level, green: level, blue: level)
      return chunk("00dc", try ImageFile.jpeg(image)) + chunk("01wb", [1, 2, 3])
    }
    let content =
      chunk("LIST", Array("hdrl".utf8) + chunk("avih", number(500_000)) + header)
      + chunk("JUNK", [0]) + chunk("LIST", Array("movi".utf8) + frames)
    return chunk("RIFF", Array("AVI ".utf8) + content)
  }

  private static func level(_ image: Image) -> Int { Int(image.pixels[0]) }

  @Test("frames of Motion JPEG are read by number")
  func motionJPEG() throws {
    let folder = try TemporaryFolder()
    let url = try folder.write(Data(VideoTests.avi([10, 60, nil, 200])), to: "a.avi")
    let video = try VideoFile(url, searchPath: "")
    #expect(video.frameCount == 4)
    #expect(video.frameRate == 2)
    #expect(video.size == ImageSize(height: 16, width: 24))
    // One without bytes shows the one before it.
    for (name, level) in [("3", 200), ("0", 10), ("2", 60), ("1", 60)] {
      #expect(abs(VideoTests.level(try video.image(of: name)) - level) < 3)
    }
    #expect(throws: DataError.self) { try video.image(of: "4") }
    #expect(try video.encodedBytes(of: "0")?.starts(with: [0xFF, 0xD8]) ?? false)
  }

  @Test("a file whose end is missing has the frames that are there")
  func cutShort() throws {
    let folder = try TemporaryFolder()
    let whole = try VideoTests.avi([10, 60, 200])
    let url = try folder.write(Data(whole.dropLast(300)), to: "a.avi")
    #expect(try VideoFile(url, searchPath: "").frameCount == 2)
  }

  @Test("other videos need a program, and the error names it")
  func missingProgram() throws {
    let folder = try TemporaryFolder()
    try folder.write("no video", to: "a.mp4")
    let error = #expect(throws: DataError.self) {
      try VideoFile(folder.url.appending(path: "a.mp4"), searchPath: "/nowhere:")
    }
    #expect(error?.description.contains("sudo apt-get install ffmpeg") ?? false)
  }

  @Test("a folder of videos is a dataset of their frames")
  func videoFrames() throws {
    let folder = try TemporaryFolder()
    try folder.write(Data(VideoTests.avi([10, 60, 200, 30])), to: "a.avi")
    try folder.write(Data(VideoTests.avi([90])), to: "b.AVI")
    let dataset = try DatasetReader.read(.root(folder.url, format: nil), for: .inspection)
    #expect(dataset.format == "video_frames")
    let items = dataset.items[.train] ?? []
    #expect(
      items.map(\.id) == [
        "a.avi/000000", "a.avi/000001", "a.avi/000002", "a.avi/000003", "b.AVI/000000",
      ]
    )
    #expect(abs(VideoTests.level(try items[2].picture()) - 200) < 3)
    let seconds = try Formats.named("video_seconds").read(.root(folder.url, format: nil))
    #expect(
      seconds.items[.train]?.map(\.id) == ["a.avi/000001", "a.avi/000003", "b.AVI/000000"]
    )
  }

  @Test("clips of Kinetics give their frames their label")
  func kinetics() throws {
    let folder = try TemporaryFolder()
    // Three seconds, from a film in which they lie elsewhere; and one of a second.
    try folder.write(Data(VideoTests.avi([10, 20, 30, 40, 50, 60])), to: "train/abc_000007.avi")
    try folder.write(Data(VideoTests.avi([10, 20])), to: "val/x.avi")
    try folder.write(
      "label,youtube_id,time_start,time_end,split\nswim,abc,7,10,train\nrun,gone,0,2,train\n",
      to: "train.csv"
    )
    try folder.write(
      #"{"x": {"annotations": {"label": "run", "segment": [0.0, 1.0]}, "subset": "val", "url": "x"}}"#,
      to: "val.json"
    )
    let dataset = try DatasetReader.read(.root(folder.url, format: nil), for: .inspection)
    #expect(dataset.format == "kinetics")
    #expect(dataset.declaredLabels == ["swim", "run"])
    let train = dataset.items[.train] ?? []
    #expect(train.map { $0.annotations.first?.label } == ["swim", "swim", "swim"])
    #expect(train.map(\.id).last == "train/abc_000007.avi/000005")
    #expect(dataset.items[.val]?.map { $0.annotations.first?.label } == ["run"])
    let problems = dataset.problems.filter { $0.kind == "unreadable video" }
    #expect(
      problems.map { "\($0.location): \($0.message)" } == [
        "train.csv:3: the video 'gone' is not there"
      ]
    )
  }

  @Test(
    "FFmpeg's frames are the same in any order",
    .enabled(if: programs != nil && realData != nil)
  )
  func randomAccess() throws {
    let url = try #require(realData).appending(path: "formats/cvat_dataset/test.mp4")
    let inOrder = try VideoFile(url)
    #expect(inOrder.frameCount == 30)
    #expect(inOrder.size == ImageSize(height: 180, width: 240))
    let images = try (0..<30).map { try inOrder.image(of: "\($0)") }
    #expect(images[0] != images[29])
    let jumping = try VideoFile(url)
    for index in [29, 0, 15, 14, 16, 2] {
      #expect(try jumping.image(of: "\(index)") == images[index], "frame \(index)")
    }
  }
}
