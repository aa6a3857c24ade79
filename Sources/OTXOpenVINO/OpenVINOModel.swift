import COpenVINO
package import Foundation
package import OTXCore

/// A model compiled for a device, ready to run.
///
/// Used from one thread at a time.
package final class OpenVINOModel {
  /// How a model is compiled.
  package struct Options: Sendable, Equatable {
    /// A device as users name it: `auto`, `cpu`, `gpu`, `gpu:1`.
    package var device = "auto"
    /// `auto`: what the device does by default (bf16 on a CPU with AMX).
    package var precision = Precision.fp32
    /// 0: as many as OpenVINO takes.
    package var threads = 0
    /// Where compiled models are kept for the next start; `nil`: nowhere.
    package var cacheDirectory: URL?
    /// Runs several requests at once, for many pictures rather than for one soon.
    package var hasManyRequests = false
    /// Runs at once that the device's threads are shared by; 0: as OpenVINO finds best.
    package var streams = 0
    /// Keeps each layer's time.
    package var countsTime = false
    /// Counts weights and operations (``OpenVINOModel/statistics``).
    package var countsOperations = false
    package init() {}
  }

  package let inputs: [ModelPort]
  package let outputs: [ModelPort]
  /// Whether the model takes pictures of bytes.
  package let takesBytes: Bool
  /// What was counted; `nil` where nobody asked.
  package let statistics: ModelStatistics?

  private let library: OpenVINOLibrary
  private let network: CompiledNetwork
  private var compiled: OpaquePointer { network.handle }
  private var requests: [InferenceRequest] = []

  /// Compiles a recorded graph without a file.
  ///
  /// - Parameters:
  ///   - graph: What to compile.
  ///   - info: If given, the model takes bytes of RGB pictures and normalises them as it says.
  ///   - precision: The arithmetic; `auto`: the device's own.
  /// - Throws: ``ModelError/exportFailed(_:)`` naming the operators that OpenVINO does not know.
  package convenience init(
    compiling graph: OperatorGraph,
    info: ModelInfo? = nil,
    precision: Precision = .fp32
  ) throws {
    var options = Options()
    options.precision = precision
    let model = try ConvertedModel(converting: graph, name: info?.model ?? "graph")
    if let info { try model.takeBytes(info.preprocessing) }
    try self.init(model, options: options, takesBytes: info != nil)
  }

  /// Compiles an IR.
  ///
  /// - Parameters:
  ///   - url: The `.xml`; the `.bin` stands beside it.
  ///   - preprocessing: If given, the model takes bytes of RGB pictures `[N, H, W, 3]` of its input
  ///     size and normalises them; else what the IR's own input says.
  ///   - options: Device, arithmetic, threads.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)``, ``OpenVINOError``.
  package convenience init(
    reading url: URL,
    preprocessing: Preprocessing? = nil,
    options: Options = Options()
  ) throws {
    let model = try ConvertedModel(reading: url)
    if let preprocessing { try model.takeBytes(preprocessing) }
    try self.init(model, options: options, takesBytes: preprocessing != nil)
  }

  init(_ model: ConvertedModel, options: Options, takesBytes: Bool = false) throws {
    library = model.library
    inputs = try model.inputs
    outputs = try model.outputs
    self.takesBytes = takesBytes
    statistics = options.countsOperations ? ModelStatistics(try ModelGraph(model).graph) : nil
    let device = try Self.deviceName(options.device)
    network = CompiledNetwork(
      library: library,
      handle: try model.compile(device: device, properties: options.properties)
    )
  }

  /// The same compiled network for another thread: weights are shared, requests are not.
  package init(sharing other: OpenVINOModel) {
    (library, network) = (other.library, other.network)
    (inputs, outputs, takesBytes) = (other.inputs, other.outputs, other.takesBytes)
    statistics = other.statistics
  }

  deinit { requests = [] }

  /// A property of the compiled model, as OpenVINO prints it: `INFERENCE_PRECISION_HINT`.
  package func property(_ name: String) throws -> String {
    var text: UnsafeMutablePointer<CChar>?
    try library.check(
      "reading \(name)",
      library.table.compiledProperty(compiled, name, &text)
    )
    return library.take(text)
  }

  /// Runs the model on one array an input, in the order of ``inputs``.
  ///
  /// - Returns: The outputs by name.
  package func run(_ arrays: [ArrayBuffer]) throws -> [String: ModelOutput] {
    let request = try request(0)
    try set(arrays, of: request)
    try request.infer()
    return try request.outputs(named: outputs.map(\.name))
  }

  func set(_ arrays: [ArrayBuffer], of request: InferenceRequest) throws {
    guard arrays.count == inputs.count else {
      throw ModelError.mismatch("the model has \(inputs.count) inputs, \(arrays.count) were given")
    }
    for (index, array) in arrays.enumerated() {
      try request.setInput(index, array.elementType, shape: array.shape, bytes: array.bytes)
    }
  }

  /// Runs the model on inputs as they come, several at once, and hands the outputs out in order.
  ///
  /// - Parameters:
  ///   - next: The next inputs, one array an input of the model; `nil` after the last.
  ///   - receive: Gets the outputs of each, in the order of the inputs.
  /// - Throws: What `next` and `receive` throw, and ``OpenVINOError``; nothing runs on then.
  package func run(
    _ next: () throws -> [ArrayBuffer]?,
    _ receive: ([String: ModelOutput]) throws -> Void
  ) throws {
    let requestCount = bestRequestCount + 1
    let names = outputs.map(\.name)
    // Requests run in the order they were started: the first of the queue is the next one done.
    var running: [InferenceRequest] = []
    defer { for request in running { try? request.wait() } }
    func finishFirst() throws {
      let request = running[0]
      defer { running.removeFirst() }
      try request.wait()
      try receive(request.outputs(named: names))
    }
    var index = 0
    while let arrays = try next() {
      if running.count == requestCount { try finishFirst() }
      let request = try request(index % requestCount)
      try set(arrays, of: request)
      try request.start()
      running.append(request)
      index += 1
    }
    while !running.isEmpty { try finishFirst() }
  }

  /// The `index`-th request; made when first asked for.
  func request(_ index: Int) throws -> InferenceRequest {
    while requests.count <= index {
      requests.append(try InferenceRequest(library: library, compiled: compiled))
    }
    return requests[index]
  }

  /// OpenVINO's name of a device that a user names.
  static func deviceName(_ name: String) throws -> String {
    switch name.lowercased() {
    case "auto", "cpu": return "CPU"
    default:
      let wanted = name.uppercased().replacingOccurrences(of: ":", with: ".")
      let known = try OpenVINO.devices()
      guard known.contains(wanted) || known.contains("\(wanted).0") else {
        throw OpenVINOError.unknownDevice(name, known: known)
      }
      return wanted
    }
  }
}

/// A compiled network, for as long as a model of it is there.
///
/// OpenVINO makes requests of it on any thread.
private final class CompiledNetwork: @unchecked Sendable {
  private let library: OpenVINOLibrary
  let handle: OpaquePointer

  init(library: OpenVINOLibrary, handle: OpaquePointer) {
    (self.library, self.handle) = (library, handle)
  }

  deinit { library.table.compiledFree(handle) }
}

extension OpenVINOModel.Options {
  /// OpenVINO's properties.
  var properties: [(String, String)] {
    var properties = [("PERFORMANCE_HINT", hasManyRequests ? "THROUGHPUT" : "LATENCY")]
    switch precision {
    case .auto: break
    case .fp32: properties.append(("INFERENCE_PRECISION_HINT", "f32"))
    case .bf16: properties.append(("INFERENCE_PRECISION_HINT", "bf16"))
    case .fp16: properties.append(("INFERENCE_PRECISION_HINT", "f16"))
    }
    if streams > 0 { properties.append(("NUM_STREAMS", String(streams))) }
    if countsTime { properties.append(("PERF_COUNT", "YES")) }
    if threads > 0 { properties.append(("INFERENCE_NUM_THREADS", String(threads))) }
    if let cacheDirectory { properties.append(("CACHE_DIR", cacheDirectory.path)) }
    return properties
  }
}

/// One run of a compiled model at a time: its inputs and its outputs.
final class InferenceRequest {
  private let library: OpenVINOLibrary
  private let handle: OpaquePointer

  init(library: OpenVINOLibrary, compiled: OpaquePointer) throws {
    self.library = library
    var made: OpaquePointer?
    try library.check("making a request", library.table.requestMake(compiled, &made))
    handle = try made.orThrow("making a request")
  }

  deinit { library.table.requestFree(handle) }

  func setInput(_ index: Int, _ element: ElementType, shape: [Int], bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { buffer in
      guard let address = buffer.baseAddress else { throw DataError.emptyBatch }
      try library.check(
        "setting an input of shape \(shape)",
        library.table.requestSetInput(
          handle,
          index,
          element.code,
          shape.map { Int64($0) },
          shape.count,
          address,
          buffer.count
        )
      )
    }
  }

  func infer() throws { try library.check("inference", library.table.requestInfer(handle)) }
  func start() throws { try library.check("inference", library.table.requestStart(handle)) }
  func wait() throws { try library.check("inference", library.table.requestWait(handle)) }

  /// One line a layer of the last run: name, type, kernel, microseconds.
  func profileText() throws -> String {
    var text: UnsafeMutablePointer<CChar>?
    try library.check("reading times", library.table.requestProfile(handle, &text))
    return library.take(text)
  }

  func outputs(named names: [String]) throws -> [String: ModelOutput] {
    var outputs: [String: ModelOutput] = [:]
    for (index, name) in names.enumerated() { outputs[name] = try output(index) }
    return outputs
  }

  private func output(_ index: Int) throws -> ModelOutput {
    var described = OTXOutputShape()
    try library.check(
      "reading output \(index)",
      library.table.requestOutputShape(handle, index, &described)
    )
    let shape = withUnsafeBytes(of: described.shape) { bytes in
      bytes.bindMemory(to: Int64.self).prefix(Int(described.rank)).map { Int($0) }
    }
    let count = described.elementCount
    guard count > 0 else { return ModelOutput(shape: shape, values: []) }
    let values = try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      guard let address = buffer.baseAddress else { return }
      try library.check(
        "reading output \(index)",
        library.table.requestCopyOutput(handle, index, address, count)
      )
      initialized = count
    }
    return ModelOutput(shape: shape, values: values)
  }
}
