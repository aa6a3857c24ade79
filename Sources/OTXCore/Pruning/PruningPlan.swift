/// How much is taken out of a network, and by what it is chosen.
package struct PruningOptions: Sendable {
  /// The part of the multiplications that is to go.
  package var share: Double
  /// By what channels are judged.
  ///
  /// Tried once each on crops of blood cells, accuracy after an epoch of training, with 30 % and with 50 %
  /// gone. ResNet-18: contribution 0.994 and 0.994, magnitude 0.940 and 0.982, energy 0.982 and 0.957.
  /// MobileNetV3-Large: 0.994 and 0.996, 0.995 and 0.989, 0.996 and 0.991; there one run says little.
  package var criterion = ChannelCriterion.contribution
  /// Layers keep multiples of it: vectors of whole numbers run full.
  package var multiple = 8
  /// The least part of its channels that a layer keeps.
  package var leastShare = 0.125

  package init(share: Double) { self.share = share }
}

/// The channels that leave a network.
package struct PruningPlan: Sendable {
  /// Indices that go, by weight and axis.
  package var removed: [String: [Int: Set<Int>]] = [:]
  package var multiplicationsBefore = 0.0
  package var multiplicationsAfter = 0.0

  /// The part of the multiplications that goes.
  package var share: Double {
    multiplicationsBefore > 0 ? 1 - multiplicationsAfter / multiplicationsBefore : 0
  }

  package init() {}

  /// Takes out `channels` and nothing else.
  package init(removing channels: [ChannelDependencies.Channel], of network: ChannelDependencies) {
    var extents = network.parameters.map(\.shape)
    multiplicationsBefore = network.multiplicationCount
    for place in channels.lazy.flatMap(\.places) {
      let name = network.parameters[place.parameter].name
      let isNew = removed[name, default: [:]][place.axis, default: []].insert(place.index).inserted
      if isNew { extents[place.parameter][place.axis] -= 1 }
    }
    multiplicationsAfter = network.multiplications(extents: extents)
  }

  /// Chooses the channels that say least for what they cost.
  ///
  /// Channels go in packs, each time those whose loss is smallest for the multiplications that they save. The
  /// loss is the logarithm of what is left of a layer, so that no layer is emptied for the others'
  /// sake.
  ///
  /// - Throws: ``ModelError/cannotPrune(_:)`` where the share cannot be reached, saying how far one gets.
  package init(_ network: ChannelDependencies, _ options: PruningOptions) throws {
    var chooser = ChannelChooser(network, options)
    let chosen = chooser.choose()
    self.init(removing: chosen, of: network)
    guard !chosen.isEmpty else {
      let why = network.obstacleText
      throw ModelError.cannotPrune(
        "no filter of the network can be taken away"
          + (why.isEmpty
            ? ": it has no layers of more than \(options.multiple)" : "; what keeps them: \(why)")
      )
    }
    // A hair's breadth is the packs' doing.
    guard share >= options.share - 0.005 else {
      let why = network.obstacleText
      throw ModelError.cannotPrune(
        "at most \(PruningPlan.percent(share)) of the multiplications can be taken away, not \(PruningPlan.percent(options.share))"
          + (why.isEmpty ? "" : "; what keeps the others: \(why)")
      )
    }
  }

  private static func percent(_ share: Double) -> String {
    let tenths = Int((share * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }
}
