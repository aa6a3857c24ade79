import ArgumentParser
import Foundation
import OTXCore
import OTXData

/// Opening a COCO annotation file, as `coco_index.py` compares it with others.
struct COCOIndex: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coco-index",
    abstract: "Seconds and peak memory of reading a COCO annotation file, as a line of JSON."
  )

  @Argument(help: "The annotation file; its pictures are not looked at.")
  var file: String

  func run() throws {
    let clock = ContinuousClock()
    let start = clock.now
    let reading = try COCOFormat().read(.root(URL(filePath: file), format: "coco"))
    let seconds = (clock.now - start) / .seconds(1)
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let count = reading.items.values.joined().reduce(0) { $0 + $1.annotations.count }
    print(
      "{\"seconds\": \(seconds), \"peakMemoryBytes\": \(usage.ru_maxrss * 1024), \"count\": \(count)}"
    )
  }
}
