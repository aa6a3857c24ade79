import ArgumentParser
import Foundation
import OTXCore
import OTXModels

/// One model's step, ours and the peer's.
struct StepComparison: Codable {
  var model: String
  var precision: String
  var batchSize: Int
  var milliseconds: Double
  var peerMilliseconds: Double
  var cpuMilliseconds: Double
  var peerCPUMilliseconds: Double
  var peakMemoryBytes: Int
  var peerPeakMemoryBytes: Int
  /// What part of our time each kind of operators takes, where that was asked for.
  var profile: StepProfile?

  var ratio: Double { milliseconds / peerMilliseconds }
  var cpuRatio: Double { cpuMilliseconds / peerCPUMilliseconds }

  /// What 'training-step' with these arguments prints, from a process of its own.
  static func measured(_ arguments: [String]) throws -> StepComparison {
    let process = Process()
    process.executableURL = URL(filePath: CommandLine.arguments[0])
    process.arguments = ["training-step", "--json"] + arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0, let last = text.split(separator: 10).last else {
      throw ValidationError(String(decoding: said.suffix(400), as: UTF8.self))
    }
    return try JSONDecoder().decode(StepComparison.self, from: last)
  }
}

/// How often and how the sides of a comparison take turns, for each of its 'training-step' runs.
struct StepTurns: ParsableArguments {
  @Option(help: "Turns of each side.")
  var rounds = 3
  @Option(help: "Steps a turn.")
  var steps = 2
  @Option(help: "First steps of each side that do not count.")
  var warmup = 2
  @Option(help: "The peer's heap: stock, keep, or an allocator library to preload.")
  var peerHeap = "keep"

  var arguments: [String] {
    [
      "--rounds", "\(rounds)", "--steps", "\(steps)", "--warmup", "\(warmup)", "--peer-heap",
      peerHeap,
    ]
  }
}

/// The table of training steps, every backbone that is a classifier.
struct TrainingSteps: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "training-steps",
    abstract: "A table of training steps, ours to a plain PyTorch loop's, for many models.",
    discussion: "Each row is a run of 'training-step' in a process of its own."
  )

  @Argument(help: "Models; every backbone with a classifier unless given.")
  var models: [String] = []
  @Option(help: "fp32, bf16, or both with a comma.")
  var precisions = "fp32,bf16"
  @OptionGroup var turns: StepTurns
  @Option(help: "Multiply-adds of a batch, in 10⁹: the batch is made of so many pictures.")
  var work = 6.0

  func run() throws {
    let entries = ModelZoo.backbones.map(\.descriptor).filter {
      models.isEmpty ? $0.hasClassifier : models.contains($0.name)
    }
    print("| model | precision | batch | ours, ms | PyTorch, ms | ratio | CPU time | peak memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    var failed: [String] = []
    for entry in entries {
      let side = entry.preprocessing.inputSize
      // As many pictures as make up the work, at 224 where the network takes any size.
      let isFree = entry.hasDynamicSize
      let size = isFree ? (224, 224) : (side.height, side.width)
      let scale = Double(size.0 * size.1) / Double(side.height * side.width)
      let cost = max(entry.gigaMultiplyAdds * scale, 0.01)
      let batch = min(32, max(2, Int((work / cost).rounded())))
      for precision in precisions.split(separator: ",") {
        do {
          let row = try compare(entry.name, String(precision), batch, size)
          print(
            "| \(row.model) | \(row.precision) | \(row.batchSize) | "
              + "\(fixed(row.milliseconds, 1)) | \(fixed(row.peerMilliseconds, 1)) | "
              + "\(fixed(row.ratio, 2)) | \(fixed(row.cpuRatio, 2)) | "
              + "\(row.peakMemoryBytes >> 20) / \(row.peerPeakMemoryBytes >> 20) MiB |"
          )
        } catch {
          failed.append("\(entry.name) \(precision): \(error)")
          print("| \(entry.name) | \(precision) | \(batch) | failed | | | | |")
        }
        fflush(nil)
      }
    }
    guard failed.isEmpty else {
      throw ValidationError("not measured:\n" + failed.joined(separator: "\n"))
    }
  }

  private func compare(
    _ model: String,
    _ precision: String,
    _ batch: Int,
    _ size: (height: Int, width: Int)
  ) throws -> StepComparison {
    try StepComparison.measured(
      [
        "--model", model, "--precision", precision, "--batch-size", "\(batch)", "--height",
        "\(size.height)", "--width", "\(size.width)",
      ] + turns.arguments
    )
  }
}
