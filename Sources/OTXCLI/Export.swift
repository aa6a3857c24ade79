import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a trained model as an OpenVINO model.",
    usage: "otx export [CHECKPOINT] [--save-model-to FOLDER] [options]",
    discussion: """
      The model goes to the folder 'openvino' beside the checkpoint, or to --save-model-to. It is
      run and compared with the checkpoint; one that differs is not kept.
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
    help: .init("The format: openvino.", valueName: "name")
  )
  var format = "openvino"

  @Flag(
    name: [.customLong("half"), .customLong("half-precision")],
    help: "Keep weights as 16-bit numbers in the file."
  )
  var half = false

  @OptionGroup(title: "Output") var output: OutputArguments

  func request() throws -> ExportRequest {
    guard format.lowercased() == "openvino" else {
      throw UsageError(
        format.lowercased() == "onnx"
          ? "this version does not write ONNX yet; leave --format out for OpenVINO"
          : "unknown format '\(format)'\(Suggestion.phrase(for: format, among: ["openvino", "onnx"])); "
            + "there is: openvino"
      )
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
      directory: models.url ?? beside.appending(path: "openvino", directoryHint: .isDirectory),
      halfPrecision: half
    )
  }

  func run() async throws {
    let request = try UsageError.unless { try self.request() }
    let log = ProgressReporter(console: .current, level: output.level)
    for warning in compute.warnings { log.observe(.warning(warning)) }
    let outcome = try await CurrentJobs.value.export(request)
    log.log("Exporting completed")
    if output.json {
      let parity = JSONText.object([
        "maxAbsoluteDifference": .number(outcome.maxAbsoluteDifference),
        "metricDifference": outcome.metricDifference.map { .number($0) } ?? .null,
      ])
      Console.current.print(
        JSONText.object([
          "xml": .string(outcome.xml.path), "bin": .string(outcome.bin.path), "parity": parity,
        ])
      )
    } else {
      var rows = [
        ["model", outcome.xml.relativePath], ["weights", outcome.bin.relativePath],
        [
          "difference to the checkpoint",
          String(format: "%.1e at most in raw outputs", outcome.maxAbsoluteDifference),
        ],
      ]
      if let difference = outcome.metricDifference {
        rows.append(["difference of the score", String(format: "%.1e", difference)])
      }
      Console.current.print(
        TextTable(columns: ["RESULT", "VALUE"], rows: rows).rendered(
          width: Console.current.outputWidth
        )
      )
    }
  }
}
