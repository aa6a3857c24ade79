import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXImage

/// Opening a dataset of very many pictures: time, memory for each item, the start of an epoch.
struct Indexing: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index",
    abstract: "Opens a dataset of many small pictures, drawn here: seconds, bytes an item, epochs."
  )

  @Option(help: "Pictures.")
  var items = 1_000_000

  func run() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "otx-index-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try draw(in: folder)
    // What changed less than two seconds ago is not remembered.
    Thread.sleep(forTimeInterval: 2.5)
    let cache = PictureHeaderCache(folder: folder.appending(path: "cache"))
    let location = DataLocation.root(folder.appending(path: "data"), format: nil)
    func open(_ name: String) throws -> Dataset {
      Self.trimHeap()
      let before = Self.residentBytes
      let start = ContinuousClock.now
      let dataset = try DatasetReader.read(location, headerCache: cache)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      Self.trimHeap()
      let count = dataset.items.values.reduce(0) { $0 + $1.count }
      let bytes = Double(Self.residentBytes - before) / Double(count)
      print("\(name): \(fixed(seconds, 2)) s for \(count) items, \(fixed(bytes, 0)) bytes an item")
      return dataset
    }
    // The first one finds pages that no item needs; only later ones tell what an item costs.
    do { _ = try open("opened for the first time") }
    let dataset = try open("opened again")
    let module = try DataModule<MultiClassClassification>(
      dataset: dataset,
      preprocessing: Preprocessing(inputSize: ImageSize(height: 32, width: 32)),
      augmentations: [.horizontalFlip()],
      batchSize: 8,
      workerCount: 2
    )
    var starts = Series()
    var firsts = Series()
    for epoch in 0..<5 {
      let start = ContinuousClock.now
      let stream = try module.batches(.train, mode: .training(epoch: epoch))
      starts.seconds.append((ContinuousClock.now - start) / .seconds(1))
      _ = try stream.next()
      firsts.seconds.append((ContinuousClock.now - start) / .seconds(1))
    }
    print(
      "an epoch over \(module.itemCount(.train)) items: ready after \(fixed(starts.median * 1000, 1)) ms, first batch after \(fixed(firsts.median * 1000, 1)) ms"
    )
    let peak = fixed(Double(Self.peakBytes) / Double(1 << 30), 2)
    print("peak memory of the process: \(peak) GiB")
  }

  /// Hard links to a few pictures, a thousand a folder: the file system has a file for each name.
  private func draw(in folder: URL) throws {
    let data = folder.appending(path: "data")
    var sources: [URL] = []
    try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
    for number in 0..<items / 30_000 + 1 {
      let image = Image(size: ImageSize(height: 32, width: 48), red: UInt8(number % 256))
      let file = folder.appending(path: "\(number).jpg")
      try Data(ImageFile.jpeg(image)).write(to: file)
      sources.append(file)
    }
    let start = ContinuousClock.now
    for number in 0..<items {
      let subset = number % 10 == 0 ? "val" : "train"
      let label = data.appending(path: "\(subset)/label_\(number / 1000 % 1000)")
      if number % 1000 < 2 {
        try FileManager.default.createDirectory(at: label, withIntermediateDirectories: true)
      }
      let name = "\(label.path)/picture_\(number).jpg"
      guard link(sources[number % sources.count].path, name) == 0 else {
        throw ValidationError("cannot make \(name): \(String(cString: strerror(errno)))")
      }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    print("\(items) files made in \(fixed(seconds, 1)) s")
  }

  /// Gives freed pages back to the system, so that resident memory is what is in use.
  private static func trimHeap() {
    typealias Trim = @convention(c) (Int) -> Int32
    guard let symbol = dlsym(nil, "malloc_trim") else { return }
    _ = unsafeBitCast(symbol, to: Trim.self)(0)
  }

  private static func status(_ key: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(key + ":") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
  }

  static var residentBytes: Int { status("VmRSS") }
  static var peakBytes: Int { status("VmHWM") }
}
