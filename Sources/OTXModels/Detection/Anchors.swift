import OTXCore
import OTXTensor

/// The anchors of one level of a feature pyramid, laid out by row, column, anchor.
struct AnchorLevel: Hashable {
  var stride: Int
  var rows: Int
  var columns: Int
  /// Anchors of a cell.
  var count: Int
  /// Where in its cell an anchor's centre lies, in strides from the top left corner.
  var centerOffset: Float

  var anchorCount: Int { rows * columns * count }

  /// `x, y` of each anchor's centre, in input pixels.
  fileprivate func appendCenters(to centers: inout [Float]) {
    for row in 0..<rows {
      let y = (Float(row) + centerOffset) * Float(stride)
      for column in 0..<columns {
        let x = (Float(column) + centerOffset) * Float(stride)
        for _ in 0..<count {
          centers.append(x)
          centers.append(y)
        }
      }
    }
  }
}

/// The anchors of a whole picture, as tensors.
struct AnchorGrid {
  var levels: [AnchorLevel]
  var inputSize: ImageSize
  /// `[A, 2]`: x, y.
  var centers: Tensor
  /// `[A, 2]`: width, height.
  var sizes: Tensor

  /// `[A, 4]`: x1, y1, x2, y2.
  func corners() throws(TensorError) -> Tensor {
    let half = try sizes * 0.5
    return try Tensor.cat([centers - half, centers + half], dim: 1)
  }

  static func centers(of levels: [AnchorLevel], on device: Device) throws(TensorError) -> Tensor {
    var values: [Float] = []
    var count = 0
    for level in levels {
      level.appendCenters(to: &values)
      count += level.anchorCount
    }
    return try Tensor(values, shape: [count, 2]).to(device)
  }
}
