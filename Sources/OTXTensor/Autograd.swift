import CTorch

// Gradients. Grad mode belongs to the thread, so everything here is synchronous.

extension Operator {
  static let detach = Operator("detach")
}

extension Tensor {
  /// Whether operations on this tensor are remembered for `backward`.
  public var requiresGrad: Bool {
    (TorchLibrary.opened?.pointee.requires_grad(raw) ?? 0) != 0
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  /// Turns the memory of a leaf on or off; returns the tensor.
  ///
  /// Throws: `failed` for a computed tensor, and for a type without fractions.
  @discardableResult
  public func requiresGrad_(_ value: Bool = true) throws(TensorError) -> Tensor {
    let table = try TorchLibrary.table()
    if table.pointee.set_requires_grad(raw, value ? 1 : 0) != .none {
      throw .lastFailure(of: "requiresGrad_", shapes: [shape])
    }
    return self
  }

  /// Whether it was made, not computed from tensors that require gradients.
  public var isLeaf: Bool { (TorchLibrary.opened?.pointee.is_leaf(raw) ?? 1) != 0 }

  /// The sum of the gradients of all `backward` calls since it was last cleared; leaves only.
  public var grad: Tensor? {
    get throws(TensorError) {
      let table = try TorchLibrary.table()
      var result: OpaquePointer?
      if table.pointee.grad(raw, &result) != .none {
        throw .lastFailure(of: "grad", shapes: [shape])
      }
      return result.map { Tensor(owning: $0) }
    }
  }

  /// Replaces the gradient; `nil` clears it.
  public func setGrad(_ gradient: Tensor?) throws(TensorError) {
    let table = try TorchLibrary.table()
    if table.pointee.set_grad(raw, gradient?.raw) != .none {
      throw .lastFailure(of: "setGrad", shapes: [shape])
    }
  }

  /// The same memory without the history.
  public func detach() throws(TensorError) -> Tensor { try call(.detach, [.tensor(self)]) }

  /// Adds the gradients of a scalar to all leaves that it was computed from.
  public func backward(retainGraph: Bool = false) throws(TensorError) {
    try Tensor.backward([self], retainGraph: retainGraph)
  }

  /// Adds the gradients of several tensors to all leaves that they were computed from.
  ///
  /// `gradients` starts the way back; without it the roots must be scalars.
  public static func backward(
    _ roots: [Tensor],
    gradients: [Tensor]? = nil,
    retainGraph: Bool = false
  ) throws(TensorError) {
    let table = try TorchLibrary.table()
    if let gradients, gradients.count != roots.count {
      throw .failed(
        operation: "backward",
        shapes: roots.map(\.shape),
        message: "\(roots.count) roots with \(gradients.count) gradients"
      )
    }
    let handles = roots.map(\.raw)
    let starts: [OpaquePointer?]? = gradients?.map(\.raw)
    let status = handles.withUnsafeBufferPointer { handles in
      guard let address = handles.baseAddress else { return OTXFailureKind.none }
      guard let starts else {
        return table.pointee.backward(address, nil, handles.count, retainGraph ? 1 : 0)
      }
      return starts.withUnsafeBufferPointer {
        table.pointee.backward(address, $0.baseAddress, handles.count, retainGraph ? 1 : 0)
      }
    }
    if status != .none { throw .lastFailure(of: "backward", shapes: roots.map(\.shape)) }
  }
}

/// Runs `body` without remembering operations for `backward`: evaluation, updates of parameters.
public func noGrad<Answer, Failure: Error>(
  _ body: () throws(Failure) -> Answer
) throws(Failure) -> Answer {
  guard let table = TorchLibrary.opened else { return try body() }
  let before = table.pointee.grad_enabled()
  table.pointee.set_grad_enabled(0)
  defer { table.pointee.set_grad_enabled(before) }
  return try body()
}

/// Runs `body` with operations remembered for `backward`, inside a `noGrad` too.
public func withGrad<Answer, Failure: Error>(
  _ body: () throws(Failure) -> Answer
) throws(Failure) -> Answer {
  guard let table = TorchLibrary.opened else { return try body() }
  let before = table.pointee.grad_enabled()
  table.pointee.set_grad_enabled(1)
  defer { table.pointee.set_grad_enabled(before) }
  return try body()
}
