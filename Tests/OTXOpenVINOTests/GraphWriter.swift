import OTXCore

/// Writes graphs down by hand, as the recorder of the tensor layer would.
struct GraphWriter {
  private(set) var graph = OperatorGraph()

  typealias Value = OperatorGraph.ValueID

  /// An argument of an operator: a value of the graph or a constant.
  enum Argument {
    case value(Value)
    case list([Value])
    case constant(OperatorGraph.Constant)
    static func int(_ value: Int) -> Argument { .constant(.int(value)) }
    static func ints(_ values: Int...) -> Argument { .constant(.intList(values)) }
    static func double(_ value: Double) -> Argument { .constant(.double(value)) }
    static func bool(_ value: Bool) -> Argument { .constant(.bool(value)) }
    static var none: Argument { .constant(.none) }
  }

  private mutating func value(_ name: String, _ type: OperatorGraph.ValueType) -> Value {
    graph.values.append(.init(name: name, type: type))
    return graph.values.count - 1
  }

  mutating func input(
    _ name: String,
    _ shape: [Int?],
    _ element: ElementType = .float32
  ) -> Value {
    let value = value(name, .tensor(element, rank: shape.count))
    graph.inputs.append(.init(name: name, value: value, shape: shape))
    return value
  }

  mutating func output(_ name: String, _ value: Value) {
    graph.outputs.append(.init(name: name, value: value, shape: []))
  }

  mutating func weight(_ name: String, _ values: [Float], _ shape: [Int]) -> Value {
    let array = ArrayBuffer(
      elementType: .float32,
      shape: shape,
      bytes: values.withUnsafeBytes { [UInt8]($0) }
    )
    let value = value(name, .tensor(.float32, rank: shape.count))
    graph.nodes.append(
      .init(
        operatorName: "prim::Constant",
        inputs: [],
        outputs: [value],
        constant: .tensor(array)
      )
    )
    return value
  }

  /// Calls an operator with results of `ranks`.
  mutating func call(
    _ name: String,
    _ arguments: [Argument],
    ranks: [Int],
    elements: [ElementType] = [.float32]
  ) -> [Value] {
    let inputs = arguments.map { argument -> Value in
      switch argument {
      case .value(let value): return value
      case .list(let values):
        let list = value("list\(graph.values.count)", .tensorList)
        graph.nodes.append(
          .init(operatorName: "prim::ListConstruct", inputs: values, outputs: [list])
        )
        return list
      case .constant(let constant):
        let result = value("constant\(graph.values.count)", constant.type)
        graph.nodes.append(
          .init(operatorName: "prim::Constant", inputs: [], outputs: [result], constant: constant)
        )
        return result
      }
    }
    let short = name.split(separator: ":").last.map(String.init) ?? name
    let outputs = ranks.indices.map { index in
      value(
        "\(short)\(graph.values.count)",
        .tensor(index < elements.count ? elements[index] : elements[0], rank: ranks[index])
      )
    }
    graph.nodes.append(.init(operatorName: name, inputs: inputs, outputs: outputs))
    return outputs
  }

  /// Calls an operator with one result.
  mutating func one(
    _ name: String,
    _ arguments: Argument...,
    rank: Int,
    element: ElementType = .float32
  ) -> Value {
    call(name, arguments, ranks: [rank], elements: [element])[0]
  }
}

extension OperatorGraph.Constant {
  fileprivate var type: OperatorGraph.ValueType {
    switch self {
    case .none: .none
    case .bool: .bool
    case .int: .int
    case .double: .double
    case .string: .string
    case .intList: .intList
    case .doubleList: .doubleList
    case .boolList: .boolList
    case .tensor(let array): .tensor(array.elementType, rank: array.shape.count)
    }
  }
}
