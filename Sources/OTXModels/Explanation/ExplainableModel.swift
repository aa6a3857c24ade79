public import OTXCore
import OTXNN
public import OTXTensor

/// A model that can say what it looks at.
public protocol ExplainableModel<Kind>: TaskModel {
  /// The outputs, and ``ExplainOutput/saliencyMap`` and ``ExplainOutput/featureVector`` after them.
  ///
  /// Recordable as ``TaskModel/outputs(_:)`` is, in one pass of the network.
  ///
  /// - Throws: ``ModelError/mismatch(_:)`` for a network without features that have places.
  func explainedOutputs(_ images: Tensor, method: ExplainMethod) throws -> [NamedTensor]
}

/// A classifier whose last features are averaged over the picture before labels are scored.
public protocol PooledClassifier: ImageClassifierNetwork {
  /// The features that are averaged, `[N, C, h, w]`.
  func lastFeatures(_ images: Tensor) throws -> Tensor

  /// What the head makes of means `[N, C, 1, 1]`.
  func logits(ofMeans means: Tensor) throws -> Tensor
}

extension PooledClassifier {
  public func lastFeatures(_ images: Tensor) throws -> Tensor {
    guard let last = try self(images).last else { throw ModelError.noClassifier }
    return last
  }

  public func logits(_ images: Tensor) throws -> Tensor {
    try logits(ofMeans: lastFeatures(images).adaptiveAvgPool2d(1))
  }
}

/// What a network says of a picture and of its parts.
struct NetworkExplanation {
  /// `[N, K]`.
  var logits: Tensor
  /// `[N, K, h, w]` or `[N, h, w]`, not yet scaled.
  var maps: Tensor
  /// `[N, D]`.
  var features: Tensor
}

extension ImageClassifierNetwork {
  /// - Throws: ``ModelError/mismatch(_:)`` for a network of a file, whose inside is not known.
  func explanation(_ images: Tensor, _ method: ExplainMethod) throws -> NetworkExplanation {
    switch self {
    case let network as any PooledClassifier: try network.pooledExplanation(images, method)
    case let network as VisionTransformer: try network.tokenExplanation(images, method)
    default:
      throw ModelError.mismatch(
        "what this network looks at is not known: it is a TorchScript file, which gives its answer alone"
      )
    }
  }
}

extension PooledClassifier {
  /// ReciproCAM (Byun and Lee, Recipro-CAM: Fast gradient-free visual explanations for convolutional
  /// neural networks, arXiv 2209.14074): a label's score where all features but one cell's are zero.
  ///
  /// The head sees means alone, and those of one cell are that cell over the number of cells, so no
  /// masked map is ever made.
  fileprivate func pooledExplanation(
    _ images: Tensor,
    _ method: ExplainMethod
  ) throws -> NetworkExplanation {
    let features = try lastFeatures(images).to(.float32)
    let means = try features.adaptiveAvgPool2d(1)
    let (rows, columns) = (features.size(2), features.size(3))
    let logits = try logits(ofMeans: means)
    let maps: Tensor
    switch method {
    case .activationMap: maps = try features.mean(dim: 1)
    case .auto:
      // [N, C, h, w] to [N * h * w, C, 1, 1].
      let cells = try features.flatten(startDim: 2).transpose(1, 2).flatten(startDim: 0, endDim: 1)
      let scores = try self.logits(
        ofMeans: (cells * (1 / Double(rows * columns))).unsqueeze(-1).unsqueeze(-1)
      )
      maps = try scores.unflatten(dim: 0, [-1, rows * columns]).transpose(1, 2)
        .unflatten(dim: 2, [rows, columns])
    }
    return NetworkExplanation(
      logits: logits,
      maps: maps,
      features: try means.flatten(startDim: 1)
    )
  }
}

/// Each map from 0, its least, to 255, its most, as Python OTX has them.
///
/// A map that is the same everywhere is 0: what is left of rounding is not spread over the range.
///
/// `maps` is `[N, K, h, w]` or `[N, h, w]`; so is the result, of type `uint8`.
func scaledMaps(_ maps: Tensor) throws(TensorError) -> Tensor {
  let flat = try maps.to(.float32).flatten(startDim: -2)
  let least = try flat.amin(dims: [-1], keepDim: true)
  let range = try (flat.amax(dims: [-1], keepDim: true) - least).clamp(min: 1e-5)
  let scaled = try ((flat - least) / range) * 255 + 0.5
  return try scaled.unflatten(dim: -1, [maps.size(-2), maps.size(-1)]).to(.uint8)
}

extension ClassifierModel {
  /// The outputs of logits that are there already.
  ///
  /// Classifiers' outputs are functions of their logits alone.
  public func explainedOutputs(_ images: Tensor, method: ExplainMethod) throws -> [NamedTensor] {
    let explanation = try network.explanation(images, method)
    return try outputs(ofLogits: explanation.logits) + [
      NamedTensor(ExplainOutput.saliencyMap, try scaledMaps(explanation.maps)),
      NamedTensor(ExplainOutput.featureVector, explanation.features),
    ]
  }

  public func outputs(_ images: Tensor) throws -> [NamedTensor] {
    try outputs(ofLogits: network.logits(images))
  }
}
