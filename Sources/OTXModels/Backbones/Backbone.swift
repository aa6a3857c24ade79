import OTXCore
public import OTXNN
public import OTXTensor

/// One feature map of a backbone.
public struct FeatureLevel: Sendable, Hashable {
  public var channels: Int
  /// Input pixels to one pixel of this level, on each axis.
  public var stride: Int
  public init(channels: Int, stride: Int) { (self.channels, self.stride) = (channels, stride) }
}

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

/// A backbone that can be built by name, as `otx find --backbone` lists it.
public struct BackboneEntry: Sendable {
  /// The name users type: `mobilenet_v2`.
  public let name: String
  /// Builds it without a classifier, with random weights.
  public let make: @Sendable () throws -> any Backbone
  public init(name: String, make: @escaping @Sendable () throws -> any Backbone) {
    self.name = name
    self.make = make
  }
}
