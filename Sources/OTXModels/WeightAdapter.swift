public import OTXTensor

/// How a published weight of another shape becomes a network's own.
///
/// The one place where weights are changed on their way into a network: everything else is copied as
/// it is, or left out. A family whose weights depend on the size of its pictures (a vision
/// transformer's position embedding) adds a value here and one line to ``all``.
public struct WeightAdapter: Sendable {
  /// What is done, for people: `position embedding resampled`.
  public let title: String
  /// Gives the weight at the shape that the network wants, or `nil` where it is not meant for this.
  ///
  /// Asked only where the shapes differ. `name` is the network's own, with `backbone.` before it
  /// under a detector.
  public let adapt: @Sendable (_ name: String, _ value: Tensor, _ shape: [Int]) throws -> Tensor?

  public init(
    _ title: String,
    adapt: @escaping @Sendable (_ name: String, _ value: Tensor, _ shape: [Int]) throws -> Tensor?
  ) {
    self.title = title
    self.adapt = adapt
  }

  /// Asked in this order; the first that answers is taken.
  public static let all: [WeightAdapter] = [reshaped]

  /// A weight that differs only in axes of one element: a linear layer's where there is a
  /// convolution of 1 × 1, a scale of `[C]` where there is one of `[C, 1, 1]`.
  static let reshaped = WeightAdapter("axes of one element put in or left out") { _, value, shape in
    guard value.shape.filter({ $0 != 1 }) == shape.filter({ $0 != 1 }) else { return nil }
    return try value.reshape(shape)
  }
}
