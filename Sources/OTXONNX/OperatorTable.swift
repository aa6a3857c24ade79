import OTXCore

/// What each of libtorch's operators is in ONNX.
///
/// Their meaning is that of PyTorch's documentation and of ONNX's "Operators.md", operator set 17.
enum OperatorTable {
  typealias Translation = @Sendable (Call) throws -> Void

  /// `nil` for an operator that has none.
  ///
  /// What writes into its argument (`aten::relu_`, as TorchScript files have it) is written like the
  /// operator that does not: a recorded graph goes on with its result.
  static func translation(of name: String) -> Translation? {
    if let known = table[name] { return known }
    return name.hasSuffix("_") ? table[String(name.dropLast())] : nil
  }

  /// The operators that have a translation, by name.
  static var names: [String] { table.keys.sorted() }

  private static let table: [String: Translation] =
    [unary, binary, shapes, indexing, reductions, layers]
    .reduce(into: [:]) { all, part in
      for (name, translation) in part { all["aten::\(name)"] = translation }
    }
    .merging(["torchvision::nms": nonMaximumSuppression]) { first, _ in first }

  // MARK: - One tensor in, one of the same shape out

  static let unary: [String: Translation] = [
    "relu": same("Relu"), "sigmoid": same("Sigmoid"), "tanh": same("Tanh"), "exp": same("Exp"),
    "log": same("Log"), "sqrt": same("Sqrt"), "abs": same("Abs"), "neg": same("Neg"),
    "floor": same("Floor"), "ceil": same("Ceil"), "round": same("Round"), "sign": same("Sign"),
    "sin": same("Sin"), "cos": same("Cos"), "erf": same("Erf"), "reciprocal": same("Reciprocal"),
    "hardswish": same("HardSwish"), "logical_not": same("Not"), "bitwise_not": same("Not"),
    "contiguous": alias, "clone": alias, "detach": alias, "dropout": alias, "alias": alias,
    "feature_dropout": alias, "type_as": castToResult, "to": castToResult,
    "square": { call in
      let x = try call.tensor(0)
      call.finish("Mul", [x, x])
    },
    "rsqrt": { call in call.finish("Reciprocal", [call.emit("Sqrt", [try call.tensor(0)])]) },
    "silu": { call in
      let x = try call.tensor(0)
      call.finish("Mul", [x, call.emit("Sigmoid", [x])])
    },
    "softplus": { call in
      guard try call.double(1) == 1 else { throw call.fail("its beta is not 1") }
      call.finish("Softplus", [try call.tensor(0)])
    },
    "mish": { call in
      let x = try call.tensor(0)
      call.finish("Mul", [x, call.emit("Tanh", [call.emit("Softplus", [x])])])
    },
    "hardsigmoid": { call in
      call.finish(
        "HardSigmoid",
        [try call.tensor(0)],
        [("alpha", .float(1 / 6)), ("beta", .float(0.5))]
      )
    },
    "leaky_relu": { call in
      call.finish(
        "LeakyRelu",
        [try call.tensor(0)],
        [("alpha", .float(Float(try call.double(1))))]
      )
    },
    "elu": { call in
      guard try call.double(2) == 1, try call.double(3) == 1 else {
        throw call.fail("its scales are not 1")
      }
      call.finish("Elu", [try call.tensor(0)], [("alpha", .float(Float(try call.double(1))))])
    },
    "gelu": gelu, "clamp": clamp, "hardtanh": clamp,
    "relu6": { call in
      let type = try call.resultType.element
      call.finish("Clip", [try call.tensor(0), try call.scalar(0, type), try call.scalar(6, type)])
    },
    "softmax": { call in
      call.finish("Softmax", [try call.tensor(0)], [("axis", .int(try call.axis(1)))])
    },
    "log_softmax": { call in
      call.finish("LogSoftmax", [try call.tensor(0)], [("axis", .int(try call.axis(1)))])
    },
    "cumsum": { call in
      let x = try call.operand(0, as: call.resultType.element)
      call.finish("CumSum", [x, call.integer(try call.axis(1))])
    },
    "zeros_like": { call in try fill(call, with: 0) },
    "ones_like": { call in try fill(call, with: 1) },
  ]

  private static func same(_ type: String) -> Translation {
    { call in call.finish(type, [try call.tensor(0)]) }
  }

  private static let alias: Translation = { call in call.finish(as: try call.tensor(0)) }

  /// Another element type; which one the result says, whatever the operator's overload.
  private static let castToResult: Translation = { call in
    let type = try call.resultType.element
    guard try call.elementType(0) != type else { return call.finish(as: try call.tensor(0)) }
    call.finish("Cast", [try call.tensor(0)], [("to", .int(type.onnxCode))])
  }

  private static let clamp: Translation = { call in
    let type = try call.resultType.element
    let limits = try [1, 2].map { index in
      try call.optionalDouble(index).map { try call.scalar($0, type) } ?? ""
    }
    call.finish("Clip", [try call.operand(0, as: type)] + limits)
  }

  private static let gelu: Translation = { call in
    let (x, type) = (try call.tensor(0), try call.resultType.element)
    func number(_ value: Double) throws -> String { try call.scalar(value, type) }
    let inner: String
    if call.text(1) == "tanh" {
      let cube = call.emit("Mul", [call.emit("Mul", [x, x]), x])
      let sum = call.emit("Add", [x, call.emit("Mul", [cube, try number(0.044715)])])
      inner = call.emit(
        "Tanh",
        [call.emit("Mul", [sum, try number((2 / Double.pi).squareRoot())])]
      )
    } else {
      inner = call.emit("Erf", [call.emit("Div", [x, try number(2.0.squareRoot())])])
    }
    let gate = call.emit("Mul", [call.emit("Add", [inner, try number(1)]), try number(0.5)])
    call.finish("Mul", [x, gate])
  }

  private static func fill(_ call: Call, with number: Double) throws {
    let type = try call.resultType.element
    guard let value = ArrayBuffer.filled(number, type, shape: [1]) else {
      throw call.fail("numbers of type \(type.rawValue) are not written")
    }
    let shape = call.emit("Shape", [try call.tensor(0)])
    call.finish("ConstantOfShape", [shape], [("value", .tensor(value))])
  }

  // MARK: - Two tensors, or a tensor and a number

  private static let binary: [String: Translation] = [
    "add": { call in try scaled(call, "Add") }, "sub": { call in try scaled(call, "Sub") },
    "rsub": { call in
      guard try call.double(2) == 1 else { throw call.fail("its alpha is not 1") }
      let type = try call.resultType.element
      call.finish("Sub", [try call.operand(1, as: type), try call.operand(0, as: type)])
    },
    "mul": pair("Mul"), "maximum": pair("Max"), "minimum": pair("Min"), "pow": pair("Pow"),
    "logical_and": pair("And"), "logical_or": pair("Or"), "logical_xor": pair("Xor"),
    "div": divide,
    "floor_divide": { call in
      let (a, b) = try operands(call)
      call.finish(as: try floored(call, a, b))
    },
    "remainder": remainder,
    "eq": compare("Equal"), "gt": compare("Greater"), "ge": compare("GreaterOrEqual"),
    "lt": compare("Less"), "le": compare("LessOrEqual"),
    "ne": { call in
      let (a, b) = try compared(call)
      call.finish("Not", [call.emit("Equal", [a, b])])
    },
    "where": { call in
      let type = try call.resultType.element
      call.finish(
        "Where",
        [try call.tensor(0), try call.operand(1, as: type), try call.operand(2, as: type)]
      )
    },
    "masked_fill": { call in
      let type = try call.resultType.element
      call.finish("Where", [try call.tensor(1), try call.operand(2, as: type), try call.tensor(0)])
    },
    "prelu": { call in
      let rank = try call.rank()
      var slope = try call.tensor(1)
      if rank > 2 {
        slope = call.emit(
          "Reshape",
          [slope, call.integers([-1] + [Int](repeating: 1, count: rank - 2))]
        )
      }
      call.finish("PRelu", [try call.tensor(0), slope])
    },
    "matmul": pair("MatMul"), "bmm": pair("MatMul"),
  ]

  private static func operands(_ call: Call) throws -> (String, String) {
    let type = try call.resultType.element
    return (try call.operand(0, as: type), try call.operand(1, as: type))
  }

  private static func pair(_ type: String) -> Translation {
    { call in
      let (a, b) = try operands(call)
      call.finish(type, [a, b])
    }
  }

  /// `a ± alpha * b`.
  private static func scaled(_ call: Call, _ type: String) throws {
    let (a, b) = try operands(call)
    let alpha = call.isNone(2) ? 1 : try call.double(2)
    guard alpha != 1 else { return call.finish(type, [a, b]) }
    call.finish(type, [a, call.emit("Mul", [b, try call.scalar(alpha, call.resultType.element)])])
  }

  private static let divide: Translation = { call in
    let (a, b) = try operands(call)
    switch call.text(2) {
    case nil: call.finish("Div", [a, b])
    case "floor": call.finish(as: try floored(call, a, b))
    default: throw call.fail("rounding to zero is not written")
    }
  }

  /// ONNX divides integers towards zero; taking the remainder away first rounds down.
  private static func floored(_ call: Call, _ a: String, _ b: String) throws -> String {
    guard try call.resultType.element == .int64 else {
      return call.emit("Floor", [call.emit("Div", [a, b])])
    }
    return call.emit("Div", [call.emit("Sub", [a, call.emit("Mod", [a, b])]), b])
  }

  /// With the sign of the divisor, as ONNX's `Mod` has it for integers.
  private static let remainder: Translation = { call in
    let (a, b) = try operands(call)
    guard try call.resultType.element != .int64 else { return call.finish("Mod", [a, b]) }
    call.finish("Sub", [a, call.emit("Mul", [try floored(call, a, b), b])])
  }

  /// Operands of one type: the tensors', or floats where they differ.
  private static func compared(_ call: Call) throws -> (String, String) {
    let first = try call.elementType(0) ?? .float32
    let second = try call.elementType(1)
    let isWhole = try second == nil && call.double(1).truncatingRemainder(dividingBy: 1) == 0
    let type: ElementType = second == first || first == .float32 || isWhole ? first : .float32
    return (try call.operand(0, as: type), try call.operand(1, as: type))
  }

  private static func compare(_ type: String) -> Translation {
    { call in
      let (a, b) = try compared(call)
      call.finish(type, [a, b])
    }
  }

  // MARK: - Suppression

  /// ONNX suppresses in `[batch, boxes, 4]` and answers with triples, of which the last is the box.
  ///
  /// It reads a box as two opposite corners, whichever comes first, so x may stand for y.
  private static let nonMaximumSuppression: Translation = { call in
    guard let overlap = ArrayBuffer.filled(try call.double(2), .float32, shape: [1]) else { return }
    let boxes = call.emit("Unsqueeze", [try call.tensor(0), call.integers([0])])
    let scores = call.emit("Unsqueeze", [try call.tensor(1), call.integers([0, 1])])
    let chosen = call.emit(
      "NonMaxSuppression",
      [
        boxes, scores, call.integers([Int(Int32.max)]),
        call.translator.shared(overlap),
      ]
    )
    call.finish("Gather", [chosen, call.integer(2)], [("axis", .int(1))])
  }
}
