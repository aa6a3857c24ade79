extension [String: ModelOutput] {
  /// The output called `name`, with as many numbers as its shape says.
  ///
  /// - Throws: ``ModelError/unknownOutput(_:found:)``,
  ///   ``ModelError/unexpectedOutputShape(_:shape:expected:)``.
  package func output(_ name: String) throws(ModelError) -> ModelOutput {
    guard let output = self[name] else {
      throw ModelError.unknownOutput(name, found: Array(keys))
    }
    var count = 1
    for size in output.shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow else {
        count = -1
        break
      }
      count = product
    }
    guard count == output.values.count else {
      throw ModelError.unexpectedOutputShape(
        name,
        shape: output.shape,
        expected: "a shape of \(output.values.count) numbers"
      )
    }
    return output
  }

  /// The numbers of the output called `name` for each picture, `count` of each.
  ///
  /// - Throws: As ``output(_:)``; ``ModelError/nonFiniteOutput(_:item:)``.
  func rows(
    _ name: String,
    frames: [ImageFrame],
    count: Int
  ) throws(ModelError) -> [ArraySlice<Float>] {
    let output = try output(name)
    guard output.shape == [frames.count, count] else {
      throw ModelError.unexpectedOutputShape(
        name,
        shape: output.shape,
        expected: "[\(frames.count), \(count)]"
      )
    }
    var rows: [ArraySlice<Float>] = []
    for (index, frame) in frames.enumerated() {
      let row = output.values[index * count..<(index + 1) * count]
      guard row.allSatisfy(\.isFinite) else {
        throw ModelError.nonFiniteOutput(name, item: frame.itemID)
      }
      rows.append(row)
    }
    return rows
  }
}

extension Float {
  /// A share of 1 as a percentage for people; 0 where this is no number.
  var percentText: String { isFinite ? "\(Int((min(max(self, 0), 1) * 100).rounded()))%" : "0%" }
}
