import CTorch
import Foundation
package import OTXCore

/// libtorch, opened at first use.
package enum TorchLibrary {
  /// The table of functions, or why there is none; decided once.
  nonisolated(unsafe) static let loaded: Result<UnsafePointer<OTXTorchTable>, TensorError> = load()

  /// The table where a tensor exists, so the library does too; `nil` only if it never loaded.
  nonisolated(unsafe) static let opened: UnsafePointer<OTXTorchTable>? = try? loaded.get()

  /// The table of functions.
  ///
  /// Throws: `libraryUnavailable` with the places that were searched and the command to run.
  static func table() throws(TensorError) -> UnsafePointer<OTXTorchTable> {
    if let opened { return opened }
    return try loaded.get()
  }

  /// The version of libtorch, as `2.15.0`.
  package static func version() throws(TensorError) -> String {
    String(cString: try table().pointee.libraryVersion)
  }

  private static func load() -> Result<UnsafePointer<OTXTorchTable>, TensorError> {
    do throws(NativeLibraryError) {
      return .success(try open(NativeLibrarySearch(fileName: "libotx_torch.so")))
    } catch {
      return .failure(.libraryUnavailable("libtorch is not available: \(error)"))
    }
  }

  /// Throws where the first library that the search finds cannot be used.
  package static func verify(
    _ search: NativeLibrarySearch,
    abi: UInt32 = UInt32(OTX_TORCH_ABI)
  ) throws(NativeLibraryError) {
    _ = try open(search, abi: abi)
  }

  /// Lets OpenMP's threads wait for each other asleep rather than awake, unless the user decides.
  ///
  /// By default they spin for milliseconds at every barrier. Our decoding threads, and whatever
  /// else the machine does, need those cores: with them busy a training step took ten times longer.
  /// libgomp reads the variable once, when it is loaded.
  private static func shortenSpinning() {
    guard getenv("OMP_WAIT_POLICY") == nil else { return }
    setenv("GOMP_SPINCOUNT", "1000", 0)
  }

  /// Opens the first library that the search finds.
  private static func open(
    _ search: NativeLibrarySearch,
    abi: UInt32 = UInt32(OTX_TORCH_ABI)
  ) throws(NativeLibraryError) -> UnsafePointer<OTXTorchTable> {
    let file = try search.find().path
    shortenSpinning()
    var message = [CChar](repeating: 0, count: 4096)
    guard let table = otx_torch_load(file, &message, message.count) else {
      let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw .unusable(file: file, reason: String(decoding: bytes, as: UTF8.self))
    }
    guard table.pointee.abi == abi else {
      throw .wrongVersion(file: file, found: Int(table.pointee.abi), needed: Int(abi))
    }
    return table
  }
}
