import CTorch
import Dispatch
import Foundation
package import OTXCore
import Synchronization

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

  /// Whether OpenMP was told to bind its threads, which it asks once: when it is loaded.
  private enum Binding {
    case open, bound, decided
  }

  private static let binding = Mutex(Binding.open)

  /// Has OpenMP bind its threads to these cores; `false` where it is loaded and does not.
  static func bindThreads(to cores: [ProcessorCore], leaving processors: [Int]) -> Bool {
    binding.withLock { binding in
      guard binding == .open else { return binding == .bound }
      binding = .bound
      // What the user decides stays.
      setenv("OMP_PROC_BIND", "true", 0)
      let places = cores.map { "{\($0.processors.map(String.init).joined(separator: ","))}" }
      setenv("OMP_PLACES", places.joined(separator: ","), 0)
      ThreadPlacement.threadsAreBound(leaving: processors)
      return true
    }
  }

  private static func load() -> Result<UnsafePointer<OTXTorchTable>, TensorError> {
    let isBound = binding.withLock { binding in
      if binding == .open { binding = .decided }
      return binding == .bound
    }
    guard isBound else { return loadHere() }
    // OpenMP binds the thread that loads it, which may not be one that computes.
    let answer = Answer()
    do {
      try SystemThread.start(name: "otx.loading") {
        answer.value = loadHere()
        answer.isThere.signal()
      }
    } catch {
      return .failure(.libraryUnavailable("libtorch is not available: \(error)"))
    }
    answer.isThere.wait()
    return answer.value
  }

  /// What the loading thread found; nobody reads it before it is there, hence the unchecked conformance.
  private final class Answer: @unchecked Sendable {
    var value = Result<UnsafePointer<OTXTorchTable>, TensorError>.failure(
      .libraryUnavailable("libtorch is not available: the thread that loads it did not run")
    )
    let isThere = DispatchSemaphore(value: 0)
  }

  private static func loadHere() -> Result<UnsafePointer<OTXTorchTable>, TensorError> {
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

  /// Lets OpenMP's threads wait for each other awake for a fraction of a millisecond, then asleep,
  /// unless the user decides.
  ///
  /// By default they spin for many milliseconds at every barrier. Our decoding threads, and whatever
  /// else the machine does, need those cores: with them busy a training step took ten times longer,
  /// and three times with 100,000 turns, which are 1.5 ms. To fall asleep at once costs as well, most
  /// on virtual machines, whose cores have to be woken: with 1,000 turns a small detector trained 12
  /// percent slower where nothing else ran, and no quicker where something did. libgomp reads the
  /// variable once, when it is loaded.
  private static func shortenSpinning() {
    guard getenv("OMP_WAIT_POLICY") == nil else { return }
    setenv("GOMP_SPINCOUNT", "20000", 0)
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
