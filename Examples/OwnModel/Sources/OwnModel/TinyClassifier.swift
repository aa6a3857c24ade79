import OTX

/// What makes the network a classifier: its input, its loss, its named outputs.
final class TinyClassifier: AdaptedModel {
  typealias Kind = MultiClassClassification
  let network: TinyNetwork

  init(labelCount: Int) throws { network = try TinyNetwork(outputs: labelCount) }

  /// OTX hands over pictures less the mean and divided by the standard deviation that the descriptor
  /// states; this network wants 0…1, which a mean of 0 and a deviation of 255 give.
  func networkInput(_ images: Tensor) throws -> Tensor { images }

  func loss(
    of answer: TinyNetwork.Answer,
    _ batch: MultiClassClassification.Batch
  ) throws -> LossTerms {
    let labels = try Tensor(batch.entities.map(\.label))
    let loss = try crossEntropy(answer.scores.to(.float32), labels)
    return LossTerms([NamedTensor("loss_cls", loss)])
  }

  func outputs(of answer: TinyNetwork.Answer) throws -> [NamedTensor] {
    [NamedTensor(MultiClassClassification.Output.logits, answer.scores)]
  }
}

extension TinyClassifier {
  /// The line that makes it a model like those of the zoo.
  static let entry = ZooModel<MultiClassClassification>(
    ModelDescriptor(
      name: "tiny_classifier",
      title: "Tiny",
      task: .multiClassClassification,
      backbones: ["tiny_classifier"],
      preprocessing: Preprocessing(
        inputSize: ImageSize(height: 64, width: 64),
        mean: [0, 0, 0],
        std: [255, 255, 255]
      ),
      hasDynamicSize: true,
      parameterCount: 5_300,
      gigaMultiplyAdds: 0.002
    )
  ) { info in
    try TinyClassifier(labelCount: info.labels.count)
  }
}
