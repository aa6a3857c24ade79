import OTXCore

extension OperatorTable {
  // MARK: - The same numbers in another arrangement

  static let shapes: [String: Translation] = [
    "flatten": flatten, "unflatten": unflatten,
    "view": { call in try reshape(call) }, "reshape": { call in try reshape(call) },
    "reshape_as": { call in
      call.finish("Reshape", [try call.tensor(0), call.emit("Shape", [try call.tensor(1)])])
    },
    "view_as": { call in
      call.finish("Reshape", [try call.tensor(0), call.emit("Shape", [try call.tensor(1)])])
    },
    "expand": { call in
      // An extent of 1 is the tensor's own, as -1 is in libtorch.
      let sizes = try call.ints(1).map { $0 == -1 ? 1 : $0 }
      call.finish("Expand", [try call.tensor(0), call.integers(sizes)])
    },
    "expand_as": { call in
      call.finish("Expand", [try call.tensor(0), call.emit("Shape", [try call.tensor(1)])])
    },
    "permute": { call in
      let rank = try call.rank()
      let order = try call.ints(1).map { Call.positive($0, rank) }
      call.finish("Transpose", [try call.tensor(0)], [("perm", .ints(order))])
    },
    "transpose": { call in
      var order = Array(0..<(try call.rank()))
      order.swapAt(try call.axis(1), try call.axis(2))
      call.finish("Transpose", [try call.tensor(0)], [("perm", .ints(order))])
    },
    "t": { call in call.finish("Transpose", [try call.tensor(0)]) },
    "unsqueeze": { call in
      let axis = Call.positive(try call.int(1), try call.resultType.rank)
      call.finish("Unsqueeze", [try call.tensor(0), call.integers([axis])])
    },
    "squeeze": { call in
      guard call.node.inputs.count > 1 else {
        return call.finish("Squeeze", [try call.tensor(0)])
      }
      let rank = try call.rank()
      let axes = try call.ints(1).map { Call.positive($0, rank) }
      // One that has more than one element stays in libtorch; then the result has as many axes.
      guard try call.resultType.rank == rank - axes.count else {
        return call.finish(as: try call.tensor(0))
      }
      call.finish("Squeeze", [try call.tensor(0), call.integers(axes)])
    },
    "cat": { call in
      call.finish("Concat", try call.tensors(0), [("axis", .int(try resultAxis(call, 1)))])
    },
    "concat": { call in
      call.finish("Concat", try call.tensors(0), [("axis", .int(try resultAxis(call, 1)))])
    },
    "stack": { call in
      let axis = try resultAxis(call, 1)
      let parts = try call.tensors(0).map { call.emit("Unsqueeze", [$0, call.integers([axis])]) }
      call.finish("Concat", parts, [("axis", .int(axis))])
    },
    "repeat": { call in
      let (counts, rank) = (try call.ints(1), try call.rank())
      guard counts.count >= rank else { throw call.fail("it repeats fewer axes than there are") }
      var x = try call.tensor(0)
      if counts.count > rank {
        x = call.emit("Unsqueeze", [x, call.integers(Array(0..<counts.count - rank))])
      }
      call.finish("Tile", [x, call.integers(counts)])
    },
    "flip": { call in
      let (axes, rank) = (try call.ints(1), try call.rank())
      call.finish(
        "Slice",
        [
          try call.tensor(0), call.integers(axes.map { _ in -1 }),
          call.integers(axes.map { _ in -Int(Int32.max) }),
          call.integers(axes.map { Call.positive($0, rank) }), call.integers(axes.map { _ in -1 }),
        ]
      )
    },
    "roll": roll,
    "pad": { call in
      let mode = call.text(2) ?? "constant"
      let names = ["constant": "constant", "reflect": "reflect", "replicate": "edge"]
      guard let onnx = names[mode] else { throw call.fail("the mode '\(mode)' is not written") }
      try pad(call, mode: onnx, value: call.optionalDouble(3) ?? 0)
    },
    "constant_pad_nd": { call in
      try pad(call, mode: "constant", value: call.optionalDouble(2) ?? 0)
    },
    "pixel_shuffle": { call in
      call.finish(
        "DepthToSpace",
        [try call.tensor(0)],
        [("blocksize", .int(try call.int(1))), ("mode", .string("CRD"))]
      )
    },
  ]

  /// An axis of the result, whose number of axes may differ from the arguments'.
  private static func resultAxis(_ call: Call, _ index: Int) throws -> Int {
    Call.positive(try call.int(index), try call.resultType.rank)
  }

  private static func reshape(_ call: Call) throws {
    call.finish("Reshape", [try call.tensor(0), call.integers(try call.ints(1))])
  }

  private static let flatten: Translation = { call in
    let x = try call.tensor(0)
    let rank = try call.rank()
    let (start, end) = (try call.axis(1), try call.axis(2))
    guard start != end, rank > 0 else {
      return rank > 0 ? call.finish(as: x) : call.finish("Reshape", [x, call.integers([-1])])
    }
    // 0 keeps the extent at the same place, which is right before the joined axes alone.
    var shape = call.integers([Int](repeating: 0, count: start) + [-1])
    if end < rank - 1 {
      let rest = call.slice(call.emit("Shape", [x]), axis: 0, from: end + 1, to: rank)
      shape = call.emit("Concat", [shape, rest], [("axis", .int(0))])
    }
    call.finish("Reshape", [x, shape])
  }

  private static let unflatten: Translation = { call in
    let x = try call.tensor(0)
    let rank = try call.rank()
    let axis = try call.axis(1)
    var shape = call.integers([Int](repeating: 0, count: axis) + (try call.ints(2)))
    if axis < rank - 1 {
      let rest = call.slice(call.emit("Shape", [x]), axis: 0, from: axis + 1, to: rank)
      shape = call.emit("Concat", [shape, rest], [("axis", .int(0))])
    }
    call.finish("Reshape", [x, shape])
  }

  /// Both halves of each axis change places.
  private static let roll: Translation = { call in
    let (shifts, rank) = (try call.ints(1), try call.rank())
    let axes = try call.ints(2)
    guard axes.count == shifts.count, !axes.isEmpty else {
      throw call.fail("it rolls without axes")
    }
    var x = try call.tensor(0)
    for (shift, axis) in zip(shifts, axes.map { Call.positive($0, rank) }) where shift != 0 {
      let first = call.slice(x, axis: axis, from: -shift, to: Int(Int32.max))
      let second = call.slice(x, axis: axis, from: 0, to: -shift)
      x = call.emit("Concat", [first, second], [("axis", .int(axis))])
    }
    call.finish(as: x)
  }

  /// libtorch counts from the last axis, before and after; ONNX from the first, all before.
  private static func pad(_ call: Call, mode: String, value: Double) throws {
    let (pads, rank) = (try call.ints(1), try call.rank())
    guard pads.count.isMultiple(of: 2), pads.count <= 2 * rank else {
      throw call.fail("its pads do not fit the tensor")
    }
    var before = [Int](repeating: 0, count: rank)
    var after = before
    for index in 0..<pads.count / 2 {
      (before[rank - 1 - index], after[rank - 1 - index]) = (pads[2 * index], pads[2 * index + 1])
    }
    var inputs = [try call.tensor(0), call.integers(before + after)]
    if mode == "constant" { inputs.append(try call.scalar(value, call.resultType.element)) }
    call.finish("Pad", inputs, [("mode", .string(mode))])
  }

  // MARK: - Some of the numbers

  static let indexing: [String: Translation] = [
    "select": { call in
      call.finish(
        "Gather",
        [try call.tensor(0), call.integer(try call.int(2))],
        [("axis", .int(try call.axis(1)))]
      )
    },
    "narrow": { call in
      let start = try call.int(2)
      let (x, axis) = (try call.tensor(0), try call.axis(1))
      finishSlice(call, x, axis, start, start + (try call.int(3)), 1)
    },
    "slice": { call in
      let start = call.isNone(2) ? 0 : try call.int(2)
      // Beyond any extent; libtorch says so with the largest integer there is.
      let end = min(call.isNone(3) ? Int.max : try call.int(3), Int(Int32.max))
      finishSlice(call, try call.tensor(0), try call.axis(1), start, end, try call.int(4))
    },
    "index_select": { call in
      call.finish(
        "Gather",
        [try call.tensor(0), try call.tensor(2)],
        [("axis", .int(try call.axis(1)))]
      )
    },
    "gather": { call in
      call.finish(
        "GatherElements",
        [try call.tensor(0), try call.tensor(2)],
        [("axis", .int(try call.axis(1)))]
      )
    },
    "scatter": { call in
      guard try call.elementType(3) != nil else { throw call.fail("it scatters one number") }
      call.finish(
        "ScatterElements",
        [try call.tensor(0), try call.tensor(2), try call.tensor(3)],
        [("axis", .int(try call.axis(1)))]
      )
    },
    "topk": { call in
      call.finish(
        "TopK",
        [try call.tensor(0), call.integers([try call.int(1)])],
        [
          ("axis", .int(try call.axis(2))), ("largest", .int(try call.int(3))),
          ("sorted", .int(try call.int(4))),
        ]
      )
    },
    "unbind": { call in
      let (x, axis) = (try call.tensor(0), try call.axis(1))
      for (index, part) in try parts(call).enumerated() {
        let one = call.emit("Gather", [x, call.integer(index)], [("axis", .int(axis))])
        call.translator.remember(part, as: one)
      }
    },
    "chunk": { call in
      let parts = try parts(call)
      guard parts.count == (try call.int(1)) else { throw call.fail("its parts are not even") }
      let outputs = parts.map { call.translator.resultName($0) }
      call.translator.append(
        "Split",
        [try call.tensor(0)],
        outputs,
        [("axis", .int(try call.axis(2)))],
        named: call.translator.nodeName(call.node)
      )
    },
    "split": { call in
      let (size, parts) = (try call.int(1), try parts(call))
      try pieces(call, parts, [Int](repeating: size, count: parts.count))
    },
    "split_with_sizes": { call in try pieces(call, parts(call), call.ints(1)) },
  ]

  private static func parts(_ call: Call) throws -> [OperatorGraph.ValueID] {
    let parts = call.node.outputs.first.map { call.translator.parts(of: $0) } ?? []
    guard !parts.isEmpty else { throw call.fail("its results are not taken apart") }
    return parts
  }

  /// One slice each; the last goes to the end, however much that is.
  private static func pieces(
    _ call: Call,
    _ parts: [OperatorGraph.ValueID],
    _ sizes: [Int]
  ) throws {
    guard parts.count == sizes.count else { throw call.fail("it has other parts than sizes") }
    let (x, axis) = (try call.tensor(0), try call.axis(2))
    var start = 0
    for (index, part) in parts.enumerated() {
      let end = index == parts.count - 1 ? Int(Int32.max) : start + sizes[index]
      call.translator.remember(part, as: call.slice(x, axis: axis, from: start, to: end))
      start = end
    }
  }

  private static func finishSlice(
    _ call: Call,
    _ x: String,
    _ axis: Int,
    _ start: Int,
    _ end: Int,
    _ step: Int
  ) {
    call.finish(
      "Slice",
      [
        x, call.integers([start]), call.integers([end]), call.integers([axis]),
        call.integers([step]),
      ]
    )
  }

  // MARK: - One number of many

  static let reductions: [String: Translation] = [
    "mean": { call in try reduce(call, "ReduceMean", takesAxes: false) },
    "sum": { call in try reduce(call, "ReduceSum", takesAxes: true) },
    "amax": { call in try reduce(call, "ReduceMax", takesAxes: false) },
    "amin": { call in try reduce(call, "ReduceMin", takesAxes: false) },
    "max": { call in try extreme(call, "ReduceMax", "ArgMax", "Max") },
    "min": { call in try extreme(call, "ReduceMin", "ArgMin", "Min") },
    "argmax": { call in
      guard !call.isNone(1) else { throw call.fail("it has no axis") }
      call.finish(
        "ArgMax",
        [try call.tensor(0)],
        [("axis", .int(try call.axis(1))), ("keepdims", .int(try call.int(2)))]
      )
    },
  ]

  /// Axes are an input of `ReduceSum`, an attribute of the others in this operator set.
  private static func reduce(_ call: Call, _ type: String, takesAxes: Bool) throws {
    let x = try call.operand(0, as: call.resultType.element)
    // Without axes, all: `sum(x, dtype)`.
    let hasAxes = call.node.inputs.count > 2 && !call.isNone(1)
    let rank = try call.rank()
    let axes = hasAxes ? try call.ints(1).map { Call.positive($0, rank) } : []
    var attributes: [(name: String, value: ONNXGraph.Attribute)] = [
      ("keepdims", .int(hasAxes ? try call.int(2) : 0))
    ]
    if !axes.isEmpty, !takesAxes { attributes.append(("axes", .ints(axes))) }
    call.finish(type, !axes.isEmpty && takesAxes ? [x, call.integers(axes)] : [x], attributes)
  }

  /// `max(x)`, `max(x, dim, keepdim)` and `max(x, other)`.
  private static func extreme(
    _ call: Call,
    _ type: String,
    _ index: String,
    _ pair: String
  ) throws {
    let x = try call.tensor(0)
    guard call.node.outputs.count == 2 else {
      if call.node.inputs.count == 2 { return call.finish(pair, [x, try call.tensor(1)]) }
      return call.finish(type, [x], [("keepdims", .int(0))])
    }
    let (axis, keep) = (try call.axis(1), try call.int(2))
    let value = call.emit(type, [x], [("axes", .ints([axis])), ("keepdims", .int(keep))])
    let place = call.emit(index, [x], [("axis", .int(axis)), ("keepdims", .int(keep))])
    for (output, name) in zip(call.node.outputs, [value, place]) {
      call.translator.remember(output, as: name)
    }
  }
}
