package import OTXCore

extension OpenVINOModel {
  /// Runs the model on pictures, where it takes bytes.
  ///
  /// A model of a fixed batch size (other programs write them, mostly with 1) is run as often as it
  /// takes; the last run is filled up with zeros that nobody sees.
  ///
  /// - Returns: The outputs by name, first axis the number of pictures.
  /// - Throws: ``ModelError/mismatch(_:)`` when the pictures have another size than the model's.
  package func outputs(for images: ImageBatch) throws -> [String: ModelOutput] {
    let batchSize = try batchSize(for: images)
    guard let batchSize, batchSize != images.count else {
      return try run([
        ArrayBuffer(
          elementType: .uint8,
          shape: [images.count, images.height, images.width, 3],
          bytes: images.pixels
        )
      ])
    }
    let stride = images.height * images.width * 3
    var parts: [[String: ModelOutput]] = []
    for start in Swift.stride(from: 0, to: images.count, by: batchSize) {
      let count = min(batchSize, images.count - start)
      var bytes = Array(images.pixels[start * stride..<(start + count) * stride])
      bytes += [UInt8](repeating: 0, count: (batchSize - count) * stride)
      let outputs = try run([
        ArrayBuffer(
          elementType: .uint8,
          shape: [batchSize, images.height, images.width, 3],
          bytes: bytes
        )
      ])
      parts.append(outputs.mapValues { $0.prefix(count) })
    }
    return try ModelOutput.stacked(parts)
  }

  /// Runs the model on batches of pictures as they come, several at once, and hands the outputs out
  /// in order.
  ///
  /// For many pictures: host and device work at the same time. A model of a fixed batch size is run
  /// on one batch after the other.
  package func run<Batch>(
    _ next: () throws -> Batch?,
    images: (Batch) -> ImageBatch,
    _ receive: (Batch, [String: ModelOutput]) throws -> Void
  ) throws {
    guard inputs.first?.shape?.first == .some(nil) else {
      while let batch = try next() { try receive(batch, outputs(for: images(batch))) }
      return
    }
    var waiting: [Batch] = []
    try run {
      guard let batch = try next() else { return nil }
      _ = try batchSize(for: images(batch))
      waiting.append(batch)
      return [images(batch).array]
    } _: { outputs in
      try receive(waiting.removeFirst(), outputs)
    }
  }

  /// The batch size that the model insists on; `nil`: any.
  private func batchSize(for images: ImageBatch) throws -> Int? {
    guard takesBytes, let shape = inputs.first?.shape, shape.count == 4 else {
      throw ModelError.mismatch("the model does not take pictures")
    }
    let (height, width) = (shape[1] ?? images.height, shape[2] ?? images.width)
    guard (height, width) == (images.height, images.width) else {
      throw ModelError.mismatch(
        "the model takes pictures of \(height)x\(width), not of \(images.height)x\(images.width)"
      )
    }
    return shape[0]
  }
}

extension ImageBatch {
  /// The bytes as an array of shape `[N, H, W, 3]`.
  package var array: ArrayBuffer {
    ArrayBuffer(elementType: .uint8, shape: [count, height, width, 3], bytes: pixels)
  }
}

extension ModelOutput {
  /// The first `count` entries of the first axis.
  fileprivate func prefix(_ count: Int) -> ModelOutput {
    guard let first = shape.first, count < first else { return self }
    return ModelOutput(
      shape: [count] + shape.dropFirst(),
      values: Array(values.prefix(values.count / first * count))
    )
  }

  /// Outputs of several runs as those of one, joined at the first axis.
  ///
  /// Runs may differ in the second axis (the number of detections): shorter ones are padded with
  /// zeros, which is what a detection of score 0 is.
  fileprivate static func stacked(_ parts: [[String: ModelOutput]]) throws -> [String: ModelOutput]
  {
    guard let first = parts.first else { return [:] }
    var result: [String: ModelOutput] = [:]
    for name in first.keys {
      let outputs = parts.compactMap { $0[name] }
      let ranks = Set(outputs.map { $0.shape.dropFirst(2) })
      guard outputs.count == parts.count, ranks.count == 1, let rest = ranks.first else {
        throw ModelError.unexpectedOutputShape(
          name,
          shape: first[name]?.shape ?? [],
          expected: "the same for every picture"
        )
      }
      let length = outputs.map { $0.shape.count > 1 ? $0.shape[1] : 1 }.max() ?? 0
      let row = rest.reduce(1, *)
      var joined = ModelOutput(shape: [0], values: [])
      for output in outputs {
        let count = output.shape.first ?? 1
        let own = count > 0 ? output.values.count / count : 0
        for index in 0..<count {
          joined.values += output.values[index * own..<(index + 1) * own]
          joined.values += [Float](repeating: 0, count: length * row - own)
        }
        joined.shape[0] += count
      }
      if let shape = first[name]?.shape, shape.count > 1 { joined.shape += [length] + rest }
      result[name] = joined
    }
    return result
  }
}
