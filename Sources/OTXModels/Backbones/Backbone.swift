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

/// A backbone that can be built by name.
public struct BackboneEntry: Sendable {
  public let descriptor: BackboneDescriptor
  /// Builds it without a classifier, with random weights.
  public let make: @Sendable () throws -> any Backbone
  /// Builds it with a classifier of as many labels; `nil` for a network that has none.
  let makeClassifier: (@Sendable (_ labelCount: Int) throws -> any ImageClassifierNetwork)?

  /// A backbone without a classifier of its own.
  public init(
    _ descriptor: BackboneDescriptor,
    make: @escaping @Sendable () throws -> any Backbone
  ) {
    var descriptor = descriptor
    descriptor.hasClassifier = false
    self.descriptor = descriptor
    self.make = make
    makeClassifier = nil
  }

  /// A network that is a classifier, and a backbone when it is built without labels.
  public static func classifier(
    _ descriptor: BackboneDescriptor,
    make: @escaping @Sendable (_ labelCount: Int?) throws -> any ImageClassifierNetwork
  ) -> BackboneEntry {
    BackboneEntry(classifier: descriptor, make: make)
  }

  private init(
    classifier descriptor: BackboneDescriptor,
    make: @escaping @Sendable (_ labelCount: Int?) throws -> any ImageClassifierNetwork
  ) {
    var descriptor = descriptor
    descriptor.hasClassifier = true
    self.descriptor = descriptor
    self.make = { try make(nil) }
    makeClassifier = { try make($0) }
  }

  /// The name users type: `mobilenet_v2`.
  public var name: String { descriptor.name }
}
