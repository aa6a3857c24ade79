import Foundation

/// Threads of the operating system, started by hand.
///
/// Foundation's `Thread` says nothing when the system refuses a thread (too many of them, no memory
/// for the stack); whoever waits for its work then waits for ever.
package enum SystemThread {
  /// The system refused a thread.
  package struct Refusal: Error, LocalizedError, CustomStringConvertible {
    /// The system's reason.
    let reason: String
    package var errorDescription: String? { description }
    package var description: String {
      "the system gives no further thread (\(reason)); end some programs, or raise the limit of processes"
    }
  }

  /// Runs `body` on a new thread, which ends with it.
  ///
  /// - Parameters:
  ///   - name: What `top -H` shows, 15 letters at most.
  ///   - stackSize: In bytes; 0: the system's default.
  ///   - body: The thread's work.
  /// - Throws: ``Refusal``; `body` is never run then.
  package static func start(
    name: String,
    stackSize: Int = 0,
    _ body: @escaping @Sendable () -> Void
  ) throws(Refusal) {
    let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
    defer { attributes.deallocate() }
    pthread_attr_init(attributes)
    defer { pthread_attr_destroy(attributes) }
    pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED))
    if stackSize > 0 { pthread_attr_setstacksize(attributes, stackSize) }
    let context = Unmanaged.passRetained(ThreadStart(name: name, body: body))
    #if canImport(Darwin)
      var thread: pthread_t?
      let code = pthread_create(&thread, attributes, runThread, context.toOpaque())
    #else
      var thread = pthread_t()
      let code = pthread_create(&thread, attributes, runThread, context.toOpaque())
    #endif
    guard code == 0 else {
      context.release()
      throw Refusal(reason: String(cString: strerror(code)))
    }
  }
}

/// What a new thread is told.
private final class ThreadStart {
  let name: String
  let body: @Sendable () -> Void
  init(name: String, body: @escaping @Sendable () -> Void) {
    (self.name, self.body) = (name, body)
  }
}

#if canImport(Darwin)
  private typealias ThreadContext = UnsafeMutableRawPointer
#else
  private typealias ThreadContext = UnsafeMutableRawPointer?
#endif

/// The first function of a new thread.
private func runThread(_ context: ThreadContext) -> UnsafeMutableRawPointer? {
  let pointer: UnsafeMutableRawPointer? = context
  guard let pointer else { return nil }
  let start = Unmanaged<ThreadStart>.fromOpaque(pointer).takeRetainedValue()
  #if canImport(Darwin)
    pthread_setname_np(start.name)
  #else
    // Glibc's own function is not to be had from Swift; the kernel takes a name here as well.
    try? Data(start.name.utf8.prefix(15)).write(to: URL(filePath: "/proc/thread-self/comm"))
  #endif
  ThreadPlacement.releaseCurrentThread()
  start.body()
  return nil
}
