import OTXCore
import OTXModels
import OTXNN
import OTXTensor

/// Finds out whose weights a file holds, for the message when they are not those that were wanted.
enum ZooLookup {
  /// Networks that are built to look, those of nearest size first: each takes its time and memory.
  private static let largestCount = 8
  /// The share of a backbone's weights that must be in the file.
  private static let leastShare = 0.9

  /// The backbone of the zoo whose weights these are, by name and shape; `nil` for none.
  static func backbone(of file: StateDictionary) -> String? {
    let count = file.reduce(0) { $0 + $1.value.elementCount }
    func distance(_ entry: BackboneEntry) -> Int { abs(entry.descriptor.parameterCount - count) }
    let nearest = ModelZoo.backbones.sorted { distance($0) < distance($1) }.prefix(largestCount)
    for entry in nearest {
      guard let network = try? ModelZoo.makeBackbone(entry.name) else { continue }
      let own = network.stateDictionary().filter { !$0.value.shape.isEmpty }
      let shapes = Dictionary(own.map { ($0.name, $0.value.shape) }) { first, _ in first }
      let matching = WeightMatching(file, with: shapes)
      if Double(matching.matchCount) >= leastShare * Double(own.count) { return entry.name }
    }
    return nil
  }
}
