public import OTXTensor

/// Something that owns parameters and modules: the tree that weights are named by.
///
/// Children are found by reflection: stored properties that are a ``Parameter``, a ``Buffer``, a
/// `ParameterTree`, an optional of these or an array of these. A child's name is the property's,
/// an array's elements are numbered below it (`layer1.0.conv1.weight`).
public protocol ParameterTree: AnyObject {
  /// Published names of properties whose Swift name differs.
  ///
  /// `["normalization": "bn1"]` names a child. `""` leaves the level out, so that
  /// `["layers": ""]` numbers an array's elements directly below this module.
  static var weightNames: [String: String] { get }
}

extension ParameterTree {
  public static var weightNames: [String: String] { [:] }
}

/// A tree that names its children itself instead of by its properties.
public protocol NamedChildren: ParameterTree {
  /// In the order of PyTorch's `state_dict`.
  var namedChildren: [(name: String, child: any ParameterTree)] { get }
}

/// A part of a network: it maps an input to an output and owns parameters and other modules.
public protocol Module: ParameterTree {
  associatedtype Input
  associatedtype Output
  func callAsFunction(_ input: Input) throws(TensorError) -> Output
}

/// A module from one tensor to one tensor.
public protocol Layer: Module where Input == Tensor, Output == Tensor {}

/// A module that computes something else while training than afterwards.
public protocol ModeAware: ParameterTree {
  var isTraining: Bool { get set }
}

/// Numbers that training changes.
public final class Parameter {
  /// A leaf of the gradient graph.
  public var value: Tensor

  /// - `value`: The first value; a gradient is collected for it from now on.
  public init(_ value: Tensor) throws(TensorError) {
    self.value = try value.detach()
    try self.value.requiresGrad_(true)
  }

  /// Whether training changes it; a frozen parameter gets no gradient.
  public var isTrainable: Bool { value.requiresGrad }

  /// Freezes the parameter or thaws it.
  public func setTrainable(_ isTrainable: Bool) throws(TensorError) {
    try value.requiresGrad_(isTrainable)
  }
}

/// Numbers that belong to the weights but that no gradient changes: running means, counters.
public final class Buffer {
  public var value: Tensor
  /// Whether checkpoints hold it.
  public let isPersistent: Bool

  public init(_ value: Tensor, isPersistent: Bool = true) {
    self.value = value
    self.isPersistent = isPersistent
  }
}
