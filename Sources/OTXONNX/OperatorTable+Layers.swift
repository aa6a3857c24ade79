import OTXCore

extension OperatorTable {
  // MARK: - Layers of networks

  static let layers: [String: Translation] = [
    "conv2d": convolution, "linear": linear, "batch_norm": batchNorm, "layer_norm": layerNorm,
    "group_norm": groupNorm, "scaled_dot_product_attention": attention,
    "adaptive_avg_pool2d": { call in
      guard try call.ints(1).allSatisfy({ $0 == 1 }) else {
        throw call.fail("it pools to more than one cell")
      }
      call.finish("GlobalAveragePool", [try call.tensor(0)])
    },
    "avg_pool2d": { call in
      guard call.isNone(6) else { throw call.fail("it has a divisor of its own") }
      var attributes = try window(call, stride: 2, padding: 3)
      attributes.append(("ceil_mode", .int(try call.int(4))))
      attributes.append(("count_include_pad", .int(try call.int(5))))
      call.finish("AveragePool", [try call.tensor(0)], attributes)
    },
    "max_pool2d": { call in
      var attributes = try window(call, stride: 2, padding: 3)
      attributes.append(("dilations", .ints(try call.pair(4))))
      attributes.append(("ceil_mode", .int(try call.int(5))))
      call.finish("MaxPool", [try call.tensor(0)], attributes)
    },
    "upsample_nearest2d": { call in
      try resize(
        call,
        scales: 2,
        [
          ("mode", .string("nearest")), ("nearest_mode", .string("floor")),
          ("coordinate_transformation_mode", .string("asymmetric")),
        ]
      )
    },
    "upsample_bilinear2d": { call in
      let mode = try call.bool(2) ? "align_corners" : "half_pixel"
      try resize(
        call,
        scales: 3,
        [("mode", .string("linear")), ("coordinate_transformation_mode", .string(mode))]
      )
    },
  ]

  private static let convolution: Translation = { call in
    var inputs = [try call.tensor(0), try call.tensor(1)]
    if !call.isNone(2) { inputs.append(try call.tensor(2)) }
    let padding = try call.pair(4)
    call.finish(
      "Conv",
      inputs,
      [
        ("strides", .ints(try call.pair(3))), ("pads", .ints(padding + padding)),
        ("dilations", .ints(try call.pair(5))), ("group", .int(try call.int(6))),
      ]
    )
  }

  /// Kernel, strides and pads of a pooling; a stride that is left out is the kernel.
  private static func window(
    _ call: Call,
    stride: Int,
    padding: Int
  ) throws -> [(name: String, value: ONNXGraph.Attribute)] {
    let (kernel, pads) = (try call.pair(1), try call.pair(padding))
    let strides = try call.ints(stride).isEmpty ? kernel : call.pair(stride)
    return [
      ("kernel_shape", .ints(kernel)), ("strides", .ints(strides)), ("pads", .ints(pads + pads)),
    ]
  }

  private static let linear: Translation = { call in
    let (x, weight) = (try call.tensor(0), try call.tensor(1))
    let bias = call.isNone(2) ? nil : try call.tensor(2)
    if try call.rank() == 2, let bias {
      return call.finish("Gemm", [x, weight, bias], [("transB", .int(1))])
    }
    let turned = call.emit("Transpose", [weight], [("perm", .ints([1, 0]))])
    guard let bias else { return call.finish("MatMul", [x, turned]) }
    call.finish("Add", [call.emit("MatMul", [x, turned]), bias])
  }

  private static let batchNorm: Translation = { call in
    guard !(1...4).contains(where: call.isNone) else {
      throw call.fail("it has no weights or no statistics")
    }
    call.finish(
      "BatchNormalization",
      try (0...4).map { try call.tensor($0) },
      [("epsilon", .float(Float(try call.double(7))))]
    )
  }

  private static let layerNorm: Translation = { call in
    let count = try call.ints(1).count
    guard !call.isNone(2) else { throw call.fail("it has no weight") }
    var inputs = [try call.tensor(0), try call.tensor(2)]
    if !call.isNone(3) { inputs.append(try call.tensor(3)) }
    call.finish(
      "LayerNormalization",
      inputs,
      [("axis", .int(-count)), ("epsilon", .float(Float(try call.double(4))))]
    )
  }

  /// Each group is a channel of an instance norm; then every channel has its own scale.
  private static let groupNorm: Translation = { call in
    let x = try call.tensor(0)
    let (groups, rank) = (try call.int(1), try call.rank())
    guard groups > 0, rank > 2,
      let ones = ArrayBuffer.filled(1, .float32, shape: [groups]),
      let zeros = ArrayBuffer.filled(0, .float32, shape: [groups])
    else { throw call.fail("it has no groups or no cells") }
    let split = call.emit("Reshape", [x, call.integers([0, groups, -1])])
    let normal = call.emit(
      "InstanceNormalization",
      [split, call.translator.shared(ones), call.translator.shared(zeros)],
      [("epsilon", .float(Float(try call.double(4))))]
    )
    var result = call.emit("Reshape", [normal, call.emit("Shape", [x])])
    let column = call.integers([-1] + [Int](repeating: 1, count: rank - 2))
    for (index, type) in [(2, "Mul"), (3, "Add")] where !call.isNone(index) {
      result = call.emit(type, [result, call.emit("Reshape", [try call.tensor(index), column])])
    }
    call.finish(as: result)
  }

  /// `softmax(q kᵀ scale + mask) v` (Vaswani et al., Attention Is All You Need, 2017, section 3.2.1).
  private static let attention: Translation = { call in
    let (query, key, value) = (try call.tensor(0), try call.tensor(1), try call.tensor(2))
    guard try !call.bool(5) else { throw call.fail("it is causal") }
    var order = Array(0..<(try call.rank(1)))
    order.swapAt(order.count - 1, order.count - 2)
    let turned = call.emit("Transpose", [key], [("perm", .ints(order))])
    let products = call.emit("MatMul", [query, turned])
    var scores: String
    if let scale = try call.optionalDouble(6) {
      scores = call.emit("Mul", [products, try call.scalar(scale, .float32)])
    } else {
      let rank = try call.rank()
      let extent = call.slice(call.emit("Shape", [query]), axis: 0, from: rank - 1, to: rank)
      let root = call.emit("Sqrt", [call.cast(extent, to: .float32)])
      scores = call.emit("Div", [products, root])
    }
    if !call.isNone(3) {
      guard try call.elementType(3) == .float32 else { throw call.fail("its mask is not added") }
      scores = call.emit("Add", [scores, try call.tensor(3)])
    }
    call.finish("MatMul", [call.emit("Softmax", [scores], [("axis", .int(-1))]), value])
  }

  /// To a size, or by factors.
  private static func resize(
    _ call: Call,
    scales: Int,
    _ attributes: [(name: String, value: ONNXGraph.Attribute)]
  ) throws {
    let x = try call.tensor(0)
    if call.isNone(1) {
      let factors = [1, 1] + (try call.doubles(scales))
      let bytes = factors.flatMap { factor in withUnsafeBytes(of: Float(factor)) { Array($0) } }
      let array = ArrayBuffer(elementType: .float32, shape: [factors.count], bytes: bytes)
      return call.finish("Resize", [x, "", call.translator.shared(array)], attributes)
    }
    let kept = call.slice(call.emit("Shape", [x]), axis: 0, from: 0, to: 2)
    let sizes = call.emit("Concat", [kept, call.integers(try call.pair(1))], [("axis", .int(0))])
    call.finish("Resize", [x, "", "", sizes], attributes)
  }
}
