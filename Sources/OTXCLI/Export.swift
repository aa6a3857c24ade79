import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a trained model for OpenVINO, as ONNX or as a PyTorch program.",
    usage: "otx export [CHECKPOINT] [--save-model-to FOLDER] [options]",
    discussion: """
      The model goes to a folder named like the format beside the checkpoint, or to
      --save-model-to. It is run and compared with the checkpoint; one that differs is not kept.
      'pytorch' writes model.py and weights.pth, which need PyTorch alone and are not run.
      """
  )

  @Argument(help: .init("The checkpoint; otherwise the newest run's.", valueName: "checkpoint"))
  var inputs: [String] = []

  @OptionGroup(title: "Model") var model: ModelArguments
  @OptionGroup(title: "Data") var data: DataArguments
  @OptionGroup(title: "Computing") var compute: ComputeArguments
  @OptionGroup(title: "Results") var workspace: WorkspaceArguments
  @OptionGroup(title: "Results") var models: ModelOutputArguments

  @Option(
    name: [.customLong("format"), .customLong("export-type")],
    help: .init("The format: openvino, onnx or pytorch.", valueName: "name"),
    completion: .list(ExportFormat.allCases.map(\.rawValue))
  )
  var format = "openvino"

  @Flag(
    name: [.customLong("half"), .customLong("half-precision")],
    help: "Keep weights as 16-bit numbers in the file."
  )
  var half = false

  @Flag(
    name: [.customLong("explain"), .customLong("dump-features")],
    help: "Add saliency maps and features to the model's outputs."
  )
  var explain = false

  @OptionGroup(title: "Output") var output: OutputArguments

  func request() throws -> ExportRequest {
    let names = ExportFormat.allCases.map(\.rawValue)
    guard let format = ExportFormat(rawValue: format.lowercased()) else {
      throw UsageError(
        "unknown format '\(format)'\(Suggestion.phrase(for: format, among: names)); "
          + "there are: \(names.joined(separator: ", "))"
      )
    }
    guard format != .pytorch || (!half && !explain) else {
      throw UsageError("a PyTorch program has no \(half ? "--half" : "--explain")")
    }
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let inputs = try Inputs(self.inputs, library: library, takesModel: true)
    guard inputs.images.isEmpty else {
      throw UsageError("'\(inputs.images[0])' is a picture; export takes a checkpoint")
    }
    let modelRequest = try model.request(
      inputs,
      library: library,
      compute: compute,
      workspace: workspace
    )
    let beside =
      modelRequest.model.isDirectory
      ? modelRequest.model : modelRequest.model.deletingLastPathComponent()
    return ExportRequest(
      model: modelRequest,
      data: try data.location(positional: inputs.data),
      directory: models.url ?? beside.appending(path: format.rawValue, directoryHint: .isDirectory),
      format: format,
      halfPrecision: half,
      explains: explain
    )
  }

  func run() async throws {
    let request = try UsageError.unless { try self.request() }
    let log = ProgressReporter(console: .current, level: output.level)
    for warning in compute.warnings { log.observe(.warning(warning)) }
    let outcome = try await CurrentJobs.value.export(request)
    log.log("Exporting completed")
    if output.json {
      var members: [(String, JSONText)] = outcome.files.map { ($0.key, .string($0.url.path)) }
      if let difference = outcome.maxAbsoluteDifference {
        let parity = JSONText.object([
          "maxAbsoluteDifference": .number(difference),
          "metricDifference": outcome.metricDifference.map { .number($0) } ?? .null,
        ])
        members.append(("parity", parity))
      }
      Console.current.print(JSONText.members(members))
    } else {
      var rows = outcome.files.map { [$0.title, $0.url.relativePath] }
      if let difference = outcome.maxAbsoluteDifference {
        rows.append([
          "difference to the checkpoint",
          String(format: "%.1e at most in raw outputs", difference),
        ])
      }
      if let difference = outcome.metricDifference {
        rows.append(["difference of the score", String(format: "%.1e", difference)])
      }
      if let parity = outcome.parity,
        let found = try? JSONDecoder().decode(ParityReport.self, from: parity).predictions
      {
        rows.append([
          "pictures with other predictions", "\(found.differingCount) of \(found.pictureCount)",
        ])
      }
      Console.current.print(
        TextTable(columns: ["RESULT", "VALUE"], rows: rows).rendered(
          width: Console.current.outputWidth
        )
      )
    }
  }
}
