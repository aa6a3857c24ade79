/// What quantisation does with an operation.
enum QuantizationTrait: Equatable {
  /// It computes with whole numbers where its inputs are quantised.
  case quantizesInputs
  /// It only moves numbers: whether they are quantised is all the same.
  case passesThrough
  /// It joins values; they should share one scale.
  case joins
  /// It computes with real numbers.
  case real
}

/// How a value may be quantised, the best way first.
struct QuantizerChoice: Hashable {
  var isSymmetric: Bool
  /// A range for each channel instead of one for all.
  var isPerChannel: Bool
}

/// What OpenVINO's CPU plug-in quantises, as NNCF 3.4 describes it.
enum OperatorTraits {
  /// Convolutions and products of matrices.
  static let linear: Set<String> = [
    "Convolution", "GroupConvolution", depthwise, "ConvolutionBackpropData",
    "GroupConvolutionBackpropData", "DeformableConvolution", "MatMul",
  ]

  static let activations: Set<String> = [
    "Relu", "Clamp", "Elu", "PRelu", "Sigmoid", "HSigmoid", "HardSigmoid", "Swish", "HSwish",
    "Selu",
  ]

  static let arithmetic: Set<String> = ["Add", "Subtract", "Multiply", "Divide"]

  /// Operations on two values, entry by entry.
  static let elementwise: Set<String> = arithmetic.union(comparisons).union([
    "FloorMod", "LogicalOr", "LogicalXor", "LogicalAnd", "Maximum", "Minimum",
  ])

  /// Operations whose constant inputs are weights.
  static let weighted: Set<String> = [
    "Convolution", "GroupConvolution", depthwise, "ConvolutionBackpropData",
    "GroupConvolutionBackpropData", "MatMul", "LSTMSequence", "GRUSequence",
  ]

  /// Operations that mark the post-processing of a model's outputs.
  static let postprocessing: Set<String> = ["TopK", "NonMaxSuppression"]

  /// What is left out in transformers.
  static let leftOutOfTransformers: Set<String> = comparisons.union([
    "Add", "Power", "Squeeze", "Subtract", "AvgPool", "ReduceMean", "ReduceL2", "ReduceSum",
    "SquaredDifference", "MVN", "GroupNormalization", "BatchNormInference", "Divide", "Sqrt",
    "Maximum", "Multiply",
  ])

  /// What a group convolution of one channel a group is called here.
  static let depthwise = "DepthwiseConvolution"

  private static let comparisons: Set<String> = [
    "Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual",
  ]

  private static let quantized: Set<String> = elementwise.union(linear)
    .subtracting(["DeformableConvolution"])
    .union([
      "LogicalNot", "Power", "Sqrt", "AvgPool", "AdaptiveAvgPool", "ReduceL2", "ReduceMean",
      "ReduceSum", "Interpolate", "MVN", "NormalizeL2", "LSTMSequence", "GRUSequence",
      "GroupNormalization", "ScaledDotProductAttention", "BatchNormInference",
      "SquaredDifference",
    ])

  private static let moving: Set<String> = [
    "MaxPool", "AdaptiveMaxPool", "ReduceMax", "Reshape", "Squeeze", "Unsqueeze", "Split",
    "VariadicSplit", "Transpose", "Tile", "StridedSlice", "ShuffleChannels", "Broadcast", "Pad",
    "ConvertLike", "Gather", "GatherND", "GatherElements", "ScatterUpdate", "ScatterNDUpdate",
    "ScatterElementsUpdate", "DepthToSpace", "SpaceToDepth", "BatchToSpace", "SpaceToBatch",
  ]

  /// The trait of operations of a type.
  static func trait(of type: String) -> QuantizationTrait {
    if type == "Concat" { return .joins }
    if quantized.contains(type) { return .quantizesInputs }
    return moving.contains(type) ? .passesThrough : .real
  }

  /// How the inputs of an operation of a type may be quantised.
  static func choices(for type: String, isSymmetric: Bool) -> [QuantizerChoice] {
    let whole = QuantizerChoice(isSymmetric: isSymmetric, isPerChannel: false)
    switch type {
    case depthwise: return [QuantizerChoice(isSymmetric: isSymmetric, isPerChannel: true), whole]
    case "ScaledDotProductAttention":
      return [QuantizerChoice(isSymmetric: true, isPerChannel: false)]
    default: return [whole]
    }
  }

  /// The inputs of an operation that are quantised; `nil`: all.
  static func quantizedInputs(of type: String) -> Set<Int>? {
    type == "ScaledDotProductAttention" ? [0, 1] : nil
  }
}

extension OperationGraph {
  /// The type of a node as traits and patterns know it.
  func kind(of node: Int) -> String {
    let type = nodes[node].type
    guard type == "GroupConvolution" else { return type }
    let channels = value(at: .input(node, 0)).shape.flatMap { $0.count > 1 ? $0[1] : nil }
    let groups = value(at: .input(node, 1)).shape.flatMap { $0.first ?? nil }
    guard let channels, channels == groups, channels > 1 else { return type }
    return OperatorTraits.depthwise
  }

  /// The inputs of a node that hold its weights.
  ///
  /// - Parameters:
  ///   - node: Which.
  ///   - variable: ``variableNodes``.
  /// - Returns: None for a node without weights.
  func weightInputs(of node: Int, variable: Set<Int>) -> [Int] {
    guard OperatorTraits.weighted.contains(kind(of: node)), variable.contains(node) else {
      return []
    }
    let limit: Int
    switch nodes[node].type {
    case "ConvolutionBackpropData", "GroupConvolutionBackpropData": limit = 2
    case "GRUSequence": limit = 5
    case "LSTMSequence": limit = 6
    default: limit = .max
    }
    return nodes[node].inputs.indices.prefix(limit).filter { input in
      guard !variable.contains(nodes[node].inputs[input].node),
        let constant = constant(of: node, input: input)
      else { return false }
      return nodes[constant].outputs[0].isFloating
    }
  }
}
