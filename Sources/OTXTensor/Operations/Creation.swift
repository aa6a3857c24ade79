import CTorch
public import OTXCore

extension Operator {
  static let zeros = Operator("zeros")
  static let ones = Operator("ones")
  static let full = Operator("full")
  static let arange = Operator("arange", "start_step")
  static let linspace = Operator("linspace")
  static let eye = Operator("eye")
  static let rand = Operator("rand")
  static let randn = Operator("randn")
  static let randint = Operator("randint", "low")
  static let randperm = Operator("randperm")
  static let emptyLike = Operator("empty_like")
  static let zerosLike = Operator("zeros_like")
  static let onesLike = Operator("ones_like")
  static let fullLike = Operator("full_like")
  static let randLike = Operator("rand_like")
  static let randnLike = Operator("randn_like")
}

// MARK: - Filled

extension Tensor {
  /// Zeros of the given shape.
  public static func zeros(
    _ shape: [Int],
    dtype: DType = .float32,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(.zeros, [.ints(shape), .dtype(dtype), .none, .device(device), .none])
  }

  /// Ones of the given shape.
  public static func ones(
    _ shape: [Int],
    dtype: DType = .float32,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(.ones, [.ints(shape), .dtype(dtype), .none, .device(device), .none])
  }

  /// One value everywhere.
  public static func full(
    _ shape: [Int],
    _ value: Double,
    dtype: DType = .float32,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(.full, [.ints(shape), .double(value), .dtype(dtype), .none, .device(device), .none])
  }

  /// `0, 1, …, count - 1`, as integers unless said otherwise.
  public static func arange(
    _ count: Int,
    dtype: DType = .int64,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(
      .arange,
      [.int(0), .int(count), .int(1), .dtype(dtype), .none, .device(device), .none]
    )
  }

  /// `start, start + step, …` up to and without `end`.
  public static func arange(
    from start: Double,
    to end: Double,
    step: Double = 1,
    dtype: DType = .float32,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(
      .arange,
      [.double(start), .double(end), .double(step), .dtype(dtype), .none, .device(device), .none]
    )
  }

  /// `count` values at equal distances, both ends included.
  public static func linspace(
    from start: Double,
    to end: Double,
    count: Int,
    dtype: DType = .float32,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(
      .linspace,
      [.double(start), .double(end), .int(count), .dtype(dtype), .none, .device(device), .none]
    )
  }

  /// The identity matrix `[size, size]`.
  public static func eye(
    _ size: Int,
    dtype: DType = .float32,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(.eye, [.int(size), .dtype(dtype), .none, .device(device), .none])
  }

  /// As `self` in shape, type, device and memory format, its elements not set.
  public func emptyLike() throws(TensorError) -> Tensor {
    try call(.emptyLike, [.tensor(self)])
  }
  /// Zeros in shape, type, device and memory format of `self`.
  public func zerosLike(dtype: DType? = nil) throws(TensorError) -> Tensor {
    try call(.zerosLike, [.tensor(self), .dtype(dtype)])
  }
  /// Ones in shape, type, device and memory format of `self`.
  public func onesLike(dtype: DType? = nil) throws(TensorError) -> Tensor {
    try call(.onesLike, [.tensor(self), .dtype(dtype)])
  }
  /// One value in shape, type, device and memory format of `self`.
  public func fullLike(_ value: Double, dtype: DType? = nil) throws(TensorError) -> Tensor {
    try call(.fullLike, [.tensor(self), .double(value), .dtype(dtype)])
  }
}

// MARK: - Random

extension Tensor {
  /// Uniform in `[0, 1)`, from libtorch's generator (`Torch.seed`).
  public static func rand(
    _ shape: [Int],
    dtype: DType = .float32,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(.rand, [.ints(shape), .dtype(dtype), .none, .device(device), .none])
  }

  /// Normal with mean 0 and deviation 1, from libtorch's generator (`Torch.seed`).
  public static func randn(
    _ shape: [Int],
    dtype: DType = .float32,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(.randn, [.ints(shape), .dtype(dtype), .none, .device(device), .none])
  }

  /// Integers of `range`, each as likely.
  public static func randint(
    _ range: Range<Int>,
    _ shape: [Int],
    dtype: DType = .int64,
    device: Device = .cpu
  ) throws(TensorError) -> Tensor {
    try call(
      .randint,
      [
        .int(range.lowerBound), .int(range.upperBound), .ints(shape), .dtype(dtype), .none,
        .device(device), .none,
      ]
    )
  }

  /// `0 ..< count` in random order.
  public static func randperm(_ count: Int, device: Device = .cpu) throws(TensorError) -> Tensor {
    try call(.randperm, [.int(count), .dtype(.int64), .none, .device(device), .none])
  }

  /// Uniform in `[0, 1)` in the shape and type of `self`.
  public func randLike() throws(TensorError) -> Tensor { try call(.randLike, [.tensor(self)]) }
  /// Normal with mean 0 and deviation 1 in the shape and type of `self`.
  public func randnLike() throws(TensorError) -> Tensor { try call(.randnLike, [.tensor(self)]) }
}

// MARK: - From values

extension Tensor {
  /// The values, row-major, in the given shape.
  public init(_ values: [Float], shape: [Int]) throws(TensorError) {
    try self.init(copying: values, .float32, shape)
  }
  /// One dimension of values.
  public init(_ values: [Float]) throws(TensorError) {
    try self.init(values, shape: [values.count])
  }
  /// The values, row-major, in the given shape, as `float64`.
  public init(_ values: [Double], shape: [Int]) throws(TensorError) {
    try self.init(copying: values, .float64, shape)
  }
  /// The values, row-major, in the given shape, as `int64`.
  public init(_ values: [Int], shape: [Int]) throws(TensorError) {
    try self.init(copying: values, .int64, shape)
  }
  /// One dimension of integers.
  public init(_ values: [Int]) throws(TensorError) { try self.init(values, shape: [values.count]) }
  /// The values, row-major, in the given shape, as `int32`.
  public init(_ values: [Int32], shape: [Int]) throws(TensorError) {
    try self.init(copying: values, .int32, shape)
  }
  /// The bytes, row-major, in the given shape, as `uint8`.
  public init(_ values: [UInt8], shape: [Int]) throws(TensorError) {
    try self.init(copying: values, .uint8, shape)
  }
  /// The flags, row-major, in the given shape, as `bool`.
  public init(_ values: [Bool], shape: [Int]) throws(TensorError) {
    try self.init(copying: values, .bool, shape)
  }
  /// One `float32` without a dimension.
  public init(_ value: Float) throws(TensorError) { try self.init([value], shape: []) }

  /// The contents of a buffer.
  public init(_ buffer: ArrayBuffer) throws(TensorError) {
    try self.init(copying: buffer.bytes, buffer.elementType, buffer.shape)
  }

  private init<Element>(
    copying values: [Element],
    _ type: DType,
    _ shape: [Int]
  ) throws(TensorError) {
    let made = values.withUnsafeBytes { bytes in Self.copy(bytes, type, shape) }
    self = try made.get()
  }

  /// A copy of raw memory: row-major elements of `dtype`.
  package init(
    bytes: UnsafeRawBufferPointer,
    dtype: DType,
    shape: [Int]
  ) throws(TensorError) {
    self = try Self.copy(bytes, dtype, shape).get()
  }

  private static func copy(
    _ bytes: UnsafeRawBufferPointer,
    _ type: DType,
    _ shape: [Int]
  ) -> Result<Tensor, TensorError> {
    Result { () throws(TensorError) in
      let table = try TorchLibrary.table()
      var result: OpaquePointer?
      let sizes = shape.map(Int64.init)
      let status = table.pointee.from_bytes(
        bytes.baseAddress,
        bytes.count,
        sizes,
        sizes.count,
        Int32(type.scalarTypeCode),
        &result
      )
      guard status == .none, let result else {
        throw .lastFailure(of: "Tensor", shapes: [shape])
      }
      return Tensor(owning: result)
    }
  }

  /// A tensor over memory that somebody else owns, without a copy.
  ///
  /// `release` runs once, when the last tensor that looks at the memory is gone; also when this
  /// throws.
  package init(
    borrowing bytes: UnsafeMutableRawBufferPointer,
    dtype: DType,
    shape: [Int],
    release: @escaping () -> Void
  ) throws(TensorError) {
    final class Release {
      let body: () -> Void
      init(_ body: @escaping () -> Void) { self.body = body }
    }
    let table: UnsafePointer<OTXTorchTable>
    do throws(TensorError) {
      table = try TorchLibrary.table()
    } catch {
      release()
      throw error
    }
    guard let address = bytes.baseAddress else {
      release()
      throw .failed(operation: "Tensor", shapes: [shape], message: "no memory was given")
    }
    let sizes = shape.map(Int64.init)
    var result: OpaquePointer?
    let status = table.pointee.from_borrowed(
      address,
      bytes.count,
      sizes,
      sizes.count,
      Int32(dtype.scalarTypeCode),
      { context in
        guard let context else { return }
        Unmanaged<Release>.fromOpaque(context).takeRetainedValue().body()
      },
      Unmanaged.passRetained(Release(release)).toOpaque(),
      &result
    )
    guard status == .none, let result else {
      throw .lastFailure(of: "Tensor", shapes: [shape])
    }
    self.init(owning: result)
  }
}
