public import Foundation
import OTXCore
import OTXImage

extension Engine {
  /// Packs the model with everything that running it takes into one zip archive.
  ///
  /// The archive unpacks to a folder of its own name that holds the program `otx-run`, the
  /// libraries it needs, the model, `config.json`, `label_schema.json`, a README, licences, and a
  /// C library with its header. Nothing need be installed where it runs. A checkpoint is exported
  /// first, and is in it as a PyTorch program, too; so is that of an exported model, where it stands
  /// beside it or in the folder above.
  ///
  /// ```swift
  /// try await engine.deploy(to: URL(filePath: "cells.zip"))
  /// // unzip cells.zip && ./cells/otx-run pictures/
  /// ```
  ///
  /// - Parameters:
  ///   - archive: The zip file; an older one is replaced when the new one is complete.
  ///   - further: Models that look, one after the other, at what the model before has found.
  ///   - options: How it is packed.
  /// - Returns: Where the archive is, what is in it and how large it is.
  /// - Throws: ``ModelError/exportFailed(_:)`` for a model that cannot be exported or run,
  ///   ``ConfigurationError/invalid(_:)`` where `otx-run` is not built,
  ///   ``DataError/unreadable(file:reason:)`` when the archive cannot be written.
  @concurrent
  public func deploy(
    to archive: URL,
    followedBy further: [Engine] = [],
    options: DeployOptions = DeployOptions()
  ) async throws -> DeploymentPackage {
    // Before minutes of work.
    let runner = try RunnerFiles()
    try runner.requireStandalone()
    let directory = archive.deletingLastPathComponent()
    try Folder.make(directory)
    let scratch = directory.appending(path: ".deploy-\(getpid())", directoryHint: .isDirectory)
    try Folder.make(scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }

    var models: [DeployableModel] = []
    for (index, engine) in ([self] + further).enumerated() {
      let folder = scratch.appending(path: "\(index)", directoryHint: .isDirectory)
      var model = try DeployableModel(
        try await engine.deployableFile(in: folder, options: options.export),
        scratch: folder.appending(path: "companions", directoryHint: .isDirectory)
      )
      model.program = try await engine.pytorchProgram(
        in: folder.appending(path: "pytorch", directoryHint: .isDirectory)
      )
      models.append(model)
      try Task.checkCancellation()
    }
    var contents = PackageContents(runner: runner)
    try contents.add(models)
    let sample = options.sample ?? samplePicture
    if let sample {
      contents.add(sample, as: "sample.\(sample.pathExtension.lowercased())")
    }
    let name = archive.deletingPathExtension().lastPathComponent
    let readme = PackageReadme(
      name: name,
      models: models.map(\.info),
      programs: models.map(\.program),
      libraryVersion: contents.libraryVersion,
      sample: sample.map { "sample.\($0.pathExtension.lowercased())" }
    )
    contents.add("README.md", Data(readme.text.utf8))
    var package = try contents.write(to: archive, folder: name)
    package.notes = models.compactMap { $0.program.absence }
    return package
  }

  /// The model as a PyTorch program, where its checkpoint is known.
  private func pytorchProgram(in folder: URL) async throws -> DeployableProgram {
    guard let engine = try await checkpointEngine() else {
      return .absent("its checkpoint is not beside the model; deploy the checkpoint (weights.pth)")
    }
    do {
      let files = try await engine.exportPyTorch(to: folder)
      return .files(program: files.program, weights: files.weights)
    } catch ModelError.exportFailed(let reason) {
      return .absent(reason)
    } catch EngineError.jobNotSupported {
      return .absent("the framework that runs it is not PyTorch")
    }
  }

  /// This engine, or of an exported model one of the checkpoint that it was made of.
  private func checkpointEngine() async throws -> Engine? {
    guard case .ir(let url) = source else { return self }
    let own = await info
    let folder = url.deletingLastPathComponent()
    for place in [folder, folder.deletingLastPathComponent()] {
      let file = place.appending(path: "weights.pth")
      guard FileManager.default.isReadableFile(atPath: file.path),
        let engine = try? Engine(model: file), await engine.info == own
      else { continue }
      return engine
    }
    return nil
  }

  /// The model as an `.xml`: its own, or exported into a folder.
  private func deployableFile(in folder: URL, options: ExportOptions) async throws -> URL {
    if case .ir(let url) = source { return url }
    return try await export(to: folder, options: options).model.xml
  }

  /// A picture file of the data that can be read.
  private var samplePicture: URL? {
    guard let dataset else { return nil }
    for subset in [Subset.test, .val, .train] {
      for item in (dataset.items[subset] ?? []).prefix(20) {
        guard let url = item.image.url, (try? ImageHeader(of: url)) != nil else { continue }
        return url
      }
    }
    return nil
  }
}
