import ArgumentParser
import Foundation
import OTXCore
import OTXImage

/// Decoding a large JPEG in full and at the parts of its size that the loader may choose.
struct Decoding: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Pictures a CPU second from a large JPEG, in full and reduced; Pillow's beside it."
  )

  @Option(help: "The picture's height; it is drawn here.")
  var height = 3000
  @Option(help: "The picture's width.")
  var width = 4000
  @Option(help: "The network's input, a square: where the reduced picture goes.")
  var input = 320
  @Option(help: "Turns of each way.")
  var rounds = 5
  @Option(help: "A Python with Pillow; OTX_BENCH_PYTHON unless given, none: ours alone.")
  var python: String?

  func run() throws {
    let file = FileManager.default.temporaryDirectory.appending(
      path: "otx-decode-\(ProcessInfo.processInfo.processIdentifier).jpg"
    )
    defer { try? FileManager.default.removeItem(at: file) }
    let bytes = try ImageFile.jpeg(picture(), quality: 90)
    try Data(bytes).write(to: file)
    let header = try ImageHeader(of: bytes, name: file.path)
    let size = ImageSize(height: input, width: input)
    print("\(header.size) JPEG, \(bytes.count >> 10) KiB; resized to \(size)")
    func decode(_ reduction: Int) throws -> Image {
      try ImageFile.decode(
        bytes,
        header: header,
        name: "",
        orientation: .applied,
        reduction: reduction
      )
    }
    let chosen = header.reduction(
      keeping: ImageSize(height: 2 * input, width: 2 * input),
      isOriented: true
    )
    let reductions = [1, 2, 4, 8]
    var times = reductions.map { _ in Series() }
    for _ in 0..<rounds {
      for (index, reduction) in reductions.enumerated() {
        let start = clock()
        _ = try decode(reduction).resized(to: size)
        // Of all cores together: what other programs do hardly touches it.
        times[index].seconds.append(Double(clock() - start) / Double(CLOCKS_PER_SEC))
      }
    }
    let reference = try decode(1).resized(to: size, interpolation: .area)
    for (index, reduction) in reductions.enumerated() {
      let image = try decode(reduction).resized(to: size)
      let mark = reduction == chosen ? "  <- chosen for this input" : ""
      print(
        "1/\(reduction): \(fixed(1 / times[index].median, 1)) pictures a CPU second, "
          + "\(fixed(times[0].median / times[index].median, 2)) times full; mean difference from an "
          + "exact average \(fixed(meanDifference(image, reference), 2)) of 255\(mark)"
      )
    }
    try peer(file)
  }

  /// Shapes and texture, so that the picture is neither empty nor noise.
  private func picture() -> Image {
    var image = Image(size: ImageSize(height: height, width: width))
    for y in 0..<height {
      for x in 0..<width {
        let wave = Int(60 * sin(Double(x) / 37) * cos(Double(y) / 53))
        let grain = (x &* 7919 ^ y &* 104_729) % 23
        let block = (x / 211 + y / 173) % 2 * 40
        for channel in 0..<3 {
          let value = 100 + wave + grain + block + channel * 12
          image.pixels[(y * width + x) * 3 + channel] = UInt8(min(max(value, 0), 255))
        }
      }
    }
    return image
  }

  private func meanDifference(_ left: Image, _ right: Image) -> Double {
    let sum = zip(left.pixels, right.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    return Double(sum) / Double(left.pixels.count)
  }

  /// Pillow's time for the same file, in full and in its draft mode.
  private func peer(_ file: URL) throws {
    guard let python = python ?? ProcessInfo.processInfo.environment["OTX_BENCH_PYTHON"] else {
      return
    }
    let script = """
      import statistics, sys, time
      from PIL import Image
      for draft in (False, True):
          times = []
          for _ in range(\(rounds)):
              start = time.process_time()
              image = Image.open(sys.argv[1])
              if draft:
                  image.draft("RGB", (\(2 * input), \(2 * input)))
              image.convert("RGB").resize((\(input), \(input)), Image.BILINEAR)
              times.append(time.process_time() - start)
          print(f"Pillow{' draft' if draft else ''}: {1 / statistics.median(times):.1f} pictures a CPU second")
      """
    let process = Process()
    process.executableURL = URL(filePath: python)
    process.arguments = ["-c", script, file.path]
    try process.run()
    process.waitUntilExit()
  }
}
