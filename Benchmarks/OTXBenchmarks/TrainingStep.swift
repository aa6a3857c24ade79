import ArgumentParser
import Foundation
import OTXCore
import OTXModels
import OTXTensor

/// Ours and PyTorch's training step, alternately.
struct TrainingStep: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "training-step",
    abstract: "The time of one training step, ours and a plain PyTorch loop's."
  )

  @Option(help: "A model of the zoo that the peer has too.")
  var model = "resnet18"
  @Option(help: "fp32 or bf16.")
  var precision = "fp32"
  @Option(help: "Pictures a step; 32, for detectors 2.")
  var batchSize: Int?
  @Option(help: "Height and width; 224 by 224, for detectors their default input.")
  var height: Int?
  @Option(help: "See height.")
  var width: Int?
  @Option(help: "Compute threads of each side.")
  var threads = 2
  @Option(help: "Turns of each side.")
  var rounds = 6
  @Option(help: "Steps a turn.")
  var steps = 3
  @Option(help: "First steps of each side that do not count.")
  var warmup = 3
  @Option(help: "The peer's heap: stock, keep, or an allocator library to preload.")
  var peerHeap = "keep"
  @Option(help: "A Python with torch and torchvision; OTX_BENCH_PYTHON unless given.")
  var python: String?
  @Flag(help: "Both sides keep tensors in row-major order.")
  var contiguous = false
  @Flag(help: "Ours with deterministic algorithms, as `otx train` sets them.")
  var deterministic = false
  @Flag(help: "Only ours.")
  var alone = false
  @Flag(help: "One JSON object instead of the lines for people.")
  var json = false
  @Flag(help: "Also how the time of our step divides; for detectors.")
  var parts = false
  @Flag(help: "Also what kinds of operators our step spends its time on.")
  var profile = false

  func run() throws {
    let detectorSize = Workload.detectorSize(model)
    let isDetector = detectorSize != nil
    // Before libtorch is loaded, which shortens the waiting of OpenMP's threads in this process.
    let environment = ProcessInfo.processInfo.environment
    let options = Workload.Options(
      model: model,
      precision: precision,
      batchSize: batchSize ?? (isDetector ? 2 : 32),
      height: height ?? detectorSize?.height ?? 224,
      width: width ?? detectorSize?.width ?? 224,
      threads: threads,
      channelsLast: !contiguous
    )
    let ours = try Workload(options)
    try Torch.setDeterminism(deterministic ? .on : .off)
    _ = try ours.steps(warmup)
    let peer = alone ? nil : try startPeer(options, environment)
    defer { peer?.stop() }
    _ = try peer?.steps(warmup)

    var (mine, theirs) = (Figures(), Figures())
    for _ in 0..<rounds {
      let turn = try ours.steps(steps)
      mine.add(turn.seconds, turn.cpuSeconds, turn.loss)
      if let answer = try peer?.steps(steps) {
        theirs.add(answer.seconds, answer.cpuSeconds, answer.loss)
        theirs.peakMemoryBytes = answer.peakMemoryBytes
      }
    }
    mine.peakMemoryBytes = peakResidentBytes()
    let profiled = profile ? try profiled(ours) : nil
    if json { return try printJSON(options, mine, theirs, profiled) }
    report(options, mine, theirs)
    if let profiled {
      print("ours: \(profiled.text(withRates: true)); \(fixed(profiled.bytes / 1e9, 2)) GB a step")
    }
    if parts { try reportParts(of: ours) }
  }

  /// What part of our time each kind of operators takes, and what it moves.
  private func profiled(_ ours: Workload) throws -> StepProfile {
    var seconds = 0.0
    let times = try OperatorTime.measured {
      seconds = try ours.steps(steps).seconds.reduce(0, +)
    }
    return StepProfile(of: times, seconds: seconds, steps: steps)
  }

  /// The parts of our step, each the median of all rounds' steps.
  private func reportParts(of ours: Workload) throws {
    var series: [String: Series] = [:]
    var names: [String] = []
    for _ in 0..<(rounds * steps) {
      for (name, seconds) in try ours.parts() {
        if series[name] == nil { names.append(name) }
        series[name, default: Series()].seconds.append(seconds)
      }
    }
    let total = series.values.reduce(0) { $0 + $1.median }
    for name in names {
      let median = series[name]?.median ?? .nan
      print("  \(name): \(fixed(median * 1000, 1)) ms, \(fixed(100 * median / total, 1)) %")
    }
  }

  private func startPeer(
    _ options: Workload.Options,
    _ environment: [String: String]
  ) throws -> Peer {
    let script = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "training_step.py").path
    var arguments = [
      "--model", model, "--precision", precision, "--batch-size", "\(options.batchSize)",
      "--height", "\(options.height)", "--width", "\(options.width)", "--threads", "\(threads)",
    ]
    if contiguous { arguments.append("--contiguous") }
    return try Peer(
      python: python ?? environment["OTX_BENCH_PYTHON"] ?? "python3",
      script: script,
      arguments: arguments,
      environment: environment,
      heap: Peer.Heap(peerHeap)
    )
  }

  private func printJSON(
    _ options: Workload.Options,
    _ mine: Figures,
    _ theirs: Figures,
    _ profile: StepProfile?
  ) throws {
    let result = StepComparison(
      model: model,
      precision: precision,
      batchSize: options.batchSize,
      milliseconds: mine.time.median * 1000,
      peerMilliseconds: theirs.time.median * 1000,
      cpuMilliseconds: mine.cpu.median * 1000,
      peerCPUMilliseconds: theirs.cpu.median * 1000,
      peakMemoryBytes: mine.peakMemoryBytes,
      peerPeakMemoryBytes: theirs.peakMemoryBytes,
      profile: profile
    )
    print(String(decoding: try JSONEncoder().encode(result), as: UTF8.self))
  }

  private func report(_ options: Workload.Options, _ mine: Figures, _ theirs: Figures) {
    func line(_ name: String, _ figures: Figures) {
      let time = figures.time
      let rate = fixed(Double(options.batchSize) / time.median, 1)
      print(
        "\(name) \(fixed(time.median * 1000, 1)) ms ± \(fixed(time.spread * 1000, 1))  "
          + "\(rate) img/s  CPU \(fixed(figures.cpu.median * 1000, 1)) ms  "
          + "peak \(figures.peakMemoryBytes >> 20) MiB  loss \(fixed(figures.loss, 4))"
      )
    }
    print(
      "\(model) \(precision) batch \(options.batchSize) \(options.height)x\(options.width) "
        + "\(contiguous ? "contiguous" : "channels-last"), \(threads) threads, "
        + "\(mine.time.seconds.count) steps each, peer's heap: \(peerHeap)"
        + (deterministic ? ", ours deterministic" : "")
    )
    line("ours   ", mine)
    guard !theirs.time.seconds.isEmpty else { return }
    line("PyTorch", theirs)
    print(
      "ours to PyTorch's, ratio of the medians: \(fixed(mine.time.median / theirs.time.median, 3))"
        + "  (CPU time: \(fixed(mine.cpu.median / theirs.cpu.median, 3)))"
    )
  }

  /// The most memory this process ever held.
  private func peakResidentBytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
      let digits = line.filter(\.isNumber)
      return (Int(digits) ?? 0) << 10
    }
    return 0
  }
}
