import Foundation
public import OTXTensor

/// How a weight gets its first values, drawn from libtorch's generator as PyTorch draws them.
///
/// After `Torch.seed(n)` a network that is built in PyTorch's order has the very weights that
/// PyTorch gives it after `torch.manual_seed(n)`.
public enum Initialization: Sendable {
  /// Which way the variance of what flows is kept.
  public enum Fan: Sendable { case `in`, out }

  case constant(Double)
  case normal(mean: Double = 0, standardDeviation: Double)
  case uniform(from: Double, to: Double)
  /// He et al., Delving Deep into Rectifiers, 2015; `negativeSlope` is the rectifier's.
  case kaimingNormal(fan: Fan = .in, negativeSlope: Double = 0)
  case kaimingUniform(fan: Fan = .in, negativeSlope: Double = 0)
  /// Glorot and Bengio, Understanding the difficulty of training deep networks, 2010.
  case xavierNormal
  case xavierUniform

  /// Whether values are drawn at all.
  ///
  /// A large network's draws take seconds; where its weights come from elsewhere they are for nothing.
  @TaskLocal package static var drawsNumbers = true

  private var isConstant: Bool {
    if case .constant = self { true } else { false }
  }

  /// Overwrites the parameter's values.
  public func apply(to parameter: Parameter) throws(TensorError) {
    guard isConstant || Initialization.drawsNumbers else { return }
    let weight = parameter.value
    let (fanIn, fanOut) = Self.fans(of: weight.shape)
    func spread(_ fan: Fan, _ slope: Double) -> Double {
      let gain = (2 / (1 + slope * slope)).squareRoot()
      return gain / Double(fan == .in ? fanIn : fanOut).squareRoot()
    }
    try noGrad { () throws(TensorError) in
      switch self {
      case .constant(let value): try weight.fill_(value)
      case .normal(let mean, let deviation): try weight.normal_(mean: mean, std: deviation)
      case .uniform(let low, let high): try weight.uniform_(from: low, to: high)
      case .kaimingNormal(let fan, let slope):
        try weight.normal_(mean: 0, std: spread(fan, slope))
      case .kaimingUniform(let fan, let slope):
        let bound = 3.0.squareRoot() * spread(fan, slope)
        try weight.uniform_(from: -bound, to: bound)
      case .xavierNormal:
        try weight.normal_(mean: 0, std: (2 / Double(fanIn + fanOut)).squareRoot())
      case .xavierUniform:
        let bound = 3.0.squareRoot() * (2 / Double(fanIn + fanOut)).squareRoot()
        try weight.uniform_(from: -bound, to: bound)
      }
    }
  }

  /// PyTorch's defaults for convolutions and matrix products: uniform within
  /// `1 / sqrt(fan-in)`, weight first.
  static func setDefaults(weight: Parameter, bias: Parameter?) throws(TensorError) {
    try Initialization.kaimingUniform(negativeSlope: 5.0.squareRoot()).apply(to: weight)
    guard let bias else { return }
    let bound = 1 / Double(max(fans(of: weight.value.shape).in, 1)).squareRoot()
    try Initialization.uniform(from: -bound, to: bound).apply(to: bias)
  }

  /// Connections into and out of one unit: the second and first axis times the kernel's area.
  static func fans(of shape: [Int]) -> (in: Int, out: Int) {
    guard shape.count >= 2 else { return (shape.first ?? 1, shape.first ?? 1) }
    let area = shape.dropFirst(2).reduce(1, *)
    return (shape[1] * area, shape[0] * area)
  }
}
