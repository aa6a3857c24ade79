import OTXCore
import OTXTensor

/// What a detector says of every anchor, decoded.
struct AnchorPredictions {
  /// `[N, A, 4]`, inside the network's input.
  let boxes: Tensor
  /// `[N, A, K]`, 0…1.
  let scores: Tensor
  private let inputSize: ImageSize

  /// `boxes` may reach beyond the input of size `inputSize`; they are clipped to it.
  init(_ boxes: Tensor, _ scores: Tensor, inputSize: ImageSize) throws(TensorError) {
    self.boxes = try boxes.clipped(to: inputSize)
    self.scores = scores
    self.inputSize = inputSize
  }

  /// `boxes` and `scores` of every anchor: what ``TaskModel/rawOutputs(_:)`` gives.
  var all: [NamedTensor] { [NamedTensor("boxes", boxes), NamedTensor("scores", scores)] }

  /// The detections among them, as ``Detection/Output`` names them.
  func chosen(iouThreshold: Double) throws(TensorError) -> [NamedTensor] {
    let found = try batchedNMS(
      boxes: boxes,
      scores: scores,
      inputSize: inputSize,
      limits: DetectionLimits(iouThreshold: iouThreshold)
    )
    return [
      NamedTensor(Detection.Output.boxes, found.boxes),
      NamedTensor(Detection.Output.labels, found.labels),
    ]
  }
}
