public import Foundation
import OTXCore
public import OTXTensor

/// A network that PyTorch scripted or traced (TorchScript), trained like any other module.
///
/// Its weights carry their names in the file (`layer1.0.conv1.weight`), so that optimizers, weight
/// averages, checkpoints and weight tables know them by these. Parameters that the file says need no
/// gradient are frozen. Weights of 16 or 64 bits are converted to 32.
///
/// A recording writes the network's operators down without its control flow: conditions and loops
/// that depend on sizes are followed, those that depend on what is in the pictures, or on how many
/// there are, are refused by the line they stand on.
public final class ScriptModule: Layer, ModeAware, CustomReflectable {
  public var isTraining = true
  private var appliedMode: Bool?
  private let script: Script
  private let root: Part
  /// The holder of each entry of the file, and the tensor that the script has of it.
  private var bindings: [(holder: Holder, bound: Tensor?)]

  /// Reads what `torch.jit.save` wrote; every tensor comes to the CPU.
  ///
  /// - Throws: `TensorError.failed` for bytes that are no module, or one whose `forward` does not take
  ///   one tensor.
  public convenience init(_ bytes: Data) throws(TensorError) { try self.init(Script(bytes)) }

  package init(_ script: Script) throws(TensorError) {
    self.script = script
    let entries = try script.entries()
    var holders: [(name: String, holder: Holder)] = []
    var known: [(value: Tensor, holder: Holder)] = []
    for entry in entries {
      // One weight under two names: the file keeps its memory once.
      let same = known.first {
        $0.value.sharesStorage(with: entry.value) && $0.value.shape == entry.value.shape
          && $0.holder.isParameter == entry.isParameter
      }
      let holder: Holder
      if let same { holder = same.holder } else { holder = try Holder(entry) }
      if same == nil { known.append((entry.value, holder)) }
      holders.append((entry.name, holder))
    }
    bindings = holders.map { ($0.holder, nil) }
    root = Part(holders)
  }

  public var customMirror: Mirror { root.customMirror }

  /// What the script answers with: a tensor, the part of a tuple or dictionary that is called `logits`,
  /// or its only tensor.
  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try synchronize()
    return try script(input)
  }

  /// The network as a file of `torch.jit.save`.
  ///
  /// - Parameter withWeights: Whether the weights go with it, or their shapes alone, to be filled from
  ///   a state dictionary.
  /// - Returns: The file's contents.
  /// - Throws: `TensorError`.
  public func data(withWeights: Bool = true) throws(TensorError) -> Data {
    try synchronize()
    return try script.data(withWeights: withWeights)
  }

  /// Hands the script the tensors that took the place of its weights, and the mode.
  private func synchronize() throws(TensorError) {
    for index in bindings.indices {
      let value = bindings[index].holder.value
      if let bound = bindings[index].bound, bound === value { continue }
      try script.set(index, to: value)
      bindings[index].bound = value
    }
    if appliedMode != isTraining {
      try script.setTraining(isTraining)
      appliedMode = isTraining
    }
  }
}

extension ScriptModule {
  /// A parameter or a buffer.
  private enum Holder {
    case parameter(Parameter)
    case buffer(Buffer)

    init(_ entry: Script.Entry) throws(TensorError) {
      let isConverted = entry.value.dtype.isFloatingPoint && entry.value.dtype != .float32
      let type = isConverted ? DType.float32 : entry.value.dtype
      // Written out: a file without weights has one number for all elements.
      let value = try entry.value.detach().to(type).clone().contiguous()
      guard entry.isParameter, type == .float32 else {
        self = .buffer(Buffer(value))
        return
      }
      let parameter = try Parameter(value)
      try parameter.setTrainable(entry.value.requiresGrad)
      self = .parameter(parameter)
    }

    var isParameter: Bool {
      if case .parameter = self { true } else { false }
    }

    var value: Tensor {
      switch self {
      case .parameter(let parameter): parameter.value
      case .buffer(let buffer): buffer.value
      }
    }

    var child: Any {
      switch self {
      case .parameter(let parameter): parameter
      case .buffer(let buffer): buffer
      }
    }
  }

  /// One level of the names.
  private final class Part: ParameterTree, CustomReflectable {
    private let children: [(label: String?, value: Any)]

    init(_ entries: [(name: String, holder: Holder)]) {
      var own: [(label: String?, value: Any)] = []
      var below: [(name: String, entries: [(name: String, holder: Holder)])] = []
      for (name, holder) in entries {
        guard let dot = name.firstIndex(of: ".") else {
          own.append((name, holder.child))
          continue
        }
        let first = String(name[..<dot])
        let entry = (name: String(name[name.index(after: dot)...]), holder: holder)
        if let place = below.firstIndex(where: { $0.name == first }) {
          below[place].entries.append(entry)
        } else {
          below.append((first, [entry]))
        }
      }
      children = own + below.map { ($0.name, Part($0.entries)) }
    }

    var customMirror: Mirror { Mirror(self, children: children) }
  }
}
