import Foundation
import OTXCore
import OTXTensor

/// Settings of libtorch, made on an engine's thread before its first tensor.
enum TorchSettings {
  /// - Throws: ``ConfigurationError`` for a device that this machine does not have.
  static func apply(_ options: EngineOptions) throws {
    let device = options.device.lowercased()
    guard ["auto", "cpu"].contains(device) else {
      throw ConfigurationError.invalid(
        "the device '\(options.device)' is not supported by this version; use --device cpu"
      )
    }
    let processor = Processor.current
    let cores = processor.coreCount
    // More threads than cores only wait for each other; a slip of the finger must not make 1,000.
    guard options.threads <= max(4 * cores, 64) else {
      throw ConfigurationError.invalid(
        "--threads \(options.threads): this machine has \(cores) cores; give as many at most"
      )
    }
    if options.pinThreads { try pinThreads(processor) }
    try Torch.setThreadCount(options.threads > 0 ? options.threads : processor.computeThreadCount)
    if options.memoryLimit > 0 { try Torch.setMemoryLimit(options.memoryLimit) }
    try Torch.setOwnKernels(options.kernels == .auto)
    let determinism: Torch.Determinism =
      switch options.deterministic {
      case .on: .on
      case .off: .off
      case .warn: .warn
      }
    try Torch.setDeterminism(determinism)
  }

  /// Gives each compute thread a core of its own.
  private static func pinThreads(_ processor: Processor) throws {
    let cores = processor.computeCores
    guard !cores.isEmpty else {
      throw ConfigurationError.invalid(
        "pinThreads: this system does not tell its cores; leave it at false"
      )
    }
    guard Torch.bindThreads(to: cores, leaving: processor.cores.flatMap(\.processors).sorted())
    else {
      throw ConfigurationError.invalid(
        "pinThreads: libtorch already runs in this process, and its threads can be pinned before that "
          + "only; set OMP_PROC_BIND=true in the environment instead"
      )
    }
  }
}
