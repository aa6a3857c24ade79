public import OTXTensor

/// What became of the entries of a state dictionary that was loaded.
public struct LoadReport: Equatable, Sendable {
  /// Entries that were copied.
  public var matched: [String] = []
  /// Entries of the module that the dictionary lacks.
  public var missing: [String] = []
  /// Entries of the dictionary that the module lacks.
  public var unexpected: [String] = []
  /// Entries of another shape; the module keeps its own.
  public var mismatched: [Mismatch] = []

  /// An entry whose shape is not the module's.
  public struct Mismatch: Equatable, Sendable {
    public var name: String
    public var found: [Int]
    public var expected: [Int]
    public init(name: String, found: [Int], expected: [Int]) {
      self.name = name
      self.found = found
      self.expected = expected
    }
  }

  /// Whether every entry of either side met its counterpart.
  public var isComplete: Bool { missing.isEmpty && unexpected.isEmpty && mismatched.isEmpty }
}

extension LoadReport: CustomStringConvertible {
  public var description: String {
    func list(_ title: String, _ names: [String]) -> String? {
      guard !names.isEmpty else { return nil }
      let shown = names.prefix(5).joined(separator: ", ")
      return "\(names.count) \(title): \(shown)\(names.count > 5 ? ", …" : "")"
    }
    let parts = [
      list("missing", missing), list("unexpected", unexpected),
      list("of another shape", mismatched.map { "\($0.name) \($0.found), not \($0.expected)" }),
    ]
    return (["\(matched.count) entries loaded"] + parts.compactMap(\.self)).joined(separator: "; ")
  }
}

/// A state dictionary that had to fit and does not.
public struct StateDictionaryError: Error, CustomStringConvertible, Equatable {
  public let report: LoadReport
  public var description: String { "the weights do not fit this model: \(report)" }
}

extension ParameterTree {
  /// Parameters and persistent buffers under the names and in the order of PyTorch's `state_dict`.
  ///
  /// The tensors are the module's own, by which a recording knows its weights. Copy what has to
  /// stay as it is.
  public func stateDictionary() -> [(name: String, value: Tensor)] {
    stateEntries().map { ($0.name, $0.entry.value) }
  }

  /// Copies a state dictionary's entries over the module's, by name, converting element types.
  ///
  /// - `strict`: Whether anything missing, unexpected or of another shape is an error; the
  ///   module is unchanged then.
  /// Throws `StateDictionaryError` when strict, `TensorError`.
  @discardableResult
  public func loadStateDictionary(
    _ state: [(name: String, value: Tensor)],
    strict: Bool = true
  ) throws -> LoadReport {
    let given = Dictionary(state.map { ($0.name, $0.value) }) { first, _ in first }
    let own = stateEntries()
    var report = LoadReport()
    var copies: [(target: Tensor, source: Tensor)] = []
    for (name, entry) in own {
      let target = entry.value
      guard let source = given[name] else {
        report.missing.append(name)
        continue
      }
      guard source.shape == target.shape else {
        report.mismatched.append(
          .init(name: name, found: source.shape, expected: target.shape)
        )
        continue
      }
      report.matched.append(name)
      copies.append((target, source))
    }
    let known = Set(own.map(\.name))
    report.unexpected = state.map(\.name).filter { !known.contains($0) }
    if strict && !report.isComplete { throw StateDictionaryError(report: report) }
    try noGrad { () throws(TensorError) in
      for (target, source) in copies { try target.copy_(source) }
    }
    return report
  }

  /// Lays out the weights of convolutions with their channels innermost, as the CPU wants them.
  public func useChannelsLast() throws(TensorError) {
    for (_, parameter) in parameters() where parameter.value.rank == 4 {
      let isTrainable = parameter.isTrainable
      parameter.value = try parameter.value.detach().to(.channelsLast)
      try parameter.setTrainable(isTrainable)
    }
  }
}
