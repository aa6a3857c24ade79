import COpenVINO
import Foundation
import OTXCore

/// Hands a recorded graph to the shim, value by value and node by node.
final class GraphBuilder {
  private let library: OpenVINOLibrary
  private let handle: OpaquePointer

  init(library: OpenVINOLibrary) {
    self.library = library
    handle = library.table.graphMake()
  }

  deinit { library.table.graphFree(handle) }

  func add(_ graph: OperatorGraph) throws {
    let table = library.table
    let names = graph.nodeNames
    for (index, value) in graph.values.enumerated() {
      let (type, element, rank) = value.type.code
      try check(
        table.graphAddValue(handle, names[index] ?? value.name, type, element, rank)
      )
    }
    for node in graph.nodes { try add(node) }
    for port in graph.inputs {
      try port.value.check(in: graph)
      guard case .tensor(let element, _) = graph.values[port.value].type else {
        throw ModelError.exportFailed("the graph's input '\(port.name)' is no tensor")
      }
      let shape = port.shape.map { Int64($0 ?? -1) }
      try check(
        table.graphAddInput(handle, port.name, port.value, element.code, shape, shape.count)
      )
    }
    for port in graph.outputs {
      try port.value.check(in: graph)
      try check(table.graphAddOutput(handle, port.name, port.value))
    }
  }

  /// - Returns: A model handle that the caller frees.
  func convert(name: String) throws -> OpaquePointer {
    var model: OpaquePointer?
    guard let message = library.table.graphConvert(handle, name, &model) else {
      return try model.orThrow("converting the graph")
    }
    throw ModelError.exportFailed(Self.conversionFailure(library.take(message)))
  }

  private func add(_ node: OperatorGraph.Node) throws {
    let table = library.table
    guard let constant = node.constant else {
      return try check(
        table.graphAddOperator(
          handle,
          node.operatorName,
          node.inputs,
          node.inputs.count,
          node.outputs,
          node.outputs.count
        )
      )
    }
    guard let output = node.outputs.first, node.outputs.count == 1, node.inputs.isEmpty else {
      throw ModelError.exportFailed("a constant of the graph has not exactly one value")
    }
    func integers(_ numbers: [Int64]) throws {
      try check(table.graphAddIntegers(handle, output, numbers, numbers.count))
    }
    switch constant {
    case .none: try check(table.graphAddNone(handle, output))
    case .bool(let value): try integers([value ? 1 : 0])
    case .int(let value): try integers([Int64(value)])
    case .intList(let values): try integers(values.map { Int64($0) })
    case .boolList(let values): try integers(values.map { $0 ? 1 : 0 })
    case .double(let value): try check(table.graphAddDoubles(handle, output, [value], 1))
    case .doubleList(let values):
      try check(table.graphAddDoubles(handle, output, values, values.count))
    case .string(let text): try check(table.graphAddString(handle, output, text))
    case .tensor(let array):
      let shape = array.shape.map { Int64($0) }
      try array.bytes.withUnsafeBytes { bytes in
        // An empty array has no base address; the shim reads nothing of it.
        var nothing: UInt8 = 0
        try withUnsafePointer(to: &nothing) { empty in
          try check(
            table.graphAddTensor(
              handle,
              output,
              array.elementType.code,
              shape,
              shape.count,
              bytes.baseAddress ?? UnsafeRawPointer(empty),
              bytes.count
            )
          )
        }
      }
    }
  }

  private func check(_ message: UnsafeMutablePointer<CChar>?) throws {
    guard let message else { return }
    throw ModelError.exportFailed(
      "the recorded graph is not sound: \(OpenVINOLibrary.reason(in: library.take(message)))"
    )
  }

  /// What the front end says; operators it does not know are named.
  static func conversionFailure(_ message: String) -> String {
    let marker = "No conversion rule found for operations: "
    guard let start = message.range(of: marker)?.upperBound else {
      return "OpenVINO cannot convert the network: \(OpenVINOLibrary.reason(in: message))"
    }
    let operators = message[start...].prefix { $0 != "\n" }
    return
      "the network uses operators that OpenVINO cannot convert: \(operators); write it with others"
  }
}

extension OperatorGraph.ValueID {
  /// Throws unless `graph` has this value.
  fileprivate func check(in graph: OperatorGraph) throws {
    guard graph.values.indices.contains(self) else {
      throw ModelError.exportFailed(
        "the recorded graph is not sound: it has \(graph.values.count) values and no value \(self)"
      )
    }
  }
}

extension OperatorGraph.ValueType {
  fileprivate var code: (OTXValueType, OTXElement, Int32) {
    switch self {
    case .tensor(let element, let rank): (OTX_VALUE_TENSOR, element.code, Int32(rank))
    case .none: (OTX_VALUE_NONE, OTX_ELEMENT_OTHER, -1)
    case .bool: (OTX_VALUE_BOOL, OTX_ELEMENT_OTHER, 0)
    case .int: (OTX_VALUE_INT, OTX_ELEMENT_OTHER, 0)
    case .double: (OTX_VALUE_DOUBLE, OTX_ELEMENT_OTHER, 0)
    case .string: (OTX_VALUE_STRING, OTX_ELEMENT_OTHER, -1)
    case .intList: (OTX_VALUE_INT_LIST, OTX_ELEMENT_OTHER, 1)
    case .doubleList: (OTX_VALUE_DOUBLE_LIST, OTX_ELEMENT_OTHER, 1)
    case .boolList: (OTX_VALUE_BOOL_LIST, OTX_ELEMENT_OTHER, 1)
    case .tensorList: (OTX_VALUE_TENSOR_LIST, OTX_ELEMENT_OTHER, -1)
    }
  }
}
