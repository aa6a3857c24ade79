/// A recorded network and the shapes that its tensors had.
package struct ShapedGraph: Sendable {
  package var graph: OperatorGraph
  /// Of the inputs and of every tensor that depends on one, with the batch that was recorded.
  package var shapes: [OperatorGraph.ValueID: [Int]]

  package init(graph: OperatorGraph, shapes: [OperatorGraph.ValueID: [Int]]) {
    (self.graph, self.shapes) = (graph, shapes)
  }
}

/// Which channels of which weights belong together: what may be taken out of a network, and what goes
/// with it.
///
/// A filter of a convolution makes a channel; normalisation, activations and pooling keep it; a sum joins
/// the channels of both sides, whatever reads it takes a slice of its own weights (the dependency graph
/// of Fang et al., DepGraph, CVPR 2023, at the level of single channels). What is not understood keeps
/// the channels that touch it.
package struct ChannelDependencies: Sendable {
  /// A weight or a running statistic.
  package struct Parameter: Sendable {
    package var name: String
    package var values: ArrayBuffer
    /// Multiplications for one picture are this times the product of the first two extents.
    package var positions = 0.0
    /// The axis of the filters, where the weight makes channels.
    package var filterAxis: Int?
    /// Whether each filter sees its own channel alone.
    package var isDepthwise = false
    /// Scale and shift of the batch normalisation right after it.
    package var normalization: (scale: Int, shift: Int)?
    package var shape: [Int] { values.shape }
  }

  /// One slice of one weight.
  package struct Place: Sendable, Hashable {
    /// Index into ``parameters``.
    package var parameter: Int
    package var axis: Int
    package var index: Int
  }

  /// What goes when one channel goes.
  package struct Channel: Sendable {
    package var places: [Place]
  }

  /// Channels of layers that have as many of them as each other.
  package struct Group: Sendable {
    /// The weights whose filters make them.
    package var layers: [String]
    package var channels: [Channel]
  }

  /// What keeps channels, and how many.
  package struct Obstacle: Sendable, Equatable {
    package var reason: String
    package var channelCount: Int

    package init(reason: String, channelCount: Int) {
      (self.reason, self.channelCount) = (reason, channelCount)
    }
  }

  package internal(set) var parameters: [Parameter] = []
  package internal(set) var groups: [Group] = []
  /// Those that keep most channels first.
  package internal(set) var obstacles: [Obstacle] = []
  /// Multiplications between activations, for one picture.
  package internal(set) var fixedMultiplications = 0.0

  /// - Parameter recording: In evaluation mode, as exporters want it.
  package init(_ recording: ShapedGraph) {
    var tracer = ChannelTracer(recording)
    tracer.trace()
    self = tracer.dependencies()
  }

  init() {}

  /// Multiplications of convolutions and matrix products for one picture, as `otx benchmark` counts
  /// them.
  package var multiplicationCount: Double {
    multiplications(extents: parameters.map(\.shape))
  }

  /// As ``multiplicationCount``, with other extents of the weights.
  package func multiplications(extents: [[Int]]) -> Double {
    var sum = fixedMultiplications
    for (parameter, extents) in zip(parameters, extents) where parameter.positions > 0 {
      sum += parameter.positions * Double(extents[0] * extents[1])
    }
    return sum
  }

  /// Why nothing can be taken out of the network, in words.
  package var obstacleText: String {
    obstacles.prefix(3).map { "\($0.reason) (\($0.channelCount) channels)" }
      .joined(separator: ", ")
  }
}
