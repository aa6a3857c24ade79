import OTXCore
import OTXTensor

/// Rounds what goes into a layer, and the layer's weights, to what a model of 8-bit integers holds.
///
/// For quantisation-aware training (Jacob et al., Quantization and Training of Neural Networks for
/// Efficient Integer-Arithmetic-Only Inference, CVPR 2018): the network learns with the errors that it
/// will have, while gradients pass as if nothing were rounded. The numbers are those of NNCF's defaults
/// for CPUs: inputs with one scale, symmetric, 256 levels (unsigned where no value is negative); weights
/// with a scale for each output channel, symmetric, 255 levels.
public final class LayerQuantizer {
  /// What the quantizer does with what passes through it.
  public enum Phase: Sendable { case passing, observing, rounding }

  public var phase = Phase.passing
  /// Whether weights use half of the levels, so that sums of products fit 16 bits on CPUs without VNNI;
  /// NNCF does it for the layers next to the input.
  public var usesHalfRange = false
  /// The least and the largest input: means over what was observed, batch by batch; `nil` before.
  public private(set) var range: (low: Double, high: Double)?

  private var sums = (low: 0.0, high: 0.0, count: 0)

  public init() {}

  /// Forgets what was observed, and observes from now on.
  public func beginObserving() {
    sums = (0, 0, 0)
    phase = .observing
  }

  /// Takes over what was observed, and rounds from now on; a layer that saw nothing lets all pass.
  public func beginRounding() {
    if sums.count > 0 {
      range = (sums.low / Double(sums.count), sums.high / Double(sums.count))
    }
    phase = range == nil ? .passing : .rounding
  }

  // What goes into the layer, of any shape.
  func input(_ tensor: Tensor) throws(TensorError) -> Tensor {
    switch phase {
    case .passing: return tensor
    case .observing:
      let values = try tensor.detach().to(.float32)
      sums.low += try values.min().item()
      sums.high += try values.max().item()
      sums.count += 1
      return tensor
    case .rounding:
      guard let range else { return tensor }
      // A layer that sees zeros alone still has a scale.
      let high = max(abs(range.low), abs(range.high), 8e-5)
      return range.low >= 0
        ? try tensor.fakeQuantized(scale: high / 255, levels: 0...255)
        : try tensor.fakeQuantized(scale: high / 127, levels: -128...127)
    }
  }

  // The weights, `[O, ...]`.
  func weight(_ tensor: Tensor) throws(TensorError) -> Tensor {
    guard phase == .rounding else { return tensor }
    let flat = try tensor.detach().flatten(startDim: 1).abs().amax(dims: [1])
    // As in NNCF: no channel's range is below a hundredth of the widest one's.
    let floor = max(try flat.max().item() * 0.01, 8e-5)
    let high = try flat.clamp(min: floor)
    let levels = usesHalfRange ? 63.5 : 127
    return try tensor.fakeQuantized(scales: high / levels, dim: 0)
  }
}

/// A layer whose input and weights can be rounded.
package protocol QuantizableLayer: ParameterTree {
  /// `nil`: nothing is rounded.
  var quantizer: LayerQuantizer? { get set }
}

extension Conv2d: QuantizableLayer {}
extension Linear: QuantizableLayer {}
