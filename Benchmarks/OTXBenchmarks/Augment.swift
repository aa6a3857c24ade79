import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXImage

/// How many training pictures a second the loader makes, step by step of the augmentation.
struct Augment: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "augment",
    abstract: "Training pictures a second, with each step of the augmentation added in turn."
  )

  @Option(help: "A dataset with boxes; one is drawn unless given.")
  var data: String?
  @Option(help: "Steps as JSON, for example '[\"mosaic\", {\"mixUp\": {\"probability\": 0.5}}]'.")
  var steps = #"["mosaic", "randomAffine", "mixUp", "hsvJitter", "horizontalFlip"]"#
  @Option(help: "Height and width of the network's input.")
  var size = "416x416"
  @Option(help: "Threads that decode and augment.")
  var workers = 2
  @Option(help: "Seconds for each row.")
  var seconds = 5.0
  @Option(help: "A folder for pictures with their boxes, instead of measuring.")
  var pictures: String?
  @Option(help: "How many pictures.")
  var count = 12

  func run() throws {
    let steps = try JSONDecoder().decode([Augmentation].self, from: Data(steps.utf8))
    let dataset =
      try data.map { try DatasetReader.read(.root(URL(filePath: $0), format: nil)) }
      ?? SampleDataset(counts: [.train: 64], size: ImageSize(height: 480, width: 640)).detection()
    if let pictures {
      try draw(try module(dataset, steps), into: URL(filePath: pictures))
      return
    }
    for length in 0...steps.count {
      let added = length == 0 ? "decode and resize" : "+ \(steps[length - 1].name)"
      let rate = try rate(of: try module(dataset, Array(steps[..<length])))
      print("\(added): \(Int(rate)) pictures/s")
    }
  }

  private func module(
    _ dataset: Dataset,
    _ steps: [Augmentation]
  ) throws -> DataModule<Detection> {
    guard let inputSize = ImageSize(size) else {
      throw ValidationError("'\(size)' is not a size; write HEIGHTxWIDTH")
    }
    return try DataModule(
      dataset: dataset,
      preprocessing: Preprocessing(inputSize: inputSize, resize: .fitToWindow, padValue: 114),
      augmentations: steps,
      batchSize: 8,
      workerCount: workers
    )
  }

  private func rate(of module: DataModule<Detection>) throws -> Double {
    var (done, epoch) = (0, 0)
    let start = ContinuousClock.now
    var elapsed = 0.0
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

  private func draw(_ module: DataModule<Detection>, into folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let stream = try module.batches(.train, mode: .training(epoch: 0))
    var number = 0
    while number < count, let batch = try stream.next() {
      let byteCount = batch.images.pixels.count / batch.count
      for (index, entity) in batch.entities.enumerated() where number < count {
        let pixels = batch.images.pixels[index * byteCount..<(index + 1) * byteCount]
        let marks = entity.objects.map {
          OverlayMark.box($0.box, caption: module.labels.name($0.label), colorIndex: $0.label)
        }
        let image = try OverlayRenderer.draw(
          marks,
          on: Image(size: batch.images.size, pixels: Array(pixels))
        )
        let file = folder.appending(path: "\(number).png")
        try Data(ImageFile.png(image)).write(to: file)
        number += 1
      }
    }
  }
}
