import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

@Suite("Large pictures", .serialized)
struct LargePictureTests {
  private func regions(_ sample: SampleTIFF, isOriented: Bool = true) throws -> PictureRegions {
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "a.tif")
    try sample.write(to: url)
    return try PictureRegions(url, header: ImageHeader(of: url), isOriented: isOriented)
  }

  private func expected(_ sample: SampleTIFF, _ region: PixelRegion) -> Image {
    var pixels: [UInt8] = []
    for y in region.y..<region.y + region.height {
      for x in region.x..<region.x + region.width { pixels += sample.color(y: y, x: x) }
    }
    return Image(size: region.size, pixels: pixels)
  }

  private static let layouts: [SampleTIFF.Layout] = [
    .strips(rowCount: 1), .strips(rowCount: 16), .strips(rowCount: 1000),
    .tiles(ImageSize(height: 32, width: 48)),
  ]

  @Test("a part of a TIFF is the same part of the whole", arguments: layouts, [false, true])
  func parts(layout: SampleTIFF.Layout, isPacked: Bool) throws {
    for pixel in [SampleTIFF.Pixel.bit, .grey, .rgb] {
      let sample = SampleTIFF(
        size: ImageSize(height: 171, width: 205),
        layout: layout,
        pixel: pixel,
        isPacked: isPacked
      )
      let folder = try TemporaryFolder()
      let url = folder.url.appending(path: "a.tif")
      try sample.write(to: url)
      let whole = try ImageFile.read(url)
      #expect(whole == expected(sample, PixelRegion(whole.size)))
      let regions = try PictureRegions(url, header: ImageHeader(of: url), isOriented: true)
      for part in [
        PixelRegion(whole.size), PixelRegion(y: 0, x: 0, height: 1, width: 1),
        PixelRegion(y: 170, x: 204, height: 1, width: 1),
        PixelRegion(y: 31, x: 47, height: 67, width: 99),
        PixelRegion(y: 5, x: 3, height: 9, width: 202),
      ] {
        #expect(try regions.image(of: part) == whole.cropped(to: part), "\(pixel) \(part)")
      }
      #expect(throws: DataError.self) {
        try regions.image(of: PixelRegion(y: 100, x: 0, height: 72, width: 10))
      }
      let half = try regions.image(reducedBy: 2)
      #expect(half.size == ImageSize(height: 86, width: 103))
      for (y, x) in [(40, 30), (85, 30), (40, 102), (85, 102)] {
        let values = [(0, 0), (0, 1), (1, 0), (1, 1)]
          .map { (2 * y + $0, 2 * x + $1) }.filter { $0 < 171 && $1 < 205 }
          .map { Int(whole.pixels[($0 * 205 + $1) * 3]) }
        let mean = Float(values.reduce(0, +)) / Float(values.count)
        #expect(abs(Float(half.pixels[(y * 103 + x) * 3]) - mean) <= 0.5)
      }
    }
  }

  @Test("a strip as large as the picture is read row by row")
  func oneLargeStrip() throws {
    for pixel in [SampleTIFF.Pixel.grey, .rgb] {
      let sample = SampleTIFF(
        size: ImageSize(height: 2100, width: 2010),
        layout: .strips(rowCount: 2100),
        pixel: pixel,
        isPacked: true
      )
      // The strip has more than 2^22 pixels. Forwards, on from there, and back again.
      let regions = try regions(sample)
      for y in [1200, 2020, 700] {
        let part = PixelRegion(y: y, x: 1501, height: 80, width: 300)
        #expect(try regions.image(of: part) == expected(sample, part))
      }
    }
  }

  @Test("parts of a turned picture lie where they are seen", arguments: 1...8)
  func orientations(orientation: Int) throws {
    let sample = SampleTIFF(
      size: ImageSize(height: 90, width: 131),
      layout: .strips(rowCount: 7),
      orientation: orientation
    )
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "a.tif")
    try sample.write(to: url)
    let header = try ImageHeader(of: url)
    for (isOriented, use) in [(true, ImageFile.OrientationUse.applied), (false, .ignored)] {
      let whole = try ImageFile.read(url, orientation: use)
      let regions = try PictureRegions(url, header: header, isOriented: isOriented)
      #expect(regions.size == whole.size)
      let part = PixelRegion(y: 11, x: 24, height: 50, width: 61)
      #expect(try regions.image(of: part) == whole.cropped(to: part))
    }
  }

  /// Peak memory of this process since the last call, in bytes.
  private func resetPeak() throws -> Int {
    // The kernel's way to begin anew (proc(5), clear_refs).
    try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
    return try peak()
  }

  private func peak() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(
      line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
    )
      << 10
  }

  private func module(
    _ url: URL,
    tiling: Tiling?,
    annotations: [Annotation] = []
  ) throws -> DataModule<Detection> {
    let item = DatasetItem(id: "large", image: .file(url), annotations: annotations)
    let dataset = Dataset(
      format: "test",
      root: url,
      labels: LabelInfo(names: ["thing"]),
      items: [.train: [item], .val: [item]]
    )
    return try DataModule<Detection>(
      dataset: dataset,
      preprocessing: Preprocessing(inputSize: ImageSize(height: 64, width: 64)),
      batchSize: 4,
      workerCount: 2,
      strict: true,
      tiling: tiling
    )
  }

  @Test(
    "6,000 by 6,000 in tiles: every tile has its pixels, memory stays below the picture's size",
    arguments: [
      SampleTIFF.Layout.strips(rowCount: 64), .strips(rowCount: 6000),
      .tiles(ImageSize(height: 256, width: 256)),
    ]
  )
  func inTiles(layout: SampleTIFF.Layout) throws {
    let sample = SampleTIFF(size: ImageSize(height: 6000, width: 6000), layout: layout)
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "a.tif")
    try sample.write(to: url)
    let tiling = Tiling(tileSize: ImageSize(height: 640, width: 640), overlap: 0.2)
    let grid = TileGrid(sample.size, tiling)
    let samples = try SampleList(
      [DatasetItem(id: "large", image: .file(url), annotations: [])],
      tiling: tiling
    )
    #expect(samples.count == 144)
    let before = try resetPeak()
    let pictures = DecodedPictures(byteLimit: 24 << 20)
    let reader = TileReader(pictures: pictures)
    for index in 0..<samples.count {
      let source = samples[index]
      let tile = try #require(source.tile)
      let picture = try reader.pixels(of: tile, in: source.item, enough: tile.region.size)
      let region = grid[index]
      #expect(picture.image.size == region.size)
      for (y, x) in [(0, 0), (0, 639), (639, 0), (320, 111), (639, 639)] {
        let start = (y * 640 + x) * 3
        #expect(
          Array(picture.image.pixels[start..<start + 3])
            == sample.color(y: region.y + y, x: region.x + x)
        )
      }
    }
    let growth = try peak() - before
    // The picture is 108 MB; 24 MiB of bands are kept.
    #expect(growth < 100 << 20, "\(growth >> 20) MiB")
    #expect(pictures.decodings < 30, "bands are decoded once for a row of tiles")
  }

  @Test("20,000 by 20,000: refused as a whole with advice, read in tiles and reduced")
  func twentyThousand() throws {
    let sample = SampleTIFF(
      size: ImageSize(height: 20_000, width: 20_000),
      layout: .strips(rowCount: 16),
      pixel: .bit,
      isPacked: true
    )
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "a.tif")
    try sample.write(to: url)
    let error = #expect(throws: DataError.self) { try ImageFile.read(url) }
    #expect(error?.description.contains("data.tiling.enabled=true") == true)
    #expect(try ImageFile.size(of: url) == sample.size)

    let before = try resetPeak()
    let tiling = Tiling(tileSize: ImageSize(height: 4000, width: 4000), overlap: 0)
    let stream = try module(url, tiling: tiling).batches(.val, mode: .evaluation)
    var count = 0
    while let batch = try stream.next() { count += batch.count }
    #expect(count == 25)
    let whole = try module(url, tiling: nil).batches(.val, mode: .evaluation)
    let batch = try #require(try whole.next())
    #expect(batch.frames.first?.originalSize == sample.size)
    let mapped = batch.frames.first?.original(BoundingBox(16, 32, 64, 64))
    // Reduced to 129 a side, each pixel 156 of the file.
    #expect(mapped == BoundingBox(5031, 10_062, 20_000, 20_000))
    let growth = try peak() - before
    // Decoded it would be 1.2 GB.
    #expect(growth < 700 << 20, "\(growth >> 20) MiB")
  }

  @Test("damage inside a large picture is an error that names the file")
  func damage() throws {
    let sample = SampleTIFF(
      size: ImageSize(height: 6000, width: 6000),
      layout: .strips(rowCount: 50),
      isPacked: true
    )
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "a.tif")
    try sample.write(to: url)
    var bytes = try Data(contentsOf: url)
    for index in 8..<4000 { bytes[index] = 0x80 }
    try bytes.write(to: url)
    let module = try module(url, tiling: Tiling(tileSize: ImageSize(height: 1000, width: 1000)))
    let stream = try module.batches(.val, mode: .evaluation)
    let error = #expect(throws: DataError.self) { while try stream.next() != nil {} }
    #expect(error?.description.contains("a.tif") == true)
  }
}
