import CTorch
package import OTXCore

/// What concerns libtorch as a whole: threads, seed, determinism, memory.
public enum Torch {
  /// The version of the library, as `2.15.0`.
  public static func version() throws(TensorError) -> String { try TorchLibrary.version() }

  /// Starts libtorch's generator anew.
  public static func seed(_ value: UInt64) throws(TensorError) {
    let table = try TorchLibrary.table()
    try check(table.pointee.manual_seed(value), "seed")
  }

  /// Threads that work on one operation.
  public static func threadCount() throws(TensorError) -> Int {
    Int(try TorchLibrary.table().pointee.thread_count())
  }

  /// Sets how many threads work on one operation; positive.
  public static func setThreadCount(_ count: Int) throws(TensorError) {
    let table = try TorchLibrary.table()
    try check(table.pointee.set_thread_count(Int32(clamping: count)), "setThreadCount")
  }

  /// Keeps each of libtorch's threads on a core of its own, those of the whole process.
  ///
  /// - Parameters:
  ///   - cores: One for each thread, in their order; more threads than cores begin again.
  ///   - processors: Where all other threads may run.
  /// - Returns: Whether it is so: libtorch's threads can be bound only before it is loaded.
  package static func bindThreads(to cores: [ProcessorCore], leaving processors: [Int]) -> Bool {
    TorchLibrary.bindThreads(to: cores, leaving: processors)
  }

  /// Whether operations give the same bits every time.
  public enum Determinism: Int32, Sendable {
    case off = 0
    /// An operation that cannot throws.
    case on = 1
    /// An operation that cannot warns.
    case warn = 2
  }

  /// Whether algorithms are chosen that give the same result each time.
  public static func determinism() throws(TensorError) -> Determinism {
    Determinism(rawValue: try TorchLibrary.table().pointee.deterministic()) ?? .off
  }

  /// Chooses whether algorithms give the same result each time.
  public static func setDeterminism(_ value: Determinism) throws(TensorError) {
    let table = try TorchLibrary.table()
    try check(table.pointee.set_deterministic(value.rawValue), "setDeterminism")
  }

  /// What our own kernels of training are compiled for, from the least to the most.
  public enum InstructionSet: Int32, Sendable, CaseIterable, CustomStringConvertible {
    case portable = 0
    case avx2 = 1
    case avx512 = 2

    public var description: String {
      switch self {
      case .portable: "portable"
      case .avx2: "AVX2"
      case .avx512: "AVX-512"
      }
    }
  }

  /// Whether training uses our own kernels (normalisation with activation, depthwise convolution,
  /// scales of channels) where they fit, instead of libtorch's.
  public static func usesOwnKernels() throws(TensorError) -> Bool {
    try TorchLibrary.table().pointee.own_kernels() != 0
  }

  /// Chooses whether training uses our own kernels; of the whole process.
  public static func setOwnKernels(_ value: Bool) throws(TensorError) {
    try TorchLibrary.table().pointee.set_own_kernels(value ? 1 : 0)
  }

  /// What our own kernels use: the best that this processor has, unless limited.
  public static func instructionSet() throws(TensorError) -> InstructionSet {
    InstructionSet(rawValue: try TorchLibrary.table().pointee.instruction_set()) ?? .portable
  }

  /// Keeps our own kernels from using more than this; of the whole process, for comparisons.
  public static func limitInstructionSet(_ value: InstructionSet) throws(TensorError) {
    try TorchLibrary.table().pointee.limit_instruction_set(value.rawValue)
  }

  /// The CPU memory of tensors, in bytes.
  public struct Memory: Sendable, Equatable {
    /// Of tensors that live.
    public var inUse: Int
    /// Kept for the next tensors.
    public var cached: Int
    /// The most that was in use since the start or `resetMemoryPeak`.
    public var peak: Int
    /// The budget: what is in use and kept never exceeds it.
    public var limit: Int
  }

  /// What tensors take now, and have taken.
  public static func memory() throws(TensorError) -> Memory {
    let table = try TorchLibrary.table()
    var figures = OTXMemory()
    table.pointee.memory(&figures)
    return Memory(
      inUse: Int(clamping: figures.inUse),
      cached: Int(clamping: figures.cached),
      peak: Int(clamping: figures.peak),
      limit: Int(clamping: figures.limit)
    )
  }

  /// Starts the peak of ``memory()`` anew.
  public static func resetMemoryPeak() throws(TensorError) {
    try TorchLibrary.table().pointee.reset_memory_peak()
  }

  /// Sets the budget of tensors in bytes; `nil` is 0.9 of what the system and its control group
  /// could give this process now.
  public static func setMemoryLimit(_ byteCount: Int?) throws(TensorError) {
    try TorchLibrary.table().pointee.set_memory_limit(UInt64(clamping: byteCount ?? 0))
  }

  /// Gives the kept memory back to the system.
  public static func emptyMemoryCache() throws(TensorError) {
    try TorchLibrary.table().pointee.empty_memory_cache()
  }

  private static func check(_ status: OTXFailureKind, _ operation: String) throws(TensorError) {
    if status != .none { throw .lastFailure(of: operation, shapes: []) }
  }
}
