import ArgumentParser
import Foundation
import OTX
import OTXCore
import OTXRecipe

struct Deploy: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deploy",
    abstract: "Pack a model with everything that running it takes.",
    usage: "otx deploy [MODEL ...] [--output FILE.zip] [options]",
    discussion: """
      The zip archive runs on machines that have nothing of this program:

        otx deploy outputs/weights.pth --output cells.zip
        unzip cells.zip && ./cells/otx-run pictures/

      A checkpoint is exported first. Of several models each looks at what the one before found.
      """
  )

  @ArgumentParser.Argument(
    help: .init(
      "The checkpoint or .xml; otherwise the newest run's. Further ones look at what it finds.",
      valueName: "model"
    )
  )
  var inputs: [String] = []

  @OptionGroup(title: "Model") var model: ModelArguments
  @OptionGroup(title: "Data") var data: DataArguments
  @OptionGroup(title: "Computing") var compute: ComputeArguments
  @OptionGroup(title: "Results") var workspace: WorkspaceArguments

  @Option(
    name: [.customLong("output"), .customLong("save-model-to"), .customShort("o")],
    help: .init("The archive; otherwise deployed.zip beside the model.", valueName: "file"),
    completion: .file(extensions: ["zip"])
  )
  var archive: String?

  @Option(
    help: .init("A picture to try the package on; otherwise one of the data.", valueName: "file"),
    completion: .file()
  )
  var sample: String?

  @Flag(
    name: [.customLong("half"), .customLong("half-precision")],
    help: "Keep weights as 16-bit numbers in the file."
  )
  var half = false

  @OptionGroup(title: "Output") var output: OutputArguments

  func request() throws -> DeployRequest {
    let named = try NamedModels(inputs)
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let first = try model.request(
      try Inputs(named.firstInputs, library: library, takesModel: true),
      library: library,
      compute: compute,
      workspace: workspace
    )
    return DeployRequest(
      models: [first] + named.further(like: first),
      data: try data.location(),
      archive: try archiveURL(beside: first.model),
      sample: try sample.map { path in
        guard FileManager.default.isReadableFile(atPath: path) else {
          throw UsageError("--sample: there is no picture at '\(path)'")
        }
        return URL(filePath: path)
      },
      halfPrecision: half
    )
  }

  /// Where the archive goes; a folder gets one of the model's name.
  private func archiveURL(beside model: URL) throws -> URL {
    let folder = model.isDirectory ? model : model.deletingLastPathComponent()
    guard let archive else { return folder.appending(path: "deployed.zip") }
    let url = URL(filePath: archive)
    if url.isDirectory || archive.hasSuffix("/") { return url.appending(path: "deployed.zip") }
    guard url.pathExtension.lowercased() == "zip" else {
      throw UsageError("--output \(archive): the archive's name ends in .zip")
    }
    return url
  }

  func run() async throws {
    let request = try UsageError.unless { try self.request() }
    let log = ProgressReporter(console: .current, level: output.level)
    for warning in compute.warnings { log.observe(.warning(warning)) }
    let package = try await CurrentJobs.value.deploy(request)
    log.log("Deploying completed")
    if output.json {
      Console.current.print(
        JSONText.object([
          "archive": .string(package.archive.path), "bytes": .integer(package.byteCount),
          "unpackedBytes": .integer(package.unpackedByteCount),
          "files": .array(package.files.map { .string($0) }),
          "notes": .array(package.notes.map { .string($0) }),
        ])
      )
      return
    }
    let name = package.archive.deletingPathExtension().lastPathComponent
    for note in package.notes { log.observe(.warning(note)) }
    let rows = [
      ["archive", package.archive.relativePath],
      [
        "size",
        String(
          format: "%.1f MB, %.1f MB unpacked",
          Double(package.byteCount) / 1e6,
          Double(package.unpackedByteCount) / 1e6
        ),
      ],
      ["to run it", "unzip \(package.archive.lastPathComponent) && ./\(name)/otx-run pictures/"],
    ]
    Console.current.print(
      TextTable(columns: ["RESULT", "VALUE"], rows: rows).rendered(
        width: Console.current.outputWidth
      )
    )
  }
}

/// The positional arguments of a command that takes several models.
struct NamedModels {
  /// The first model and what is no model: a recipe.
  var firstInputs: [String]
  private var others: [String]

  /// - Parameter arguments: The positional arguments.
  /// - Throws: ``UsageError`` for a further model that is not there.
  init(_ arguments: [String]) throws {
    let models = arguments.filter { argument in
      let url = URL(filePath: argument)
      return url.isDirectory
        || (Inputs.modelExtensions + ["zip"]).contains(url.pathExtension.lowercased())
    }
    firstInputs = arguments.filter { !models.contains($0) } + models.prefix(1)
    others = Array(models.dropFirst())
    for path in others where !FileManager.default.fileExists(atPath: path) {
      throw UsageError("there is no model at '\(path)'" + Suggestion.phrase(forPath: path))
    }
  }

  /// Requests for the further models, run as the first is.
  func further(like first: ModelRequest) -> [ModelRequest] {
    others.map { path in
      var request = first
      request.model = URL(filePath: path)
      request.expectedModel = nil
      return request
    }
  }
}
