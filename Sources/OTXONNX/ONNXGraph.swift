import OTXCore

/// A graph in ONNX's terms: nodes that name their inputs and outputs.
struct ONNXGraph {
  struct Node {
    var name: String
    var operatorType: String
    var inputs: [String]
    var outputs: [String]
    var attributes: [(name: String, value: Attribute)]
  }

  enum Attribute {
    case int(Int)
    case float(Float)
    case string(String)
    case ints([Int])
    case tensor(ArrayBuffer)
  }

  /// A named array of the graph: a weight, or a number that an operator takes as an input.
  struct Initializer {
    var name: String
    var array: ArrayBuffer
  }

  /// An input or output; an axis is a number, or the name of an open one.
  struct Port {
    enum Axis {
      case fixed(Int)
      case open(String)
    }
    var name: String
    var elementType: ElementType
    var axes: [Axis]
  }

  var name: String
  var nodes: [Node] = []
  var initializers: [Initializer] = []
  var inputs: [Port] = []
  var outputs: [Port] = []
}

/// Where an initializer's bytes stand in the file beside the model.
struct ExternalData {
  var file: String
  var offset: Int
}

// Field numbers and type codes are those of ONNX's onnx.proto (IR version 8).

extension ONNXGraph {
  /// The model as `ModelProto`.
  ///
  /// - Parameters:
  ///   - metadata: `metadata_props`, in order.
  ///   - producer: The program and its version.
  ///   - external: Where initializers stand that are not in the message, by name.
  /// - Returns: The message.
  func model(
    metadata: [(key: String, value: String)],
    producer: (name: String, version: String),
    external: [String: ExternalData] = [:]
  ) -> ProtobufMessage {
    var model = ProtobufMessage()
    model.add(1, ONNXGraph.irVersion)
    model.add(2, producer.name)
    model.add(3, producer.version)
    model.add(7, message(external))
    var operators = ProtobufMessage()
    operators.add(1, "")
    operators.add(2, ONNXGraph.operatorSet)
    model.add(8, operators)
    for (key, value) in metadata { model.add(14, entry(key, value)) }
    return model
  }

  /// The oldest operator set that has everything that is written (`LayerNormalization`), so that
  /// older runtimes read it too.
  static let operatorSet = 17
  private static let irVersion = 8

  private func message(_ external: [String: ExternalData]) -> ProtobufMessage {
    var graph = ProtobufMessage()
    for node in nodes { graph.add(1, node.message) }
    graph.add(2, name)
    for initializer in initializers {
      graph.add(5, initializer.array.message(initializer.name, external[initializer.name]))
    }
    for port in inputs { graph.add(11, port.message) }
    for port in outputs { graph.add(12, port.message) }
    return graph
  }
}

private func entry(_ key: String, _ value: String) -> ProtobufMessage {
  var message = ProtobufMessage()
  message.add(1, key)
  message.add(2, value)
  return message
}

extension ONNXGraph.Node {
  fileprivate var message: ProtobufMessage {
    var message = ProtobufMessage()
    for input in inputs { message.add(1, input) }
    for output in outputs { message.add(2, output) }
    message.add(3, name)
    message.add(4, operatorType)
    for attribute in attributes { message.add(5, attribute.value.message(attribute.name)) }
    return message
  }
}

extension ONNXGraph.Attribute {
  fileprivate func message(_ name: String) -> ProtobufMessage {
    var message = ProtobufMessage()
    message.add(1, name)
    let type: Int
    switch self {
    case .float(let value):
      message.add(2, value)
      type = 1
    case .int(let value):
      message.add(3, value)
      type = 2
    case .string(let text):
      message.add(4, text)
      type = 3
    case .tensor(let array):
      message.add(5, array.message("", nil))
      type = 4
    case .ints(let values):
      for value in values { message.add(8, value) }
      type = 7
    }
    message.add(20, type)
    return message
  }
}

extension ONNXGraph.Port {
  fileprivate var message: ProtobufMessage {
    var shape = ProtobufMessage()
    for axis in axes {
      var dimension = ProtobufMessage()
      switch axis {
      case .fixed(let extent): dimension.add(1, extent)
      case .open(let name): dimension.add(2, name)
      }
      shape.add(1, dimension)
    }
    var tensor = ProtobufMessage()
    tensor.add(1, elementType.onnxCode)
    tensor.add(2, shape)
    var type = ProtobufMessage()
    type.add(1, tensor)
    var message = ProtobufMessage()
    message.add(1, name)
    message.add(2, type)
    return message
  }
}

extension ArrayBuffer {
  /// A `TensorProto`; its bytes stand in the message or where `external` says.
  fileprivate func message(_ name: String, _ external: ExternalData?) -> ProtobufMessage {
    var message = ProtobufMessage()
    for extent in shape { message.add(1, extent) }
    message.add(2, elementType.onnxCode)
    if !name.isEmpty { message.add(8, name) }
    guard let external else {
      message.add(9, bytes)
      return message
    }
    message.add(13, entry("location", external.file))
    message.add(13, entry("offset", String(external.offset)))
    message.add(13, entry("length", String(bytes.count)))
    message.add(14, 1)
    return message
  }
}

extension ElementType {
  /// `TensorProto.DataType`.
  var onnxCode: Int {
    switch self {
    case .float32: 1
    case .uint8: 2
    case .int8: 3
    case .int16: 5
    case .int32: 6
    case .int64: 7
    case .bool: 9
    case .float16: 10
    case .float64: 11
    case .bfloat16: 16
    }
  }
}
