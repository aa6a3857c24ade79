import OTXCore
import OTXModels
import OTXNN
import OTXTensor

extension Trainer {
  /// Pictures that the layers' ranges are measured on; NNCF's default.
  private static var calibrationCount: Int { 300 }

  /// The quantizers of all layers, made where there are none.
  private func quantizers() -> [LayerQuantizer] {
    var found: [LayerQuantizer] = []
    for (_, module) in model.module.modules() {
      guard let layer = module as? any QuantizableLayer else { continue }
      let quantizer = layer.quantizer ?? LayerQuantizer()
      layer.quantizer = quantizer
      // NNCF does so with what is next to the input, whatever the CPU.
      quantizer.usesHalfRange = found.isEmpty
      found.append(quantizer)
    }
    return found
  }

  /// Measures what goes into each layer on training pictures without augmentation, and rounds to it
  /// from then on.
  ///
  /// Measured anew before each epoch: ranges follow the weights.
  func calibrateQuantizers() throws {
    let quantizers = quantizers()
    guard !quantizers.isEmpty else {
      throw ConfigurationError.invalid(
        "quantization_aware needs a network with convolutions or linear layers; \(info.model) has none that are known: quantise the exported model, otx optimize openvino.xml DATA"
      )
    }
    model.module.setTraining(false)
    for quantizer in quantizers { quantizer.beginObserving() }
    defer { for quantizer in quantizers { quantizer.beginRounding() } }
    let batches = try data.batches(.train, mode: .evaluation)
    var count = 0
    while count < Trainer.calibrationCount, let batch = try batches.next() {
      if Task.isCancelled { return }
      _ = try noGrad { try model.outputs(input.tensor(batch.images)) }
      count += batch.count
    }
    let used = quantizers.count { $0.range != nil || $0.phase == .observing }
    if epoch == 1, step == 0 {
      tell(
        .message(
          "Rounding inputs and weights of \(used) layers to 8 bits; their ranges were measured on \(count) pictures"
        )
      )
    }
  }

  /// Batch normalisation keeps its moments: they become part of the rounded weights.
  func freezeMoments() {
    for (_, module) in model.module.modules() {
      if let layer = module as? BatchNorm2d { layer.isTraining = false }
    }
  }

  /// Nothing is rounded any more.
  func removeQuantizers() {
    for (_, module) in model.module.modules() {
      (module as? any QuantizableLayer)?.quantizer = nil
    }
  }
}
