import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXInference

@Suite("Models that look at pictures")
struct PipelineTests {
  /// Runs a command's options and gives what came, in order.
  private func run(
    _ options: RunOptions,
    searchPath: String = "/nowhere"
  ) throws -> (lines: [String], summary: RunSummary) {
    var lines: [String] = []
    var runner = Runner(options) { _ in
    } onDamage: {
      lines.append(try #require($0.damageLine))
    } onResult: {
      lines.append($0.jsonLine)
    }
    runner.searchPath = searchPath
    let summary = try runner.run()
    return (lines, summary)
  }

  /// A video whose frame `k` of `count` is `10 k` red and `250 - 10 k` green.
  private func clip(_ count: Int, in folder: TemporaryFolder) throws -> URL {
    let url = folder.url.appending(path: "clip.avi")
    let size = ImageSize(height: 40, width: 60)
    let writer = try MotionJPEGWriter(url, size: size, frameRate: 12.5)
    for index in 0..<count {
      try writer.add(TestModels.plain(UInt8(10 * index), UInt8(250 - 10 * index), 0))
    }
    try writer.finish()
    return url
  }

  private func object(_ line: String) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }

  @Test func aPictureBecomesALineOfJSON() throws {
    let folder = try TemporaryFolder()
    var options = RunOptions()
    options.models = [try TestModels.halvesDetector(in: folder)]
    let picture = Data(try ImageFile.png(TestModels.plain(255, 51, 0)))
    let file = try folder.write(picture, to: "a \"b\".png")
    options.inputs = try InputItem.items([file.path])
    options.precision = .fp32
    let (lines, summary) = try run(options)
    let found = try object(#require(lines.first))
    #expect(found["image"] as? String == file.path)
    #expect(found["height"] as? Int == 40)
    let findings = try #require(found["prediction"] as? [[String: Any]])
    // 51 of 255 is below the model's threshold.
    #expect(findings.map { $0["label"] as? String } == ["left"])
    let box = try #require(findings[0]["box"] as? [String: Double])
    for (side, place) in ["x1": 0.0, "y1": 0, "x2": 30, "y2": 40] {
      #expect(abs((box[side] ?? -1) - place) < 1e-3, "\(side)")
    }
    #expect(summary.frameCount == 1)
    #expect(summary.secondsToFirst != nil)

    options.confidenceThreshold = 0.1
    let more = try object(#require(try run(options).lines.first))
    #expect((more["prediction"] as? [Any])?.count == 2)
  }

  @Test(arguments: RunOptions.Mode.allCases)
  func framesOfAVideoComeInOrder(mode: RunOptions.Mode) throws {
    let folder = try TemporaryFolder()
    var options = RunOptions()
    options.models = [try TestModels.halvesDetector(in: folder)]
    options.inputs = try InputItem.items([try clip(20, in: folder).path])
    options.confidenceThreshold = 0
    options.precision = .fp32
    options.mode = mode
    let (lines, summary) = try run(options)
    #expect(summary.frameCount == 20)
    for (index, line) in lines.enumerated() {
      let found = try object(line)
      #expect(found["frame"] as? Int == index)
      #expect(abs((found["time"] as? Double ?? -1) - Double(index) / 12.5) < 1e-5)
      let findings = try #require(found["prediction"] as? [[String: Any]])
      let left = findings.first { $0["label"] as? String == "left" }?["score"] as? Double ?? 0
      #expect(abs(left - Double(10 * index) / 255) < 0.02, "frame \(index)")
    }
    options.frameLimit = 5
    #expect(try run(options).summary.frameCount == 5)
    options.loops = true
    options.frameLimit = 45
    #expect(try run(options).summary.frameCount == 45)
  }

  @Test(arguments: RunOptions.Mode.allCases)
  func aVideoThatBreaksGivesTheFramesSoFar(mode: RunOptions.Mode) throws {
    let folder = try TemporaryFolder()
    let whole = try Data(contentsOf: try clip(10, in: folder))
    let broken = try folder.write(whole.prefix(whole.count * 6 / 10), to: "broken.avi")
    var options = RunOptions()
    options.models = [try TestModels.halvesDetector(in: folder)]
    options.inputs = try InputItem.items([broken.path, folder.url.appending(path: "clip.avi").path])
    options.mode = mode
    let (lines, summary) = try run(options)
    // What comes after it is unharmed.
    #expect((13...17).contains(summary.frameCount))
    #expect(summary.damaged.count == 1)
    let place = try #require(lines.firstIndex { $0.contains("\"error\"") })
    #expect(place == summary.frameCount - 10)
    #expect(summary.damaged[0].contains("broken.avi: frame \(place)"))
    #expect(summary.damaged[0].contains("cut short"))
  }

  @Test func aDamagedPictureIsToldOfInItsPlace() throws {
    let folder = try TemporaryFolder()
    let good = Data(try ImageFile.png(TestModels.plain(200, 0, 0)))
    for name in ["1.png", "3.png"] { try folder.write(good, to: "pictures/\(name)") }
    try folder.write(good.prefix(30), to: "pictures/2.png")
    var options = RunOptions()
    options.models = [try TestModels.halvesDetector(in: folder)]
    options.inputs = try InputItem.items([folder.url.appending(path: "pictures").path])
    let (lines, summary) = try run(options)
    #expect(lines.map { $0.contains("\"error\"") } == [false, true, false])
    #expect(summary.frameCount == 2 && summary.damaged.count == 1)
    options.loops = true
    options.inputs = [options.inputs[1]]
    // A loop over nothing that can be read ends.
    #expect(try run(options).summary.frameCount == 0)
  }

  @Test(arguments: RunOptions.Mode.allCases)
  func aFurtherModelLooksAtWhatWasFound(mode: RunOptions.Mode) throws {
    let folder = try TemporaryFolder()
    var image = TestModels.plain(255, 0, 0)
    for row in 0..<40 {
      for column in 30..<60 {
        image.pixels.replaceSubrange(
          (row * 60 + column) * 3..<(row * 60 + column) * 3 + 3,
          with: [0, 255, 0]
        )
      }
    }
    let file = try folder.write(Data(ImageFile.png(image)), to: "a.png")
    var options = RunOptions()
    options.models = [
      try TestModels.halvesDetector(in: folder), try TestModels.colorClassifier(in: folder),
    ]
    options.inputs = try InputItem.items([file.path])
    options.mode = mode
    let found = try object(#require(try run(options).lines.first))
    let findings = try #require(found["prediction"] as? [[String: Any]])
    var colors: [String: String] = [:]
    for finding in findings {
      let inside = try #require(finding["inside"] as? [[String: Any]])
      colors[finding["label"] as? String ?? ""] = inside.first?["label"] as? String
    }
    #expect(colors == ["left": "red", "right": "green"])

    options.models.reverse()
    #expect(throws: InferenceError.self) { try run(options) }
  }

  @Test func tilesArePutTogether() throws {
    let folder = try TemporaryFolder()
    let tiling = Tiling(
      tileSize: ImageSize(height: 16, width: 16),
      overlap: 0,
      maximumInstanceCount: 100,
      withFullImage: false
    )
    var options = RunOptions()
    options.models = [try TestModels.halvesDetector(in: folder, tiling: tiling)]
    let picture = Data(try ImageFile.png(TestModels.plain(255, 0, 0, height: 64, width: 48)))
    options.inputs = try InputItem.items([try folder.write(picture, to: "a.png").path])
    for mode in RunOptions.Mode.allCases {
      options.mode = mode
      let found = try object(#require(try run(options).lines.first))
      let findings = try #require(found["prediction"] as? [[String: Any]])
      // Four rows and three columns of tiles, more than one batch of them.
      #expect(findings.count == 12)
      let boxes = findings.compactMap { $0["box"] as? [String: Double] }
      #expect(Set(boxes.map { $0["x1"] }) == [0, 16, 32])
      #expect(Set(boxes.map { $0["y2"] }) == [16, 32, 48, 64])
    }
  }

  @Test func otherVideosNameThePackageTheyNeed() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("no video", to: "a.mp4")
    var options = RunOptions()
    options.models = [try TestModels.halvesDetector(in: folder)]
    options.inputs = try InputItem.items([file.path])
    let thrown = #expect(throws: InferenceError.self) { try run(options) }
    #expect(thrown?.description.contains("apt-get install ffmpeg") == true)
  }
}
