import CTorch

/// One argument of an operator.
package enum Argument {
  case none
  case tensor(Tensor)
  case int(Int)
  case double(Double)
  case bool(Bool)
  case text(String)
  case device(Device)
  case ints([Int])
  /// Two integers without an array: strides, paddings, sizes of pictures.
  case pair(Int, Int)
  case doubles([Double])
  case bools([Bool])
  case tensors([Tensor])
  case optionalTensors([Tensor?])

  package static func optional(_ tensor: Tensor?) -> Argument {
    if let tensor { .tensor(tensor) } else { .none }
  }
  package static func optional(_ value: Double?) -> Argument {
    if let value { .double(value) } else { .none }
  }
  package static func optional(_ value: Int?) -> Argument {
    if let value { .int(value) } else { .none }
  }
  package static func size(_ size: Size2D) -> Argument { .pair(size.height, size.width) }
  package static func dtype(_ type: DType?) -> Argument {
    if let type { .int(type.scalarTypeCode) } else { .none }
  }

  /// Words of eight bytes that the argument needs beside its own.
  var wordCount: Int {
    switch self {
    case .none, .tensor, .int, .double, .bool, .device: 0
    case .pair: 2
    case .text(let text): text.utf8.count / 8 + 1
    case .ints(let list): list.count
    case .doubles(let list): list.count
    case .bools(let list): list.count
    case .tensors(let list): list.count
    case .optionalTensors(let list): list.count
    }
  }

  /// The argument for C; lists are written to `words`.
  func packed(_ words: UnsafeMutablePointer<Int64>) -> OTXValue {
    var value = OTXValue()
    switch self {
    case .none: value.tag = .none
    case .tensor(let tensor):
      value.tag = .tensor
      value.as.tensor = tensor.raw
    case .int(let number):
      value.tag = .int
      value.as.integer = Int64(number)
    case .double(let number):
      value.tag = .double
      value.as.real = number
    case .bool(let flag):
      value.tag = .bool
      value.as.integer = flag ? 1 : 0
    case .device(let device):
      value.tag = .device
      value.as.integer = device.packed
    default: packList(into: &value, words)
    }
    return value
  }

  private func packList(into value: inout OTXValue, _ words: UnsafeMutablePointer<Int64>) {
    value.as.integers = UnsafePointer(words)
    value.count = wordCount
    switch self {
    case .none, .tensor, .int, .double, .bool, .device: break
    case .pair(let first, let second):
      value.tag = .ints
      (words[0], words[1]) = (Int64(first), Int64(second))
    case .ints(let list):
      value.tag = .ints
      for (i, number) in list.enumerated() { words[i] = Int64(number) }
    case .doubles(let list):
      value.tag = .doubles
      for (i, number) in list.enumerated() { words[i] = Int64(bitPattern: number.bitPattern) }
    case .bools(let list):
      value.tag = .bools
      for (i, flag) in list.enumerated() { words[i] = flag ? 1 : 0 }
    case .tensors(let list):
      value.tag = .tensors
      for (i, tensor) in list.enumerated() { words[i] = Int64(Int(bitPattern: tensor.raw)) }
    case .optionalTensors(let list):
      value.tag = .optionalTensors
      for (i, tensor) in list.enumerated() {
        words[i] = tensor.map { Int64(Int(bitPattern: $0.raw)) } ?? 0
      }
    case .text(let text):
      value.tag = .string
      let bytes = UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt8.self)
      var end = 0
      for byte in text.utf8 {
        bytes[end] = byte
        end += 1
      }
      bytes[end] = 0
    }
  }
}

/// The shapes of the tensors among `arguments`, for an error.
private func shapes(_ arguments: Span<Argument>) -> [[Int]] {
  var result: [[Int]] = []
  for i in arguments.indices {
    switch arguments[i] {
    case .tensor(let tensor): result.append(tensor.shape)
    case .tensors(let list): result += list.map(\.shape)
    case .optionalTensors(let list): result += list.compactMap { $0?.shape }
    default: break
    }
  }
  return result
}

/// At most so many arguments and results; the longest schema in use has 22 arguments.
private let argumentCapacity = 24
private let resultCapacity = 6
private let wordCapacity = 48

/// Calls the operator: the one way into libtorch.
///
/// Arguments lie on the stack; only lists beyond 48 words (an optimizer's parameters) are put on
/// the heap.
private func perform(
  _ op: Operator,
  _ arguments: Span<Argument>,
  _ results: UnsafeMutablePointer<OTXValue>
) throws(TensorError) -> Int {
  guard let raw = op.raw, let table = TorchLibrary.opened else {
    throw op.failure ?? .libraryUnavailable("libtorch is not loaded")
  }
  let recorder = Recorder.current
  if let recorder { try recorder.check(op, arguments) }
  var words = 0
  for i in arguments.indices { words += arguments[i].wordCount }
  var resultCount = 0
  let status = withUnsafeTemporaryAllocation(of: OTXValue.self, capacity: argumentCapacity) {
    values in
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: wordCapacity) { pool in
      let fits = words <= wordCapacity
      let memory =
        fits
        ? pool.baseAddress.unsafelyUnwrapped : UnsafeMutablePointer<Int64>.allocate(capacity: words)
      defer { if !fits { memory.deallocate() } }
      var used = 0
      for i in arguments.indices {
        values[i] = arguments[i].packed(memory + used)
        used += arguments[i].wordCount
      }
      return table.pointee.call(
        raw,
        values.baseAddress,
        arguments.count,
        results,
        resultCapacity,
        &resultCount
      )
    }
  }
  if status != .none { throw .lastFailure(of: op.shortName, shapes: shapes(arguments)) }
  if let recorder {
    do throws(TensorError) {
      try recorder.append(op, arguments, results, resultCount)
    } catch {
      for i in 0..<resultCount { discard(results[i]) }
      throw error
    }
  }
  return resultCount
}

/// Calls an operator and hands its results, which `body` has to take over.
private func withResults<Answer>(
  _ op: Operator,
  _ arguments: Span<Argument>,
  _ body: (UnsafeBufferPointer<OTXValue>) -> Answer?
) throws(TensorError) -> Answer {
  let outcome: Result<Answer?, TensorError> = withUnsafeTemporaryAllocation(
    of: OTXValue.self,
    capacity: resultCapacity
  ) { buffer in
    do throws(TensorError) {
      let count = try perform(op, arguments, buffer.baseAddress.unsafelyUnwrapped)
      return .success(body(UnsafeBufferPointer(start: buffer.baseAddress, count: count)))
    } catch {
      return .failure(error)
    }
  }
  guard let answer = try outcome.get() else {
    throw .failed(
      operation: op.shortName,
      shapes: shapes(arguments),
      message: "returned no such value"
    )
  }
  return answer
}

/// Lets go of what a result holds.
private func discard(_ value: OTXValue) {
  guard let table = TorchLibrary.opened else { return }
  if value.tag == .tensor, let tensor = value.as.tensor { table.pointee.release(tensor) }
  if value.tag == .tensors, let tensors = value.as.tensors {
    for i in 0..<value.count {
      if let tensor = tensors[i] { table.pointee.release(tensor) }
    }
  }
  table.pointee.free_list(value)
}

private func tensor(_ value: OTXValue) -> Tensor? {
  guard value.tag == .tensor, let raw = value.as.tensor else { return nil }
  return Tensor(owning: raw)
}

/// Calls an operator that returns one tensor.
package func call<let count: Int>(
  _ op: Operator,
  _ arguments: InlineArray<count, Argument>
) throws(TensorError) -> Tensor {
  try withResults(op, arguments.span) { results in
    for extra in results.dropFirst() { discard(extra) }
    return results.first.flatMap(tensor)
  }
}

/// Calls an operator that returns two tensors.
package func callPair<let count: Int>(
  _ op: Operator,
  _ arguments: InlineArray<count, Argument>
) throws(TensorError) -> (Tensor, Tensor) {
  try withResults(op, arguments.span) { results in
    for extra in results.dropFirst(2) { discard(extra) }
    let tensors = results.prefix(2).map(tensor)
    guard tensors.count == 2, let first = tensors[0], let second = tensors[1] else { return nil }
    return (first, second)
  }
}

/// Calls an operator that returns several tensors, or a list of them.
package func callList<let count: Int>(
  _ op: Operator,
  _ arguments: InlineArray<count, Argument>
) throws(TensorError) -> [Tensor] {
  try withResults(op, arguments.span) { results in
    var tensors: [Tensor] = []
    for value in results {
      if value.tag == .tensors, let list = value.as.tensors {
        for i in 0..<value.count {
          if let raw = list[i] { tensors.append(Tensor(owning: raw)) }
        }
        TorchLibrary.opened?.pointee.free_list(value)
      } else if let tensor = tensor(value) {
        tensors.append(tensor)
      }
    }
    return tensors
  }
}

/// Calls an operator for what it does to its arguments.
package func callVoid<let count: Int>(
  _ op: Operator,
  _ arguments: InlineArray<count, Argument>
) throws(TensorError) {
  let _: Bool = try withResults(op, arguments.span) { results in
    for value in results { discard(value) }
    return true
  }
}
