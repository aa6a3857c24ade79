import ArgumentParser
import Foundation
import OTXCore
import OTXData

/// Memory and time of walking through a picture that would not fit.
struct LargePicture: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "large-picture",
    abstract: "Tiles a second and peak memory over a TIFF of 20,000 by 20,000, made here."
  )

  @Option(help: "The picture's height and width.")
  var side = 20_000
  @Option(help: "A tile's height and width.")
  var tile = 640
  @Option(help: "The network's input, a square.")
  var input = 640
  @Option(help: "Loading threads.")
  var workers = 2
  @Option(help: "Rows of a strip; 0: stored in tiles of 256 by 256.")
  var strip = 16
  @Flag(help: "Packed with PackBits.")
  var packed = false

  func run() throws {
    let file = FileManager.default.temporaryDirectory.appending(
      path: "otx-large-\(ProcessInfo.processInfo.processIdentifier).tif"
    )
    defer { try? FileManager.default.removeItem(at: file) }
    let size = ImageSize(height: side, width: side)
    let square = ImageSize(height: 256, width: 256)
    try SampleTIFF(
      size: size,
      layout: strip > 0 ? .strips(rowCount: strip) : .tiles(square),
      isPacked: packed
    ).write(to: file)
    let stored = strip > 0 ? "strips of \(strip) rows" : "tiles of \(square)"
    print("\(size) RGB TIFF, \(stored); decoded \((side * side * 3) >> 20) MiB")

    let objects = (0..<1000).map { index -> Annotation in
      let (y, x) = (Float(index / 32 * (side / 33)), Float(index % 32 * (side / 33)))
      return .box(BoundingBox(x1: x, y1: y, x2: x + 24, y2: y + 24), label: "thing")
    }
    let item = DatasetItem(id: "large", image: .file(file), annotations: objects)
    func module(_ tiling: Tiling?) throws -> DataModule<Detection> {
      try DataModule(
        dataset: Dataset(
          format: "benchmark",
          root: file,
          labels: LabelInfo(names: ["thing"]),
          items: [.train: [item]]
        ),
        preprocessing: Preprocessing(inputSize: ImageSize(height: input, width: input)),
        augmentations: [.horizontalFlip()],
        workerCount: workers,
        strict: true,
        tiling: tiling
      )
    }
    // First, since memory that was used once is kept.
    try walk("whole, reduced to the input", try module(nil), .evaluation)
    let tiled = try module(Tiling(tileSize: ImageSize(height: tile, width: tile)))
    try walk("tiles in order (evaluation)", tiled, .evaluation)
    try walk("tiles of an epoch of training", tiled, .training(epoch: 0))
  }

  private func walk(_ title: String, _ module: DataModule<Detection>, _ mode: BatchMode) throws {
    // Peak memory from here on (proc(5), clear_refs).
    try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
    let start = ContinuousClock.now
    let stream = try module.batches(.train, mode: mode)
    var count = 0
    while let batch = try stream.next() { count += batch.count }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let speed = String(format: "%.1f a second", Double(count) / seconds)
    print("\(title): \(count) in \(Int(seconds.rounded())) s, \(speed), peak memory \(try peak())")
  }

  private func peak() throws -> String {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
    return "\((kilobytes.flatMap { Int($0) } ?? 0) >> 10) MiB"
  }
}
