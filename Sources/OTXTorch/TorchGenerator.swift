import Foundation
import OTXTensor

/// libtorch's generator of random numbers, of which a process has only one.
///
/// Whoever draws seeds it first and keeps others out until done, so that two engines that train in
/// one process do not take each other's numbers.
enum TorchGenerator {
  private static let lock = NSLock()

  /// Runs `body` with the generator started from `seed`.
  static func seeded<Result>(_ seed: UInt64, _ body: () throws -> Result) throws -> Result {
    lock.lock()
    defer { lock.unlock() }
    try Torch.seed(seed)
    return try body()
  }
}
