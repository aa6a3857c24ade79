import Foundation
import OTX
import OTXCore
import OTXInference
import OTXServer

extension StandardJobs {
  func deploy(_ request: DeployRequest) async throws -> DeploymentPackage {
    guard let first = request.models.first else { throw UsageError("there is no model to deploy") }
    let data = request.data ?? Engine.dataLocation(ofRunThatLeft: first.model)
    var options = DeployOptions()
    options.export.halfPrecision = request.halfPrecision
    options.sample = request.sample
    return try await engine(first, data: data).deploy(
      to: request.archive,
      followedBy: try request.models.dropFirst().map { try engine($0) },
      options: options
    )
  }

  func demo(
    _ request: DemoRequest,
    log: @escaping @Sendable (String) -> Void,
    onDamage: @escaping @Sendable (SourceEvent) throws -> Void,
    onResult: @escaping @Sendable (FrameResult) throws -> Void
  ) async throws -> RunSummary {
    let scratch = FileManager.default.temporaryDirectory
      .appending(path: "otx-demo-\(UUID().uuidString)", directoryHint: .isDirectory)
    try Folder.make(scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }
    var options = request.options
    options.models = []
    for (index, model) in request.models.enumerated() {
      let folder = scratch.appending(path: "\(index)", directoryHint: .isDirectory)
      options.models += try await deployedModels(model, scratch: folder, log: log)
    }
    var runner = Runner(options, log: log, onDamage: onDamage, onResult: onResult)
    runner.isStopped = { Task.isCancelled }
    return try runner.run()
  }

  func serve(_ request: DemoRequest, log: @escaping @Sendable (String) -> Void) async throws {
    guard let options = request.server else { throw UsageError("there is no address to serve on") }
    let scratch = FileManager.default.temporaryDirectory
      .appending(path: "otx-serve-\(UUID().uuidString)", directoryHint: .isDirectory)
    try Folder.make(scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }
    var groups: [[URL]] = [[]]
    for (index, model) in (request.models + request.compared).enumerated() {
      let folder = scratch.appending(path: "\(index)", directoryHint: .isDirectory)
      let urls = try await deployedModels(model, scratch: folder, log: log)
      if index < request.models.count { groups[0] += urls } else { groups.append(urls) }
    }
    var opening = DeployedModel.Options()
    opening.device = request.options.device
    opening.precision = request.options.precision
    opening.threads = request.options.threads
    opening.confidenceThreshold = request.options.confidenceThreshold
    opening.hasManyPictures = request.options.mode != .sync
    let server = try ModelServer(
      ServedModel.open(groups, options: opening),
      samples: SamplePicture.pictures(of: request.options.inputs),
      options: options,
      log: log
    )
    try await ServerProgram.run(server, log: log)
  }

  /// A model as OpenVINO runs it; several for a package of several.
  private func deployedModels(
    _ request: ModelRequest,
    scratch: URL,
    log: @Sendable (String) -> Void
  ) async throws -> [URL] {
    if DeployedPackage.isPackage(request.model) {
      return try DeployedPackage.models(of: request.model, scratch: scratch)
    }
    if Inputs.isExportedModel(request.model) {
      return try ModelPackage.models(at: request.model)
    }
    log("exporting \(request.model.relativePath)")
    return [try await engine(request).export(to: scratch).model.xml]
  }
}
