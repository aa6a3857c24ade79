import CTorch
public import OTXCore

/// Runs `body` with matrix products and convolutions in a shorter type, the rest as it must be.
///
/// `dtype` is `bfloat16` or `float16`. The forward pass and the loss belong inside, `backward` and
/// the optimizer's step outside. Converted weights are kept until the outermost call ends.
///
/// Throws: what `body` throws. A library that cannot be loaded shows in `body`'s first operation.
public func autocast<Answer, Failure: Error>(
  _ dtype: DType,
  device: Device = .cpu,
  _ body: () throws(Failure) -> Answer
) throws(Failure) -> Answer {
  guard let table = TorchLibrary.opened else { return try body() }
  let kind = Int32(device.kind.rawValue)
  let before = (table.pointee.autocast_enabled(kind), table.pointee.autocast_type(kind))
  _ = table.pointee.set_autocast(kind, 1, Int32(dtype.scalarTypeCode))
  defer {
    // The setter keeps the type while it is off; put it back first, then the switch.
    _ = table.pointee.set_autocast(kind, 1, before.1)
    _ = table.pointee.set_autocast(kind, before.0, before.1)
    if before.0 == 0 { table.pointee.clear_autocast_cache() }
  }
  return try body()
}

/// Runs `body` in the types of its tensors, inside an `autocast` too.
public func withoutAutocast<Answer, Failure: Error>(
  device: Device = .cpu,
  _ body: () throws(Failure) -> Answer
) throws(Failure) -> Answer {
  guard let table = TorchLibrary.opened else { return try body() }
  let kind = Int32(device.kind.rawValue)
  let before = (table.pointee.autocast_enabled(kind), table.pointee.autocast_type(kind))
  _ = table.pointee.set_autocast(kind, 0, before.1)
  defer { _ = table.pointee.set_autocast(kind, before.0, before.1) }
  return try body()
}
