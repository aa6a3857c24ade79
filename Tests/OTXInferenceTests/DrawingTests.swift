import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXInference

@Suite("Drawn results")
struct DrawingTests {
  private func options(_ folder: TemporaryFolder, _ inputs: [String]) throws -> RunOptions {
    var options = RunOptions()
    options.models = [try TestModels.halvesDetector(in: folder)]
    options.inputs = try InputItem.items(inputs)
    return options
  }

  private func run(_ options: RunOptions) throws -> RunSummary {
    var runner = Runner(options) { _ in
    } onResult: { _ in
    }
    runner.searchPath = "/nowhere"
    return try runner.run()
  }

  private func color(_ image: Image, y: Int, x: Int) -> Color {
    let index = (y * image.width + x) * 3
    return Color(
      red: image.pixels[index],
      green: image.pixels[index + 1],
      blue: image.pixels[index + 2]
    )
  }

  @Test func coloursAreThoseOfTheLabelSchema() throws {
    let folder = try TemporaryFolder()
    let picture = Data(try ImageFile.png(TestModels.plain(255, 0, 0, height: 200, width: 300)))
    let file = try folder.write(picture, to: "a.png")
    var options = try options(folder, [file.path])
    options.output = folder.url.appending(path: "drawn/result.png").path
    #expect(try run(options).files.map(\.lastPathComponent) == ["result.png"])
    let drawn = try ImageFile.read(folder.url.appending(path: "drawn/result.png"))
    #expect(drawn.size == ImageSize(height: 200, width: 300))
    // The right edge of the left half, below its caption.
    #expect(color(drawn, y: 150, x: 149) == LabelPalette.color(0))

    let schema = folder.url.appending(path: "detector/label_schema.json")
    var labels = try LabelSchema(reading: schema)
    labels.colors["left"] = Color(red: 1, green: 2, blue: 3)
    try labels.write(to: schema)
    _ = try run(options)
    let own = try ImageFile.read(folder.url.appending(path: "drawn/result.png"))
    #expect(color(own, y: 150, x: 149) == Color(red: 1, green: 2, blue: 3))
  }

  @Test func picturesAreFittedAndNamesStayApart() throws {
    let folder = try TemporaryFolder()
    let picture = Data(try ImageFile.png(TestModels.plain(255, 0, 0)))
    let first = try folder.write(picture, to: "1/a.png")
    let second = try folder.write(picture, to: "2/a.png")
    var options = try options(folder, [first.path, second.path])
    options.output = folder.url.appending(path: "drawn").path
    options.fit = ImageSize(height: 80, width: 600)
    options.showsPerformance = true
    let files = try run(options).files
    #expect(files.map(\.lastPathComponent) == ["a.png", "a-2.png"])
    // 40x60 made twice as large touches the height.
    #expect(try ImageFile.size(of: files[1]) == ImageSize(height: 80, width: 120))
  }

  @Test func aVideoOfMotionJPEGNeedsNoOtherProgram() throws {
    let folder = try TemporaryFolder()
    let clip = folder.url.appending(path: "clip.avi")
    let size = ImageSize(height: 120, width: 160)
    let writer = try MotionJPEGWriter(clip, size: size, frameRate: 10)
    for index in 0..<7 {
      // One of another size is fitted.
      let isOdd = index == 3
      try writer.add(
        TestModels.plain(255, 0, 0, height: isOdd ? 60 : 120, width: isOdd ? 40 : 160)
      )
    }
    #expect(!FileManager.default.fileExists(atPath: clip.path), "it is not complete yet")
    try writer.finish()
    var options = try options(folder, [clip.path])
    options.output = folder.url.appending(path: "drawn.avi").path
    #expect(try run(options).frameCount == 7)
    let drawn = try VideoFile(folder.url.appending(path: "drawn.avi"), searchPath: "")
    #expect(drawn.frameCount == 7)
    #expect(abs(drawn.frameRate - 10) < 1e-6)
    #expect(drawn.size == size)
    // The box of the left half, through JPEG.
    let edge = color(try drawn.image(of: "0"), y: 100, x: 79)
    let wanted = LabelPalette.color(0)
    #expect(abs(Int(edge.red) - Int(wanted.red)) < 60, "\(edge)")

    // Into a folder, it keeps its name.
    options.output = folder.url.appending(path: "folder").path
    #expect(try run(options).files.map(\.lastPathComponent) == ["clip.avi"])
  }

  @Test func linesAndLettersGrowWithThePicture() throws {
    for (height, width) in [(240, 320), (2160, 3840)] {
      let image = TestModels.plain(0, 0, 0, height: height, width: width)
      let box = BoundingBox(
        x1: Float(width) / 4,
        y1: Float(height) / 4,
        x2: Float(width) * 3 / 4,
        y2: Float(height) * 3 / 4
      )
      let drawn = try OverlayRenderer.draw(
        [.box(box, caption: "", colorIndex: 0)],
        on: image
      )
      // How thick the left side is, half way down.
      let thickness = (0..<width / 2).count {
        color(drawn, y: height / 2, x: $0) != .black
      }
      let share = Double(thickness) / Double(height)
      #expect((0.002...0.008).contains(share), "\(thickness) pixels of \(height)")
    }
  }
}
