/// Prints a recorded graph as a Python function.
struct PyTorchPrinter {
  private typealias ValueID = OperatorGraph.ValueID

  private let graph: OperatorGraph
  private let nodeNames: [ValueID: String]
  /// Tensors that are read from the file of weights, in the order of their first use.
  private(set) var weights: [(name: String, array: ArrayBuffer)] = []

  /// What stands for a value: a variable, or an expression.
  private var texts: [ValueID: String] = [:]
  private var constants: [ValueID: OperatorGraph.Constant] = [:]
  /// What each list of values is made of.
  private var lists: [ValueID: [ValueID]] = [:]
  private var lastUses: [ValueID: Int] = [:]
  private var freeVariables: [String] = []
  private var variableCount = 0

  init(_ graph: OperatorGraph) {
    self.graph = graph
    nodeNames = graph.nodeNames
  }

  /// `def NAME(image, weights):` and its body, which returns a dictionary of outputs.
  ///
  /// Variables are used again once nothing needs them, so that memory stays that of the network.
  mutating func function(named name: String) throws -> String {
    findLastUses()
    var arguments: [String] = []
    for port in graph.inputs {
      let argument = port.name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
      arguments.append(argument.isEmpty ? "input\(arguments.count)" : argument)
      texts[port.value] = arguments[arguments.count - 1]
    }
    var lines = [
      "def \(name)(\((arguments + ["weights"]).joined(separator: ", "))):",
      "    \"\"\"The network, operator by operator: normalised pictures [N, 3, H, W] to its outputs.\"\"\"",
      "    aten = torch.ops.aten",
    ]
    for (index, node) in graph.nodes.enumerated() {
      if let line = try line(node, at: index) { lines.append("    \(line)") }
    }
    let outputs = try graph.outputs.map { "\(try $0.name.python): \(try text($0.value))" }
    lines.append("    return {\(outputs.joined(separator: ", "))}")
    return lines.joined(separator: "\n")
  }

  private mutating func findLastUses() {
    for (index, node) in graph.nodes.enumerated() {
      for value in node.inputs { lastUses[value] = index }
      // A list lives in its parts.
      if node.operatorName == "prim::ListConstruct", let list = node.outputs.first {
        lists[list] = node.inputs
      }
    }
    for (list, parts) in lists {
      for part in parts { lastUses[part] = max(lastUses[part] ?? 0, lastUses[list] ?? 0) }
    }
    for port in graph.outputs { lastUses[port.value] = graph.nodes.count }
  }

  private mutating func line(_ node: OperatorGraph.Node, at index: Int) throws -> String? {
    if let constant = node.constant, let value = node.outputs.first {
      constants[value] = constant
      return nil
    }
    if node.operatorName == "prim::ListConstruct" { return nil }
    var expression: String
    if node.operatorName == "prim::ListUnpack", let list = node.inputs.first {
      expression = try text(list)
    } else {
      expression = try call(node)
    }
    // Arguments that nothing needs any more make room for the results.
    for value in Set(node.inputs.flatMap { lists[$0] ?? [$0] }).sorted() {
      guard lastUses[value] == index, !graph.inputs.contains(where: { $0.value == value }),
        constants[value] == nil, let variable = texts.removeValue(forKey: value)
      else { continue }
      freeVariables.append(variable)
    }
    let results = node.outputs.map { variable(for: $0) }
    // One result of several, as of a list of one.
    let isSequence = node.operatorName == "prim::ListUnpack" || results.count > 1
    let left = results.joined(separator: ", ") + (isSequence && results.count == 1 ? "," : "")
    if let place = node.outputs.first.flatMap({ nodeNames[$0] }), place.contains("/") {
      expression += "  # \(place.pythonComment)"
    }
    // A result that nothing needs leaves its variable at once.
    for value in node.outputs where lastUses[value] == nil {
      if let variable = texts[value] { freeVariables.append(variable) }
    }
    return "\(left) = \(expression)"
  }

  private mutating func variable(for value: ValueID) -> String {
    let name = freeVariables.popLast() ?? "x\(variableCount)"
    if name == "x\(variableCount)" { variableCount += 1 }
    texts[value] = name
    return name
  }

  private mutating func call(_ node: OperatorGraph.Node) throws -> String {
    let parts = node.operatorName.split(separator: ":").map(String.init)
    guard parts.count == 2, ["aten", "torchvision"].contains(parts[0]) else {
      throw ModelError.exportFailed(
        "\(node.operatorName) is no operator of PyTorch; the graph cannot be printed"
      )
    }
    let function = parts[0] == "aten" ? "aten.\(parts[1])" : "torch.ops.torchvision.\(parts[1])"
    var arguments: [String] = []
    if parts[1] == "to", let type = resultType(node), let source = node.inputs.first {
      // Whatever the overload was, on another device it is the type that counts.
      return "aten.to.dtype(\(try text(source)), torch.\(type.rawValue))"
    }
    let keywords = PyTorchPrinter.keywords[parts[1]] ?? [:]
    for (index, value) in node.inputs.enumerated() {
      guard let keyword = keywords[index] else {
        arguments.append(try text(value))
        continue
      }
      // The default of everything that is given by its name.
      if keyword.isDefault(constants[value]) { continue }
      arguments.append("\(keyword.name)=\(try text(value))")
    }
    return "\(function)(\(arguments.joined(separator: ", ")))"
  }

  private func resultType(_ node: OperatorGraph.Node) -> ElementType? {
    guard let result = node.outputs.first, case .tensor(let type, _) = graph.values[result].type
    else { return nil }
    return type
  }

  private mutating func text(_ value: ValueID) throws -> String {
    if let known = texts[value] { return known }
    if let list = lists[value] {
      var parts: [String] = []
      for part in list { parts.append(try text(part)) }
      return "[\(parts.joined(separator: ", "))]"
    }
    switch constants[value] {
    case .tensor(let array):
      let name = graph.values[value].name
      weights.append((name, array))
      let text = "weights[\(try name.python)]"
      texts[value] = text
      return text
    case .some(let constant): return try PyTorchPrinter.literal(constant)
    case nil:
      throw ModelError.exportFailed(
        "the recorded graph is not sound: value \(value) is used before it is made"
      )
    }
  }

  private static func literal(_ constant: OperatorGraph.Constant) throws -> String {
    func list(_ parts: [String]) -> String { "[\(parts.joined(separator: ", "))]" }
    return switch constant {
    case .none, .tensor: "None"
    case .bool(let flag): flag ? "True" : "False"
    case .int(let number): "\(number)"
    case .double(let number): number.python
    case .string(let text): try text.python
    case .intList(let numbers): list(numbers.map { "\($0)" })
    case .doubleList(let numbers): list(numbers.map(\.python))
    case .boolList(let flags): list(flags.map { $0 ? "True" : "False" })
    }
  }

  /// An argument that libtorch's schema takes by its name alone.
  private struct Keyword {
    var name: String
    var standard: OperatorGraph.Constant
    init(_ name: String, _ standard: OperatorGraph.Constant = .none) {
      (self.name, self.standard) = (name, standard)
    }
    func isDefault(_ constant: OperatorGraph.Constant?) -> Bool {
      switch (constant, standard) {
      case (.some(.none), .none): true
      case (.int(let a), .int(let b)): a == b
      case (.double(let a), .int(let b)): a == Double(b)
      case (.bool(let a), .bool(let b)): a == b
      case (.string(let a), .string(let b)): a == b
      default: false
      }
    }
  }

  /// By operator and place; from `native_functions.yaml` of PyTorch 2.15.
  private static let keywords: [String: [Int: Keyword]] = {
    let like = [
      1: Keyword("dtype"), 2: Keyword("layout"), 3: Keyword("device"), 4: Keyword("pin_memory"),
      5: Keyword("memory_format"),
    ]
    let alpha = [2: Keyword("alpha", .int(1))]
    let type = [1: Keyword("dtype"), 3: Keyword("dtype")]
    return [
      "add": alpha, "sub": alpha, "add_": alpha, "sub_": alpha,
      "div": [2: Keyword("rounding_mode")], "cumsum": [2: Keyword("dtype")],
      "zeros_like": like, "ones_like": like, "mean": type, "sum": type,
      "expand": [2: Keyword("implicit", .bool(false))],
      "gather": [3: Keyword("sparse_grad", .bool(false))],
      "gelu": [1: Keyword("approximate", .string("none"))],
      "clone": [1: Keyword("memory_format")], "contiguous": [1: Keyword("memory_format")],
      "scaled_dot_product_attention": [
        6: Keyword("scale"), 7: Keyword("enable_gqa", .bool(false)),
      ],
    ]
  }()
}
