public import OTXTensor

/// Layers one after the other, numbered from 0 as `torch.nn.Sequential` does.
public final class Sequential: Layer {
  public static let weightNames = ["layers": ""]
  public let layers: [any Layer]

  public init(_ layers: [any Layer]) { self.layers = layers }
  public convenience init(_ layers: any Layer...) { self.init(layers) }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try self(input, adding: nil)
  }

  /// `activation` of the last layer's output plus `residual`.
  ///
  /// A normalisation takes over the activation after it, the sum where it is the last layer, and a
  /// depthwise convolution that follows: the values are the same, with fewer passes over memory.
  public func callAsFunction(
    _ input: Tensor,
    adding residual: Tensor?,
    then activation: FusibleActivation = .identity
  ) throws(TensorError) -> Tensor {
    // Sequences within are taken apart: what ends one meets what begins the next.
    var rest = Sequential.leaves(of: layers)[...]
    var (activation, residual) = (activation, residual)
    var x = input
    while let layer = rest.popFirst() {
      guard let norm = layer as? BatchNorm2d else {
        x = try layer(x)
        continue
      }
      if rest.isEmpty {
        x = try norm(x, adding: residual, then: activation)
        (residual, activation) = (nil, .identity)
        continue
      }
      var following = FusibleActivation.identity
      if let next = rest.first as? any FusibleLayer {
        following = next.fusibleActivation
        rest.removeFirst()
      }
      if let convolution = rest.first as? Conv2d {
        x = try norm(x, then: following, convolution)
        rest.removeFirst()
      } else {
        x = try norm(x, then: following)
      }
    }
    if let residual { x = try x + residual }
    return try activation(x)
  }

  /// The layers, those of sequences in their places.
  private static func leaves(of layers: [any Layer]) -> [any Layer] {
    layers.flatMap { layer -> [any Layer] in
      switch layer {
      case let nested as Sequential: leaves(of: nested.layers)
      case let named as NamedSequential: leaves(of: named.layers)
      default: [layer]
      }
    }
  }

  public subscript(index: Int) -> any Layer { layers[index] }
}

/// Layers one after the other that have names of their own, also such as no property can have:
/// `block1-0`.
public final class NamedSequential: Layer, NamedChildren {
  private let names: [String]
  private let sequence: Sequential

  public init(_ layers: [(name: String, layer: any Layer)]) {
    names = layers.map(\.name)
    sequence = Sequential(layers.map(\.layer))
  }

  public var namedChildren: [(name: String, child: any ParameterTree)] {
    zip(names, sequence.layers).map { ($0, $1) }
  }
  public var layers: [any Layer] { sequence.layers }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { try sequence(input) }

  /// As ``Sequential``'s.
  public func callAsFunction(
    _ input: Tensor,
    adding residual: Tensor?,
    then activation: FusibleActivation = .identity
  ) throws(TensorError) -> Tensor {
    try sequence(input, adding: residual, then: activation)
  }

  /// Only some of the layers.
  public func callAsFunction(
    _ input: Tensor,
    layers range: ClosedRange<Int>
  ) throws(TensorError) -> Tensor {
    try Sequential(Array(layers[range]))(input)
  }
}

/// Its input.
public final class Identity: Layer {
  public init() {}
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor { input }
}

/// Joins all axes from `startDim` on: `[N, C, H, W]` to `[N, C * H * W]`.
public final class Flatten: Layer {
  public let startDim: Int
  public init(startDim: Int = 1) { self.startDim = startDim }
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.flatten(startDim: startDim)
  }
}

/// The axes in another order: `[0, 2, 3, 1]` moves channels last.
package final class Permute: Layer {
  package let dims: [Int]
  package init(_ dims: [Int]) { self.dims = dims }
  package func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.permute(dims)
  }
}

/// Zeroes elements with `probability` while training and scales the others up.
public final class Dropout: Layer, ModeAware {
  public let probability: Double
  public var isTraining = true

  public init(_ probability: Double = 0.5) { self.probability = probability }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    isTraining && probability > 0 ? try input.dropout(p: probability, training: true) : input
  }
}

/// Scales each channel by a gate computed from the channels' means (Hu et al., 2018).
///
/// Names are those of `torchvision.ops.SqueezeExcitation`.
public final class SqueezeExcitation: Layer {
  public let fc1: Conv2d
  public let fc2: Conv2d
  private let pool = AdaptiveAvgPool2d(1)
  private let activation: any Layer
  private let gate: any Layer

  /// - `activation`: Between the two convolutions; ReLU unless given.
  /// - `gate`: After the second; sigmoid unless given (MobileNetV3: hard sigmoid).
  public init(
    _ inputChannels: Int,
    squeezeChannels: Int,
    activation: any Layer = ReLU(),
    gate: any Layer = Sigmoid()
  ) throws(TensorError) {
    fc1 = try Conv2d(inputChannels, squeezeChannels, kernelSize: 1)
    fc2 = try Conv2d(squeezeChannels, inputChannels, kernelSize: 1)
    self.activation = activation
    self.gate = gate
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    // Only what has a history is trained; everything else is libtorch's, recordings too.
    let means = input.requiresGrad ? try input.channelMeans() : try pool(input)
    let scale = try gate(fc2(activation(fc1(means))))
    return input.requiresGrad ? try input.scaleChannels(by: scale) : try input * scale
  }
}
