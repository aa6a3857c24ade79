public import OTXCore
public import OTXNN
public import OTXTensor

/// The part of a model that turns pictures `[N, 3, H, W]` into feature maps `[N, C, H/s, W/s]`.
///
/// A backbone's weights carry torchvision's names; built without labels, it has no classifier, and
/// hangs below `backbone.` of a larger model.
public protocol Backbone: Module where Input == Tensor, Output == [Tensor] {
  /// The levels of the output, finest first.
  var levels: [FeatureLevel] { get }
}

extension Backbone {
  /// Where the levels of the given strides stand in the output.
  ///
  /// - Throws: ``ModelError/mismatch(_:)`` when the backbone has no level of a stride.
  func levelIndices(strides: [Int]) throws -> [Int] {
    try strides.map { stride in
      guard let index = levels.firstIndex(where: { $0.stride == stride }) else {
        let known = levels.map { "\($0.stride)" }.joined(separator: ", ")
        throw ModelError.mismatch(
          "\(Self.self) has no feature level of stride \(stride); its strides are \(known)"
        )
      }
      return index
    }
  }
}

/// The levels of a chain of layers: the last layer of each stride from 4 on.
///
/// `layers` are the channels of each layer's output and by how much it makes the picture smaller.
func chainLevels(
  _ layers: [(channels: Int, stride: Int)]
) -> (indices: [Int], levels: [FeatureLevel]) {
  var stride = 1
  var found: (indices: [Int], levels: [FeatureLevel]) = ([], [])
  for (index, layer) in layers.enumerated() {
    stride *= layer.stride
    let isLast = index + 1 == layers.count || layers[index + 1].stride > 1
    guard isLast, stride >= 4 else { continue }
    found.indices.append(index)
    found.levels.append(FeatureLevel(channels: layer.channels, stride: stride))
  }
  return found
}

/// A backbone that can be built by name.
public struct BackboneEntry: Sendable {
  public let descriptor: BackboneDescriptor
  private let build: @Sendable (ImageSize) throws -> any Backbone
  private let buildClassifier: (@Sendable (Int, ImageSize) throws -> any ImageClassifierNetwork)?

  /// A backbone without a classifier of its own.
  public init(
    _ descriptor: BackboneDescriptor,
    make: @escaping @Sendable () throws -> any Backbone
  ) {
    var descriptor = descriptor
    descriptor.hasClassifier = false
    self.descriptor = descriptor
    build = { _ in try make() }
    buildClassifier = nil
  }

  /// A network that is a classifier, and a backbone when it is built without labels.
  public static func classifier(
    _ descriptor: BackboneDescriptor,
    make: @escaping @Sendable (_ labelCount: Int?) throws -> any ImageClassifierNetwork
  ) -> BackboneEntry {
    BackboneEntry(classifier: descriptor) { labelCount, _ in try make(labelCount) }
  }

  /// As ``classifier(_:make:)``, where weights depend on the input's size.
  public static func sizedClassifier(
    _ descriptor: BackboneDescriptor,
    make:
      @escaping @Sendable (_ labelCount: Int?, _ size: ImageSize) throws
      -> any ImageClassifierNetwork
  ) -> BackboneEntry {
    BackboneEntry(classifier: descriptor, make: make)
  }

  private init(
    classifier descriptor: BackboneDescriptor,
    make: @escaping @Sendable (_ labelCount: Int?, ImageSize) throws -> any ImageClassifierNetwork
  ) {
    var descriptor = descriptor
    descriptor.hasClassifier = true
    self.descriptor = descriptor
    build = { try make(nil, $0) }
    buildClassifier = { try make($0, $1) }
  }

  /// The name users type: `mobilenet_v2`.
  public var name: String { descriptor.name }

  /// Builds it without a classifier, with random weights.
  ///
  /// - Parameter size: Of the pictures it will see; the descriptor's unless given.
  /// - Returns: A backbone with the descriptor's levels.
  /// - Throws: ``ModelError/mismatch(_:)`` for a size that the network cannot take, `TensorError`.
  public func make(for size: ImageSize? = nil) throws -> any Backbone {
    try build(size ?? descriptor.preprocessing.inputSize)
  }

  /// Builds it with a classifier of as many labels.
  ///
  /// - Returns: `nil` for a network that has none.
  func makeClassifier(
    labelCount: Int,
    for size: ImageSize? = nil
  ) throws -> (any ImageClassifierNetwork)? {
    try buildClassifier?(labelCount, size ?? descriptor.preprocessing.inputSize)
  }
}
