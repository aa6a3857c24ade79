/// The patterns that quantisation knows, as NNCF 3.4 names them for OpenVINO's CPU plug-in.
enum GraphPatterns {
  private static let linear = OperatorTraits.linear
  private static let activations = OperatorTraits.activations
  private static let arithmetic = OperatorTraits.arithmetic
  private static let add: Set = ["Add"]
  private static let multiply: Set = ["Multiply"]
  private static let processing: Set = ["Add", "Multiply", "Subtract"]
  private static let parameter: Set = ["Parameter"]

  /// Operations that the plug-in runs as one: nothing is quantised between them.
  ///
  /// Where two of the same length match, the first of the list counts.
  static let fused: [GraphPattern] =
    blocks + activationBlocks + inputs + combinations + scaled

  private static let blocks: [GraphPattern] = [
    .chain(add, multiply, add, ["Result"]),
    .chain(
      ["Subtract"],
      multiply,
      multiply,
      add,
      ["Unsqueeze"],
      ["Concat"],
      ["Concat"],
      ["Reshape"],
      ["Convolution"]
    ),
    .chain(["MVN"], multiply, add),
    .chain(["NormalizeL2"], multiply),
    .chain(linear, add),
    .chain(multiply, add),
    .chain(["Add", "Subtract"], ["Multiply", "Divide"]),
    .graph([["Exp"], ["ReduceSum"], ["Divide"]], [(0, 1), (0, 2), (1, 2)]),
  ]

  private static let activationBlocks: [GraphPattern] = [
    // x * clamp(x + 3) / 6 in its spellings.
    .graph(
      [linear, add, add, ["Clamp"], multiply, multiply],
      [(0, 1), (1, 2), (2, 3), (1, 4), (3, 4), (4, 5)]
    ),
    .graph(
      [["Add", "Multiply", "ReduceMean", "Squeeze"], add, ["Clamp"], multiply, multiply],
      [(0, 1), (1, 2), (2, 3), (0, 4), (3, 4)]
    ),
    .graph(
      [linear, add, add, ["Clamp"], multiply],
      [(0, 1), (1, 2), (2, 3), (1, 4), (3, 4)]
    ),
    .graph([linear, add, ["HardSigmoid"], multiply], [(0, 1), (1, 2), (1, 3), (2, 3)]),
    .graph([["Exp"], ["ReduceSum"], ["Power"], multiply], [(0, 1), (1, 2), (0, 3), (2, 3)]),
  ]

  /// What is done to pictures before the first layer.
  private static let inputs: [GraphPattern] = [
    .chain(parameter, ["Convert"], ["Transpose"], processing),
    .chain(parameter, ["Convert"], ["Transpose"], ["Split"], ["Concat"], add),
    .chain(parameter, ["Convert"], ["Transpose"], ["Split"], ["Concat"], multiply, add),
    .chain(parameter, ["Convert"], ["Transpose"], multiply, add),
    .chain(parameter, processing),
    .chain(parameter, ["Split"], ["Concat"], add),
    .chain(parameter, ["Split"], ["Concat"], multiply, add),
    .chain(parameter, multiply, add),
    .chain(parameter, ["Add", "Subtract"], ["Multiply", "Divide"]),
    .chain(parameter, ["Transpose"], processing),
    .chain(parameter, ["Transpose"], ["Split"], ["Concat"], add),
    .chain(parameter, ["Transpose"], multiply, add),
  ]

  private static let combinations: [GraphPattern] = [
    .chain(activations, ["BatchNormInference"]),
    .chain(arithmetic, activations),
    .chain(arithmetic, activations, arithmetic),
    .chain(["BatchNormInference"], activations),
    .chain(linear, activations),
    .chain(linear, arithmetic),
    .graph([linear, arithmetic], [(0, 1), (0, 1)]),
    .chain(linear, arithmetic, activations),
    .chain(linear, ["Add", "Subtract"], ["Multiply", "Divide"]),
    .chain(linear, arithmetic, activations, arithmetic),
    .chain(linear, ["Squeeze"], activations),
    .chain(linear, ["Squeeze"], arithmetic, activations),
    .chain(["MVN"], multiply, add, activations),
    .chain(linear, add, activations, ["Unsqueeze"], multiply, add, ["Squeeze"]),
  ]

  private static let scaled: [GraphPattern] = [
    .chain(["Clamp"], multiply),
    .chain(multiply, add, activations),
    .chain(linear, multiply, add),
    .chain(linear, add, multiply, add),
    .chain(linear, activations, multiply, add),
    .chain(linear, add, activations, multiply, add),
    .chain(linear, ["BatchToSpace"], multiply, add, activations),
    .chain(linear, ["BatchToSpace"], arithmetic, activations),
    .chain(linear, OperatorTraits.elementwise),
    .chain(linear, add, OperatorTraits.elementwise),
    .chain(linear, activations, OperatorTraits.elementwise),
    .chain(linear, add, activations, OperatorTraits.elementwise),
  ]

  /// Operations that are left as they are.
  static func ignored(inTransformer isTransformer: Bool) -> [GraphPattern] {
    let always: [GraphPattern] = [
      .chain(["Unsqueeze"], multiply, add, ["Squeeze"]),
      .chain(["Equal"], ["LogicalNot"]),
      squeezeAndExcite,
    ]
    return isTransformer ? attention + always + positions : always
  }

  /// The layers that weigh channels; what they are computed from and multiplied with is no part.
  private static let squeezeAndExcite = GraphPattern(
    nodes: [
      .init(types: nil),
      .init(types: ["ReduceMean"], isPart: false),
      .init(types: linear),
      .init(types: add),
      .init(types: ["Relu", "PRelu", "Swish"]),
      .init(types: linear),
      .init(types: add),
      .init(types: ["Sigmoid", "HSigmoid"]),
      .init(types: multiply, isPart: false),
    ],
    edges: [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (0, 8)]
  )

  /// Attention's weights times its values.
  private static let attention: [GraphPattern] = {
    let values: Set = [
      "ReadValue", "Reshape", "Transpose", "Split", "Gather", "Squeeze", "Concat",
    ]
    let softmax: Set = ["SoftMax", "Softmax"]
    return [
      .graph([softmax, values, ["MatMul"]], [(0, 2), (1, 2)]),
      .graph([softmax, ["Reshape"], values, ["MatMul"]], [(0, 1), (1, 3), (2, 3)]),
    ]
  }()

  /// Codes of positions as sines and cosines.
  private static let positions: [GraphPattern] = {
    let (matrix, cosine, sine): (Set, Set, Set) = (["MatMul"], ["Cos"], ["Sin"])
    return [
      .graph(
        [matrix, ["Transpose"], ["Concat"], cosine, sine],
        [(0, 1), (1, 2), (1, 2), (2, 3), (2, 4)]
      ),
      .graph([matrix, ["Concat"], cosine, sine], [(0, 1), (0, 1), (1, 2), (1, 3)]),
      .graph([matrix, ["Transpose"], cosine, sine], [(0, 1), (1, 2), (1, 3)]),
      .graph(
        [matrix, multiply, cosine, sine, ["Concat"]],
        [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)]
      ),
    ]
  }()
}
