import ArgumentParser
import Foundation
import OTXCore
import OTXModels
import OTXTensor

/// The best that either side can do for a network, whatever precision and memory order that takes.
struct BestSteps: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "best-steps",
    abstract: "Training steps, ours and a plain PyTorch loop's, each at its best setting.",
    discussion: """
      Ours: the quicker of fp32 and bf16. PyTorch's: the quickest of fp32 and bf16, channels-last and \
      row-major, with a heap that keeps its pages. Each setting is a run of 'training-step' in a \
      process of its own, in which both sides take turns.
      """
  )

  @ArgumentParser.Argument(help: "Models.")
  var models = [
    "mobilenet_v3_large", "mobilenet_v2", "efficientnet_b0", "ssd_mobilenetv2", "atss_mobilenetv2",
    "yolox_tiny",
    "resnet18", "resnet50", "vit_tiny",
  ]
  @Option(help: "Pictures a step of a classifier.")
  var batchSize = 32
  @OptionGroup var turns: StepTurns

  /// Time and memory of one side in one setting.
  private struct Figure {
    var setting: String
    var milliseconds: Double
    var cpuMilliseconds: Double
    var peakMemoryBytes: Int
    var profile: StepProfile?
  }

  func run() throws {
    let rates = try Dictionary(
      uniqueKeysWithValues: [DType.float32, .bfloat16].map { ($0, try matrixRate($0)) }
    )
    let bandwidth = try copyRate()
    print(
      "Matrix products of 2048x2048: fp32 \(fixed(rates[.float32] ?? 0, 0)), "
        + "bf16 \(fixed(rates[.bfloat16] ?? 0, 0)) GFLOP/s. "
        + "Copies of 256 MiB: \(fixed(bandwidth / 1e9, 1)) GB/s, read and written"
    )
    print(
      "| model | batch | ours | PyTorch | faster by | CPU time | memory | of the matrix rate | of the bandwidth | where our time goes |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    var failed: [String] = []
    for model in models {
      do {
        try row(model, rates, bandwidth)
      } catch {
        failed.append("\(model): \(error)")
        print("| \(model) | | failed | | | | | | | |")
      }
      fflush(nil)
    }
    guard failed.isEmpty else {
      throw ValidationError("not measured:\n" + failed.joined(separator: "\n"))
    }
  }

  private func row(_ model: String, _ rates: [DType: Double], _ bandwidth: Double) throws {
    let batch = Workload.detectorSize(model) == nil ? batchSize : 2
    var (mine, theirs): ([Figure], [Figure]) = ([], [])
    for (precision, isContiguous) in [
      ("fp32", false), ("bf16", false), ("fp32", true), ("bf16", true),
    ] {
      let row = try compare(model, precision, batch, isContiguous)
      let order = isContiguous ? "row-major" : "channels-last"
      theirs.append(
        Figure(
          setting: "\(precision), \(order)",
          milliseconds: row.peerMilliseconds,
          cpuMilliseconds: row.peerCPUMilliseconds,
          peakMemoryBytes: row.peerPeakMemoryBytes
        )
      )
      guard !isContiguous else { continue }
      mine.append(
        Figure(
          setting: precision,
          milliseconds: row.milliseconds,
          cpuMilliseconds: row.cpuMilliseconds,
          peakMemoryBytes: row.peakMemoryBytes,
          profile: row.profile
        )
      )
    }
    report(model, batch, mine, theirs, rates, bandwidth)
  }

  private func report(
    _ model: String,
    _ batch: Int,
    _ mine: [Figure],
    _ theirs: [Figure],
    _ rates: [DType: Double],
    _ bandwidth: Double
  ) {
    func best(_ figures: [Figure]) -> Figure? {
      figures.min { $0.milliseconds < $1.milliseconds }
    }
    guard let ours = best(mine), let peer = best(theirs) else { return }
    let memory = Double(ours.peakMemoryBytes) / Double(max(peer.peakMemoryBytes, 1))
    // Forward, gradient of the input, gradient of the weight: three times the multiply-adds.
    let descriptor = ModelZoo.backbones.map(\.descriptor).first { $0.name == model }
    let share = descriptor.map { descriptor -> String in
      let work = 6 * descriptor.gigaMultiplyAdds * Double(batch)
      let rate = rates[ours.setting == "bf16" ? .bfloat16 : .float32] ?? .nan
      return "\(fixed(100 * work / (ours.milliseconds / 1000) / rate, 0)) %"
    }
    let moved = ours.profile.map {
      "\(fixed(100 * $0.bytes / (ours.milliseconds / 1000) / bandwidth, 0)) %"
    }
    print(
      "| \(model) | \(batch) | \(fixed(ours.milliseconds, 0)) ms (\(ours.setting)) | "
        + "\(fixed(peer.milliseconds, 0)) ms (\(peer.setting)) | "
        + "\(fixed(peer.milliseconds / ours.milliseconds, 2)) | "
        + "\(fixed(peer.cpuMilliseconds / ours.cpuMilliseconds, 2)) | \(fixed(memory, 2)) | "
        + "\(share ?? "") | \(moved ?? "") | \(ours.profile?.text() ?? "") |"
    )
  }

  private func compare(
    _ model: String,
    _ precision: String,
    _ batch: Int,
    _ isContiguous: Bool
  ) throws -> StepComparison {
    try StepComparison.measured(
      [
        "--model", model, "--precision", precision, "--batch-size", "\(batch)",
      ] + turns.arguments + (isContiguous ? ["--contiguous"] : ["--profile"])
    )
  }

  /// The best of some copies of a tensor larger than caches: bytes read and written, a second.
  private func copyRate() throws -> Double {
    let from = try Tensor.ones([64 << 20])
    let to = try Tensor.zeros([64 << 20])
    return 2 * 4 * Double(64 << 20) / (try bestSeconds { try to.copy_(from) })
  }

  /// The best of some products of square matrices, in 10⁹ operations a second.
  private func matrixRate(_ dtype: DType) throws -> Double {
    let side = 2048
    let matrix = try Tensor.ones([side, side]).to(dtype)
    let best = try bestSeconds { _ = try matrix.matmul(matrix) }
    return 2 * Double(side * side) * Double(side) / best / 1e9
  }

  private func bestSeconds(_ body: () throws -> Void) throws -> Double {
    var best = Double.infinity
    for _ in 0..<6 {
      let elapsed = try ContinuousClock().measure(body)
      best = min(best, elapsed / .seconds(1))
    }
    return best
  }
}
