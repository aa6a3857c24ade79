/// A network as the operators that one forward pass called, in order.
///
/// The recorder of the tensor layer makes it, the exporters read it. It is a plain value: weights
/// are byte buffers that know their shape, nothing in it belongs to a framework.
public struct OperatorGraph: Sendable {
  /// Index into ``values``.
  public typealias ValueID = Int

  /// One call of an operator, or one constant.
  public struct Node: Sendable {
    /// `aten::conv2d`, `torchvision::nms`, `prim::ListConstruct`, `prim::Constant`.
    public var operatorName: String
    public var inputs: [ValueID]
    public var outputs: [ValueID]
    /// The value of a `prim::Constant`.
    public var constant: Constant?
    public init(
      operatorName: String,
      inputs: [ValueID],
      outputs: [ValueID],
      constant: Constant? = nil
    ) {
      self.operatorName = operatorName
      self.inputs = inputs
      self.outputs = outputs
      self.constant = constant
    }
  }

  /// Something an operator takes or returns.
  public struct Value: Sendable {
    /// Unique; a parameter's is its path (`backbone.conv1.weight`).
    public var name: String
    public var type: ValueType
    public init(name: String, type: ValueType) { (self.name, self.type) = (name, type) }
  }

  /// What kind of value it is; a tensor's element type and rank are known, its size is not.
  public enum ValueType: Sendable, Equatable {
    case tensor(ElementType, rank: Int)
    case none, bool, int, double, string
    case intList, doubleList, boolList, tensorList
  }

  /// A value that stands in the graph itself.
  public enum Constant: Sendable {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case intList([Int])
    case doubleList([Double])
    case boolList([Bool])
    case tensor(ArrayBuffer)
  }

  /// A named input or output with the shape it was recorded at; `nil` axes are dynamic.
  public struct Port: Sendable {
    public var name: String
    public var value: ValueID
    public var shape: [Int?]
    public init(name: String, value: ValueID, shape: [Int?]) {
      self.name = name
      self.value = value
      self.shape = shape
    }
  }

  public var nodes: [Node]
  public var values: [Value]
  public var inputs: [Port]
  public var outputs: [Port]
  /// Tensors that were no parameter, no buffer and no operator's result: frozen into the graph.
  public var frozenConstants: [String]

  public init(
    nodes: [Node] = [],
    values: [Value] = [],
    inputs: [Port] = [],
    outputs: [Port] = [],
    frozenConstants: [String] = []
  ) {
    self.nodes = nodes
    self.values = values
    self.inputs = inputs
    self.outputs = outputs
    self.frozenConstants = frozenConstants
  }
}

/// The type of a tensor's elements.
///
/// Raw values are PyTorch's names.
public enum ElementType: String, Codable, Sendable, CaseIterable {
  case float32, float64, float16, bfloat16, int64, int32, int16, int8, uint8, bool

  /// Bytes an element takes.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }
}

/// The contents of a tensor outside any framework: contiguous, row-major, little-endian.
public struct ArrayBuffer: Sendable, Equatable {
  public var elementType: ElementType
  public var shape: [Int]
  /// `shape`'s product times `elementType.byteCount` bytes.
  public var bytes: [UInt8]
  public init(elementType: ElementType, shape: [Int], bytes: [UInt8]) {
    self.elementType = elementType
    self.shape = shape
    self.bytes = bytes
  }
  public var elementCount: Int { shape.reduce(1, *) }
}
