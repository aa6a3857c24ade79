import OTXCore

/// One operator of the recorded graph, while it is translated: its arguments, read, and the nodes
/// that take its place.
struct Call {
  let translator: GraphTranslator
  let node: OperatorGraph.Node

  func fail(_ reason: String) -> ModelError {
    .exportFailed("\(node.operatorName) cannot be written as ONNX: \(reason)")
  }

  // MARK: - Arguments

  private func value(_ index: Int) throws -> OperatorGraph.ValueID {
    guard node.inputs.indices.contains(index) else {
      throw fail("it has \(node.inputs.count) arguments, not \(index + 1)")
    }
    return node.inputs[index]
  }

  private func constant(_ index: Int) -> OperatorGraph.Constant? {
    node.inputs.indices.contains(index) ? translator.constant(node.inputs[index]) : nil
  }

  /// Whether an argument is not given.
  func isNone(_ index: Int) -> Bool {
    guard node.inputs.indices.contains(index) else { return true }
    if case .some(.none) = constant(index) { return true }
    return false
  }

  func tensor(_ index: Int) throws -> String { try translator.tensor(value(index)) }

  /// A tensor or, as ONNX says that, nothing.
  func optionalTensor(_ index: Int) throws -> String { isNone(index) ? "" : try tensor(index) }

  func tensors(_ index: Int) throws -> [String] {
    guard let list = try translator.list(value(index)) else { throw fail("a list is not known") }
    return try list.map { try translator.tensor($0) }
  }

  func int(_ index: Int) throws -> Int {
    switch constant(index) {
    case .int(let number): return number
    case .bool(let flag): return flag ? 1 : 0
    default: throw fail("argument \(index + 1) is not a known integer")
    }
  }

  func ints(_ index: Int) throws -> [Int] {
    switch constant(index) {
    case .intList(let list): return list
    case .int(let number): return [number]
    default: break
    }
    if let list = try translator.list(value(index)) {
      let numbers = list.compactMap { item -> Int? in
        if case .int(let number)? = translator.constant(item) { number } else { nil }
      }
      if numbers.count == list.count { return numbers }
    }
    throw fail("argument \(index + 1) is not a known list of integers")
  }

  /// Two numbers, for height and width.
  func pair(_ index: Int) throws -> [Int] {
    let list = try ints(index)
    guard let first = list.first, let last = list.last, list.count <= 2 else {
      throw fail("argument \(index + 1) is not one or two integers")
    }
    return [first, last]
  }

  func double(_ index: Int) throws -> Double {
    switch constant(index) {
    case .double(let number): return number
    case .int(let number): return Double(number)
    default: throw fail("argument \(index + 1) is not a known number")
    }
  }

  func optionalDouble(_ index: Int) throws -> Double? { isNone(index) ? nil : try double(index) }

  func doubles(_ index: Int) throws -> [Double] {
    guard case .doubleList(let list)? = constant(index) else {
      throw fail("argument \(index + 1) is not a known list of numbers")
    }
    return list
  }

  func bool(_ index: Int) throws -> Bool { try int(index) != 0 }

  func text(_ index: Int) -> String? {
    if case .string(let text)? = constant(index) { text } else { nil }
  }

  func elementType(_ index: Int) throws -> ElementType? {
    if case .tensor(let type, _) = try translator.type(of: value(index)) { type } else { nil }
  }

  func rank(_ index: Int = 0) throws -> Int {
    guard case .tensor(_, let rank) = try translator.type(of: value(index)), rank >= 0 else {
      throw fail("the number of axes of argument \(index + 1) is not known")
    }
    return rank
  }

  /// An axis of the argument `of`, from 0.
  func axis(_ index: Int, of tensor: Int = 0) throws -> Int {
    try Call.positive(int(index), rank(tensor))
  }

  static func positive(_ axis: Int, _ rank: Int) -> Int { axis < 0 ? axis + rank : axis }

  /// The element type and the number of axes of the first result.
  var resultType: (element: ElementType, rank: Int) {
    get throws {
      guard let result = node.outputs.first,
        case .tensor(let element, let rank) = try translator.type(of: result)
      else { throw fail("its result is no tensor") }
      return (element, rank)
    }
  }

  /// A tensor or a number, as a tensor of the type.
  func operand(_ index: Int, as type: ElementType) throws -> String {
    guard let own = try elementType(index) else { return try scalar(double(index), type) }
    return own == type ? try tensor(index) : cast(try tensor(index), to: type)
  }

  // MARK: - Nodes

  /// Writes a node in between and returns its result's name.
  func emit(
    _ type: String,
    _ inputs: [String],
    _ attributes: [(name: String, value: ONNXGraph.Attribute)] = []
  ) -> String {
    let name = translator.unusedName("\(translator.nodeName(node))/\(type)")
    translator.append(type, inputs, [name], attributes, named: name)
    return name
  }

  /// Writes the node whose results are the operator's.
  func finish(
    _ type: String,
    _ inputs: [String],
    _ attributes: [(name: String, value: ONNXGraph.Attribute)] = []
  ) {
    let outputs = node.outputs.map { translator.resultName($0) }
    translator.append(type, inputs, outputs, attributes, named: translator.nodeName(node))
  }

  /// The operator's result is a tensor that is there already.
  func finish(as name: String) {
    if let result = node.outputs.first { translator.remember(result, as: name) }
  }

  func cast(_ name: String, to type: ElementType) -> String {
    emit("Cast", [name], [("to", .int(type.onnxCode))])
  }

  func integers(_ numbers: [Int]) -> String { translator.shared(.integers(numbers)) }

  func integer(_ number: Int) -> String {
    translator.shared(
      ArrayBuffer(elementType: .int64, shape: [], bytes: ArrayBuffer.integers([number]).bytes)
    )
  }

  func scalar(_ number: Double, _ type: ElementType) throws -> String {
    guard let array = ArrayBuffer.filled(number, type, shape: []) else {
      throw fail("numbers of type \(type.rawValue) are not written")
    }
    return translator.shared(array)
  }

  func slice(_ tensor: String, axis: Int, from start: Int, to end: Int, step: Int = 1) -> String {
    emit("Slice", [tensor, integers([start]), integers([end]), integers([axis]), integers([step])])
  }
}

extension ArrayBuffer {
  static func integers(_ numbers: [Int]) -> ArrayBuffer {
    ArrayBuffer(
      elementType: .int64,
      shape: [numbers.count],
      bytes: numbers.flatMap { number in
        withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) }
      }
    )
  }

  /// An array of one number; `nil` for element types that nothing needs.
  static func filled(_ number: Double, _ type: ElementType, shape: [Int]) -> ArrayBuffer? {
    func bytes(_ value: some Any) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
    let one: [UInt8]
    switch type {
    case .float32: one = bytes(Float(number))
    case .float64: one = bytes(number)
    case .int64:
      guard let whole = Int64(exactly: number.rounded(.towardZero)) else { return nil }
      one = bytes(whole)
    case .int32:
      guard let whole = Int32(exactly: number.rounded(.towardZero)) else { return nil }
      one = bytes(whole)
    case .bool, .uint8: one = [number == 0 ? 0 : 1]
    default: return nil
    }
    let count = shape.reduce(1, *)
    return ArrayBuffer(
      elementType: type,
      shape: shape,
      bytes: Array((0..<count).map { _ in one }.joined())
    )
  }
}
