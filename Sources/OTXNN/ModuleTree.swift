public import OTXTensor

/// What hangs below a module, one level down, with its published name.
private enum Child {
  case parameter(Parameter)
  case buffer(Buffer)
  case tree(any ParameterTree)

  init?(_ value: Any) {
    if let parameter = value as? Parameter {
      self = .parameter(parameter)
    } else if let buffer = value as? Buffer {
      self = .buffer(buffer)
    } else if let tree = value as? any ParameterTree {
      self = .tree(tree)
    } else {
      return nil
    }
  }
}

private func join(_ path: String, _ name: String) -> String {
  path.isEmpty ? name : name.isEmpty ? path : "\(path).\(name)"
}

extension ParameterTree {
  /// Parameters, buffers and modules one level down, in declaration order.
  private var children: [(name: String, child: Child)] {
    if let named = self as? any NamedChildren {
      return named.namedChildren.map { ($0.name, .tree($0.child)) }
    }
    let names = Self.weightNames
    var found: [(name: String, child: Child)] = []
    for property in Mirror(reflecting: self).children {
      guard let label = property.label else { continue }
      let name = names[label] ?? label
      if let child = Child(property.value) {
        found.append((name, child))
        continue
      }
      var mirror = Mirror(reflecting: property.value)
      if mirror.displayStyle == .optional, let wrapped = mirror.children.first {
        mirror = Mirror(reflecting: wrapped.value)
      }
      guard mirror.displayStyle == .collection else { continue }
      for (index, element) in mirror.children.enumerated() {
        guard let child = Child(element.value) else {
          // A list of something else (numbers, names) is left at its first element.
          if Mirror(reflecting: element.value).displayStyle == .optional { continue }
          break
        }
        found.append((join(name, "\(index)"), child))
      }
    }
    return found
  }

  /// Calls `visit` for this module and every one below it, depth first, in declaration order.
  private func walk(
    _ path: String,
    _ visit: (String, any ParameterTree, [(name: String, child: Child)]) -> Void
  ) {
    let children = children
    visit(path, self, children)
    for (name, child) in children {
      if case .tree(let tree) = child { tree.walk(join(path, name), visit) }
    }
  }

  /// This module (path `""`) and every one below it, by its dotted path.
  public func modules() -> [(path: String, module: any ParameterTree)] {
    var found: [(path: String, module: any ParameterTree)] = []
    walk("") { path, module, _ in found.append((path, module)) }
    return found
  }

  /// Every parameter by its dotted path (`backbone.conv1.weight`), each once, in PyTorch's order.
  public func parameters() -> [(name: String, parameter: Parameter)] {
    var seen: Set<ObjectIdentifier> = []
    var found: [(name: String, parameter: Parameter)] = []
    walk("") { path, _, children in
      for case (let name, .parameter(let parameter)) in children
      where seen.insert(ObjectIdentifier(parameter)).inserted {
        found.append((join(path, name), parameter))
      }
    }
    return found
  }

  /// Every buffer by its dotted path, each once, in PyTorch's order.
  public func buffers() -> [(name: String, buffer: Buffer)] {
    var seen: Set<ObjectIdentifier> = []
    var found: [(name: String, buffer: Buffer)] = []
    walk("") { path, _, children in
      for case (let name, .buffer(let buffer)) in children
      where seen.insert(ObjectIdentifier(buffer)).inserted {
        found.append((join(path, name), buffer))
      }
    }
    return found
  }

  /// The weights' names and holders in the order of PyTorch's `state_dict`: depth first, and
  /// within a module its parameters, then its persistent buffers, then what is below it.
  func stateEntries() -> [(name: String, entry: StateEntry)] {
    var found: [(name: String, entry: StateEntry)] = []
    walk("") { path, _, children in
      for case (let name, .parameter(let parameter)) in children {
        found.append((join(path, name), .parameter(parameter)))
      }
      for case (let name, .buffer(let buffer)) in children where buffer.isPersistent {
        found.append((join(path, name), .buffer(buffer)))
      }
    }
    return found
  }

  /// The number of elements of all parameters.
  public var parameterCount: Int {
    parameters().reduce(0) { $0 + $1.parameter.value.shape.reduce(1, *) }
  }

  /// Switches every module below between training and evaluation.
  public func setTraining(_ isTraining: Bool) {
    walk("") { _, module, _ in (module as? any ModeAware)?.isTraining = isTraining }
  }

  /// Freezes every parameter below, or thaws them.
  public func setTrainable(_ isTrainable: Bool) throws(TensorError) {
    for (_, parameter) in parameters() { try parameter.setTrainable(isTrainable) }
  }
}

/// The holder of one entry of a state dictionary.
enum StateEntry {
  case parameter(Parameter)
  case buffer(Buffer)

  var value: Tensor {
    switch self {
    case .parameter(let parameter): parameter.value
    case .buffer(let buffer): buffer.value
    }
  }
}
