import Foundation
public import OTXCore
import OTXTensor

extension ParameterGroup {
  /// The parameters in groups of one rate and one weight decay, as `options` ask for.
  ///
  /// - Throws: ``ConfigurationError/invalid(_:)`` for a pattern that no parameter is left for, and
  ///   for a layer decay where no block is found.
  public static func groups(
    of parameters: [(name: String, parameter: Parameter)],
    _ options: OptimizerOptions
  ) throws -> [ParameterGroup] {
    let names = parameters.map(\.name)
    var rates = try layerScales(of: names, decay: options.layerDecay)
    var decays = parameters.map { _, parameter in
      options.decayNormAndBias || parameter.value.rank >= 2 ? 1.0 : 0
    }
    var isTaken = [Bool](repeating: false, count: names.count)
    for group in options.groups {
      let matches = names.indices.filter { !isTaken[$0] && group.matches(names[$0]) }
      guard !matches.isEmpty else { throw unmatched(group.parameters, names) }
      for index in matches {
        isTaken[index] = true
        rates[index] *= group.learningRateScale
        decays[index] *= group.weightDecayScale
      }
    }
    var groups: [ParameterGroup] = []
    for (index, item) in parameters.enumerated() {
      let (rate, decay) = (rates[index], decays[index])
      let place = groups.firstIndex {
        $0.learningRateFactor == rate && $0.weightDecayFactor == decay
      }
      if let place {
        groups[place].parameters.append(item)
      } else {
        groups.append(
          ParameterGroup([item], learningRateFactor: rate, weightDecayFactor: decay)
        )
      }
    }
    return groups
  }

  private static func unmatched(_ pattern: String, _ names: [String]) -> ConfigurationError {
    var patterns: [String] = []
    for name in names {
      let parts = name.split(separator: ".")
      for length in 1..<max(parts.count, 2) {
        let start = parts.prefix(length).joined(separator: ".") + ".*"
        if !patterns.contains(start) { patterns.append(start) }
      }
    }
    let hint = Suggestion.phrase(for: pattern, among: patterns + names)
    let shown = patterns.filter { $0.split(separator: ".").count == 2 }
    return .invalid(
      "optimizer.groups: no parameter is left for the pattern '\(pattern)'\(hint); "
        + "there are \(shown.prefix(8).joined(separator: ", "))\(shown.count > 8 ? ", …" : "")"
    )
  }

  /// What each parameter's rate is multiplied by so that layers learn the slower the further they
  /// stand from the head (Clark et al., ELECTRA, 2020).
  ///
  /// The blocks of the backbone, or of a network that has none, are what is numbered in its names
  /// (`blocks.3`, `layer1.0`, `features.5`), in order. What stands before the first is its stem,
  /// what comes after the last belongs to the head, whose scale is 1.
  static func layerScales(of names: [String], decay: Double) throws -> [Double] {
    guard decay != 1 else { return names.map { _ in 1 } }
    let hasBackbone = NetworkParts.hasBackbone(names)
    var blocks: [String: Int] = [:]
    /// The number of the block, from 1; 0 for the stem; `nil` for the head.
    var depths: [Int?] = []
    /// Parameters between blocks, or after the last.
    var loose: [Int] = []
    for name in names {
      let parts = name.split(separator: ".").map(String.init).dropFirst(hasBackbone ? 1 : 0)
      guard !NetworkParts.isHead(name, hasBackbone: hasBackbone) else {
        depths.append(nil)
        continue
      }
      if let number = parts.firstIndex(where: { Int($0) != nil }) {
        let block = parts[...number].joined(separator: ".")
        let depth = blocks[block] ?? blocks.count + 1
        blocks[block] = depth
        depths.append(depth)
      } else {
        loose.append(depths.count)
        depths.append(blocks.count)
      }
    }
    guard !blocks.isEmpty else {
      throw ConfigurationError.invalid(
        "optimizer.layerDecay is \(decay), but the model has no numbered blocks that it could "
          + "tell apart; set it to 1, or give optimizer.groups"
      )
    }
    for index in loose where depths[index] == blocks.count { depths[index] = nil }
    return depths.map { $0.map { pow(decay, Double(blocks.count + 1 - $0)) } ?? 1 }
  }
}
