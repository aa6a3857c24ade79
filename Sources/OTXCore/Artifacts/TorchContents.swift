import Foundation

/// Where the numbers of tensors stand.
protocol StorageSource {
  /// Bytes of the whole file; what may be allocated is measured by it.
  var fileByteCount: Int { get }
  /// Exactly the bytes that the storage says it has.
  func bytes(of storage: PickleDocument.Storage) throws -> [UInt8]
}

/// What a file of `torch.save` holds, whichever container it is in: a tree, and tensors in it.
struct TorchContents {
  let document: PickleDocument
  let storages: any StorageSource

  /// The whole tree, tensors read.
  func tree() throws -> PickleValue {
    var loader = TensorLoader(storages)
    return try loader.value(document.root, of: document)
  }

  /// Where training checkpoints keep weights; averaged ones, which score better, come first.
  ///
  /// `state_dict` is Lightning's, `params` BasicSR's, `teacher` DINO's; the others are timm's,
  /// torchvision's, and what programs call their parts.
  private static let weightKeys = [
    "ema_state_dict", "state_dict_ema", "model_ema_state_dict", "ema_model_state_dict", "model_ema",
    "ema_model", "ema", "averaged", "params_ema", "state_dict", "model_state_dict", "model_state",
    "model", "module", "net", "network", "params", "weights", "model_weights", "teacher", "student",
  ]

  /// Weights: the first of the usual places in a training checkpoint that holds tensors, else the
  /// tree's own top, else the only part of it that is a dictionary of tensors.
  ///
  /// - Returns: The weights and where they stood, keys joined by dots.
  func stateDictionary() throws -> (state: StateDictionary, place: String) {
    if let (items, place) = try nestedWeights(of: document.root) {
      return (try stateDictionary(items), place)
    }
    let items = try entries(of: document.root)
    if !items.contains(where: { isTensor($0.id) }) {
      let parts = items.compactMap { item in weights(at: item.id).map { (item.name, $0) } }
      if parts.count == 1 { return (try stateDictionary(parts[0].1), parts[0].0) }
      guard parts.isEmpty else {
        let names = parts.map { "'\($0.0)'" }.joined(separator: ", ")
        throw FormatError(
          "it holds weights in several places (\(names)); save those you mean alone: "
            + "torch.save(checkpoint[…], \"weights.pth\")"
        )
      }
    }
    return (try stateDictionary(items), "")
  }

  private func nestedWeights(
    of id: Int,
    depth: Int = 0
  ) throws(FormatError) -> (items: [(name: String, id: Int)], place: String)? {
    guard depth < 4, case .dictionary = document.nodes[id], let items = try? entries(of: id) else {
      return nil
    }
    for key in Self.weightKeys {
      guard let inner = items.last(where: { $0.name == key }) else { continue }
      if let (found, place) = try nestedWeights(of: inner.id, depth: depth + 1) {
        return (found, place.isEmpty ? key : "\(key).\(place)")
      }
    }
    guard depth > 0, items.contains(where: { isTensor($0.id) }) else { return nil }
    return (items, "")
  }

  /// The entries of a dictionary that has tensors in it; `nil` for anything else.
  private func weights(at id: Int) -> [(name: String, id: Int)]? {
    guard let items = try? entries(of: id), items.contains(where: { isTensor($0.id) }) else {
      return nil
    }
    return items
  }

  private func isTensor(_ id: Int) -> Bool {
    if case .tensor = document.nodes[id] { true } else { false }
  }

  private func stateDictionary(_ items: [(name: String, id: Int)]) throws -> StateDictionary {
    var loader = TensorLoader(storages)
    var state = StateDictionary()
    let hasTensors = items.contains { isTensor($0.id) }
    if !hasTensors {
      // A whole network in place of its weights says more than the counters beside it.
      for (_, id) in items {
        if case .foreign(let foreign) = document.nodes[id] { throw FormatError.foreign(foreign) }
      }
    }
    for (name, id) in items {
      switch document.nodes[id] {
      case .tensor(let view): state[name] = try loader.buffer(view)
      case .foreign(let foreign): throw FormatError.foreign(foreign)
      // A counter, a version, an empty `_extra_state` among the weights is none of them.
      case .none, .bool, .int, .double, .string: if hasTensors { continue } else { fallthrough }
      default:
        throw FormatError("its entry '\(name)' is no tensor, so it is no state dictionary")
      }
    }
    return state
  }

  private func entries(of id: Int) throws(FormatError) -> [(name: String, id: Int)] {
    if case .foreign(let name) = document.nodes[id] { throw .foreign(name) }
    guard case .dictionary(let items) = document.nodes[id] else {
      throw FormatError("it holds no state dictionary; save torch.save(model.state_dict(), …)")
    }
    var entries: [(name: String, id: Int)] = []
    for index in stride(from: 0, to: items.count, by: 2) {
      guard case .string(let name) = document.nodes[items[index]] else {
        throw FormatError("it holds no state dictionary: a key is no text")
      }
      entries.append((name, items[index + 1]))
    }
    return entries
  }
}

/// Turns a document's nodes into values, reading tensors from their records.
private struct TensorLoader {
  private let source: any StorageSource
  /// Storages that more than one tensor may look at.
  private var storages: [String: [UInt8]] = [:]
  /// What may still be allocated for views that repeat or reorder a storage.
  private var byteBudget: Int
  private var nodeBudget = 1_000_000
  private static let largestDepth = 64

  init(_ source: any StorageSource) {
    self.source = source
    byteBudget = 8 * source.fileByteCount + (16 << 20)
  }

  mutating func value(
    _ id: Int,
    of document: PickleDocument,
    depth: Int = 0
  ) throws -> PickleValue {
    nodeBudget -= 1
    guard depth < TensorLoader.largestDepth, nodeBudget > 0 else {
      throw FormatError("its pickle nests or repeats values without end")
    }
    switch document.nodes[id] {
    case .none: return .none
    case .bool(let flag): return .bool(flag)
    case .int(let number): return .int(number)
    case .double(let number): return .double(number)
    case .string(let text): return .string(text)
    case .list(let ids): return .list(try values(ids, of: document, depth: depth))
    case .tuple(let ids): return .tuple(try values(ids, of: document, depth: depth))
    case .dictionary(let ids):
      let values = try values(ids, of: document, depth: depth)
      return .dictionary(
        stride(from: 0, to: values.count, by: 2).map {
          PickleValue.Entry(key: values[$0], value: values[$0 + 1])
        }
      )
    case .tensor(let view): return .tensor(try buffer(view))
    case .foreign(let name): throw FormatError.foreign(name)
    case .global, .storage: throw FormatError("its pickle holds a name where a value belongs")
    }
  }

  private mutating func values(
    _ ids: [Int],
    of document: PickleDocument,
    depth: Int
  ) throws -> [PickleValue] {
    var values: [PickleValue] = []
    for id in ids { values.append(try value(id, of: document, depth: depth + 1)) }
    return values
  }

  /// The contents of `view`, row-major.
  mutating func buffer(_ view: PickleDocument.TensorView) throws -> ArrayBuffer {
    let type = view.storage.elementType
    let bytes = try storage(view.storage)
    if view.isWholeStorage {
      return ArrayBuffer(elementType: type, shape: view.shape, bytes: bytes)
    }
    let (byteCount, overflow) = view.elementCount.multipliedReportingOverflow(by: type.byteCount)
    guard !overflow, byteCount <= byteBudget else {
      throw FormatError("a tensor of shape \(view.shape) repeats a small storage without end")
    }
    byteBudget -= byteCount
    return ArrayBuffer(
      elementType: type,
      shape: view.shape,
      bytes: gather(bytes, view, elementByteCount: type.byteCount, byteCount: byteCount)
    )
  }

  private mutating func storage(_ storage: PickleDocument.Storage) throws -> [UInt8] {
    let expected = storage.elementCount * storage.elementType.byteCount
    if let bytes = storages[storage.key], bytes.count == expected { return bytes }
    let bytes = try source.bytes(of: storage)
    storages[storage.key] = bytes
    return bytes
  }

  /// Copies the elements of a view one after another, the last axis innermost.
  private func gather(
    _ bytes: [UInt8],
    _ view: PickleDocument.TensorView,
    elementByteCount: Int,
    byteCount: Int
  ) -> [UInt8] {
    guard byteCount > 0 else { return [] }
    let start = view.offset * elementByteCount
    if view.isContiguous { return Array(bytes[start..<start + byteCount]) }
    var result: [UInt8] = []
    result.reserveCapacity(byteCount)
    var index = [Int](repeating: 0, count: view.shape.count)
    var element = view.offset
    for _ in 0..<byteCount / elementByteCount {
      let position = element * elementByteCount
      result.append(contentsOf: bytes[position..<position + elementByteCount])
      for axis in view.shape.indices.reversed() {
        index[axis] += 1
        element += view.strides[axis]
        if index[axis] < view.shape[axis] { break }
        element -= view.strides[axis] * view.shape[axis]
        index[axis] = 0
      }
    }
    return result
  }
}
