import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXImage

/// Training pictures a second of the loader, beside a plain C++ loop and a torch DataLoader.
struct Loading: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "loader",
    abstract: "Training pictures a second: ours, a C++ loop over OpenCV, a torch DataLoader."
  )

  @Option(help: "Pictures that are drawn, 640 x 480 pixels.")
  var count = 200
  @Option(help: "Side of the network's input.")
  var side = 416
  @Option(help: "Threads, and the peers' threads or processes.")
  var workers = 2
  @Option(help: "Seconds of each turn.")
  var seconds = 4.0
  @Option(help: "Turns of each; they alternate.")
  var rounds = 3
  @Option(help: "A Python with torch and torchvision; OTX_BENCH_PYTHON unless given, none: no row.")
  var python: String?

  func run() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "otx-loader-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let pictures = folder.appending(path: "train")
    try FileManager.default.createDirectory(at: pictures, withIntermediateDirectories: true)
    let dataset = try drawn(in: pictures)
    let cpp = try builtPeer(in: folder)
    let python = python ?? ProcessInfo.processInfo.environment["OTX_BENCH_PYTHON"]
    print(
      "\(count) JPEG files of 480x640 to \(side)x\(side), \(workers) workers, pictures a second"
    )
    for mode in ["plain", "mosaic"] {
      var (ours, cached, loop, torch) = (Series(), Series(), Series(), Series())
      for _ in 0..<rounds {
        ours.seconds.append(try rate(dataset, mode, cache: 0))
        loop.seconds.append(try peer([cpp.path], pictures, mode))
        cached.seconds.append(try rate(dataset, mode, cache: 1 << 30))
        if let python {
          let script = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "loader_peer.py")
          torch.seconds.append(try peer([python, script.path], pictures, mode))
        }
      }
      print("\(mode):")
      print("  ours               \(fixed(ours.median, 0))")
      print("  ours, cache warm   \(fixed(cached.median, 0))")
      print(
        "  C++ loop           \(fixed(loop.median, 0))  ours is \(fixed(ours.median / loop.median, 2)) of it"
      )
      guard !torch.seconds.isEmpty else { continue }
      print(
        "  torch DataLoader   \(fixed(torch.median, 0))  ours is \(fixed(ours.median / torch.median, 2)) times it"
      )
    }
  }

  /// Photograph-like pictures: shapes over a gradient with fine texture.
  private func drawn(in folder: URL) throws -> Dataset {
    let sample = SampleDataset(counts: [.train: count], size: ImageSize(height: 480, width: 640))
    var dataset = try sample.detection()
    var generator = CounterGenerator(seed: 1, 2)
    dataset.items[.train] = try dataset.items[.train]?.enumerated().map { index, item in
      var image = try item.picture()
      for position in image.pixels.indices {
        let noise = Int(generator.next() & 31) - 16
        image.pixels[position] = UInt8(clamping: Int(image.pixels[position]) + noise)
      }
      let file = folder.appending(path: "\(index).jpg")
      try Data(ImageFile.jpeg(image, quality: 90)).write(to: file)
      var item = item
      item.image = .file(file)
      item.size = image.size
      return item
    }
    return dataset
  }

  private func rate(_ dataset: Dataset, _ mode: String, cache: Int) throws -> Double {
    let steps: [Augmentation] =
      mode == "plain"
      ? [.horizontalFlip()]
      : try JSONDecoder().decode(
        [Augmentation].self,
        from: Data(#"["mosaic", "randomAffine", "horizontalFlip"]"#.utf8)
      )
    let module = try DataModule<Detection>(
      dataset: dataset,
      preprocessing: Preprocessing(
        inputSize: ImageSize(height: side, width: side),
        resize: mode == "plain" ? .standard : .fitToWindow,
        padValue: 114
      ),
      augmentations: steps,
      batchSize: 8,
      workerCount: workers,
      cache: cache > 0 ? PictureCache(byteLimit: cache) : nil
    )
    // The first epoch fills the cache and does not count.
    if cache > 0 {
      let stream = try module.batches(.train, mode: .training(epoch: 0))
      while try stream.next() != nil {}
    }
    var (done, epoch, elapsed) = (0, 1, 0.0)
    let start = ContinuousClock.now
    while elapsed < seconds {
      let stream = try module.batches(.train, mode: .training(epoch: epoch))
      epoch += 1
      while elapsed < seconds, let batch = try stream.next() {
        done += batch.count
        elapsed = (ContinuousClock.now - start) / .seconds(1)
      }
    }
    return Double(done) / elapsed
  }

  private func builtPeer(in folder: URL) throws -> URL {
    let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "loader_peer.cpp")
    let program = folder.appending(path: "loader_peer")
    _ = try output([
      "c++", "-O3", "-march=native", "-std=c++17", source.path, "-I/usr/include/opencv4",
      "-lturbojpeg", "-lopencv_core", "-lopencv_imgproc", "-lpthread", "-o", program.path,
    ])
    return program
  }

  private func peer(_ command: [String], _ pictures: URL, _ mode: String) throws -> Double {
    let text = try output(command + [pictures.path, mode, "\(side)", "\(workers)", "\(seconds)"])
    guard let rate = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw ValidationError("\(command.joined(separator: " ")) printed '\(text)'")
    }
    return rate
  }

  private func output(_ command: [String]) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw ValidationError("\(command[0]) ended with \(process.terminationStatus)")
    }
    return String(decoding: data, as: UTF8.self)
  }
}
