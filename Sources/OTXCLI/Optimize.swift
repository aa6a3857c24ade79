import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

struct Optimize: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "optimize",
    abstract: "Make a model smaller and quicker.",
    usage: """
      otx optimize [MODEL.xml] [TYPE] [DATA] [options]
      otx optimize CHECKPOINT.pth [DATA] [options]
      """,
    discussion: """
      TYPE is one of
        ptq    weights and activations as whole numbers of 8 bits, the ranges taken from training
               pictures (post-training quantisation); the default
        int8   only the stored weights as whole numbers of 8 bits: a quarter of the size
        fp16   only the stored weights as numbers of 16 bits: half the size

      The score is compared on the validation subset. A model that lost more than --max-drop is not
      written; of ptq, the layers that cost most stay in real numbers until it loses less.
      A checkpoint is fine-tuned for some epochs with layers rounded to 8 bits (quantisation-aware
      training), exported and quantised; it needs no type. With --prune it loses filters first, and
      is trained for twice as many epochs with real numbers before.
      The model goes to the folder 'qat' (of a checkpoint), 'int8' (ptq), 'int8-weights' or 'fp16'
      beside the one it is made of, or to --save-model-to.
      """
  )

  @ArgumentParser.Argument(
    help: .init("The exported model, the type, and the data.", valueName: "model|type|data")
  )
  var inputs: [String] = []

  @OptionGroup(title: "Model") var model: ModelArguments
  @OptionGroup(title: "Data") var data: DataArguments
  @OptionGroup(title: "Optimisation") var optimisation: OptimizationArguments
  @OptionGroup(title: "Computing") var compute: ComputeArguments
  @OptionGroup(title: "Results") var workspace: WorkspaceArguments
  @OptionGroup(title: "Results") var models: ModelOutputArguments
  @Option(help: .init("Write the score to a JSON file.", valueName: "file"))
  var savePerformance: String?
  @OptionGroup(title: "Output") var output: OutputArguments

  func request() throws -> OptimizeRequest {
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let words = inputs.filter { OptimizationType(rawValue: $0.lowercased()) != nil }
    guard words.count <= 1 else {
      throw UsageError("two types: '\(words[0])' and '\(words[1])'; name one")
    }
    let inputs = try Inputs(
      inputs.filter { !words.contains($0) },
      library: library,
      takesModel: true
    )
    guard inputs.images.isEmpty else {
      throw UsageError("'\(inputs.images[0])' is a picture; name the folder of a dataset")
    }
    var modelRequest = try model.request(
      inputs,
      library: library,
      compute: compute,
      workspace: workspace
    )
    modelRequest.model = try meant(modelRequest.model)
    let isExported = modelRequest.model.pathExtension.lowercased() == "xml"
    if !isExported, let word = words.first {
      throw UsageError(
        "'\(word)' is for exported models; a checkpoint is fine-tuned for whole numbers: leave the type out, or otx export it and optimise its .xml"
      )
    }
    if isExported, optimisation.prune != nil {
      throw UsageError(
        "--prune needs a checkpoint, not an exported model: otx optimize weights.pth DATA --prune SHARE"
      )
    }
    var options = try optimisation.options()
    options.type = words.first.flatMap { OptimizationType(rawValue: $0.lowercased()) } ?? .ptq
    options.threads = modelRequest.engine.threads
    return OptimizeRequest(
      model: modelRequest,
      data: try data.location(positional: inputs.data),
      directory: models.url
        ?? (isExported
          ? Optimize.folder(for: options.type, of: modelRequest.model)
          : modelRequest.model.deletingLastPathComponent()
            .appending(path: "qat", directoryHint: .isDirectory)),
      options: options,
      task: try optimisation.task.map(TaskType.init(named:)),
      labels: try optimisation.labelNames()
    )
  }

  /// What is meant by a folder: its exported model, where it has one, else its checkpoint.
  private func meant(_ url: URL) throws -> URL {
    guard url.isDirectory else { return url }
    let folder = url
    let candidates =
      ["openvino.xml", "openvino/openvino.xml"].map { folder.appending(path: $0) }
      + ["weights.pth", "models/weights.pth"].map { folder.appending(path: $0) }
    guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) })
    else {
      throw UsageError("'\(url.relativePath)' holds no exported model and no checkpoint")
    }
    return found
  }

  private static func folder(for type: OptimizationType, of model: URL) -> URL {
    let name =
      switch type {
      case .ptq: "int8"
      case .int8: "int8-weights"
      case .fp16: "fp16"
      }
    // Beside the folder 'openvino' that an export makes, else beside the model.
    let folder = model.deletingLastPathComponent()
    let parent =
      folder.lastPathComponent == "openvino" ? folder.deletingLastPathComponent() : folder
    return parent.appending(path: name, directoryHint: .isDirectory)
  }

  func run() async throws {
    let request = try UsageError.unless { try self.request() }
    if let savePerformance { try ResultFile.check(savePerformance) }
    let log = ProgressReporter(console: .current, level: output.level)
    for warning in compute.warnings { log.observe(.warning(warning)) }
    let result = try await CurrentJobs.value.optimize(request, observers: [log])
    log.end()
    for note in result.notes { log.observe(.warning(note)) }
    log.log("Optimising completed")
    if let file = savePerformance, let after = result.after {
      let text = JSONText.members([(result.metric, .number(after))]).text
      try ResultFile.write(text + "\n", to: file)
    }
    if output.json {
      Console.current.print(json(result))
    } else {
      Console.current.print(
        TextTable(columns: ["RESULT", "VALUE"], rows: rows(result))
          .rendered(width: Console.current.outputWidth)
      )
    }
  }

  private func json(_ result: OptimizationResult) -> JSONText {
    func number(_ value: Double?) -> JSONText { value.map { .number($0) } ?? .null }
    let drop = result.drop
    let relative = result.before.flatMap { before in
      before != 0 ? drop.map { $0 / before } : nil
    }
    return .object([
      "xml": .string(result.model.xml.path), "bin": .string(result.model.bin.path),
      "checkpoint": result.checkpoint.map { .string($0.path) } ?? .null,
      "pruning": result.pruning.map(Optimize.json) ?? .null,
      "type": .string(result.type.rawValue), "metric": .string(result.metric),
      "before": number(result.before), "after": number(result.after), "drop": number(drop),
      "relativeDrop": number(relative),
      "quantizedOperationCount": .integer(result.quantizedOperationCount),
      "revertedForScore": .array(result.revertedForScore.map { .string($0) }),
      "revertedForSpeed": .array(result.revertedForSpeed.map { .string($0) }),
      "latencyMilliseconds": .members(
        result.latencies.map { ($0.name, .number($0.milliseconds)) }
      ),
      "quantizationSeconds": .number(result.quantizationSeconds),
      "peakMemoryBytes": .integer(result.peakMemoryBytes),
      "calibrationItemCount": .integer(result.calibrationItemCount),
      "validationItemCount": .integer(result.validationItemCount),
      "bytesBefore": .integer(result.byteCountBefore),
      "bytesAfter": .integer(result.byteCountAfter),
      "notes": .array(result.notes.map { .string($0) }),
    ])
  }

  private static func json(_ pruning: PruningResult) -> JSONText {
    .object([
      "share": .number(pruning.share),
      "multiplyAddsBefore": .integer(pruning.multiplyAddsBefore),
      "multiplyAddsAfter": .integer(pruning.multiplyAddsAfter),
      "parametersBefore": .integer(pruning.parametersBefore),
      "parametersAfter": .integer(pruning.parametersAfter),
      "layers": .array(
        pruning.layers.map {
          .object([
            "name": .string($0.name), "filtersBefore": .integer($0.filtersBefore),
            "filtersAfter": .integer($0.filtersAfter),
          ])
        }
      ),
    ])
  }

  private func rows(_ result: OptimizationResult) -> [[String]] {
    func score(_ value: Double?) -> String {
      value.map { String(format: "%.4f", $0) } ?? "not checked"
    }
    var rows = [
      ["model", result.model.xml.relativePath],
      ["\(result.metric) before", score(result.before)],
      ["\(result.metric) after", score(result.after)],
    ]
    if let checkpoint = result.checkpoint {
      rows.insert(["checkpoint", checkpoint.relativePath], at: 1)
    }
    if let drop = result.drop {
      let allowed = String(format: "%g", optimisation.maxDrop)
      rows.append(["drop", String(format: "%.4f (allowed %@)", drop, allowed)])
    }
    if let pruning = result.pruning {
      rows.append([
        "multiply-adds",
        String(
          format: "%.4g M → %.4g M (%.1f %% less)",
          Double(pruning.multiplyAddsBefore) / 1e6,
          Double(pruning.multiplyAddsAfter) / 1e6,
          100 * pruning.share
        ),
      ])
      rows.append([
        "parameters",
        String(
          format: "%.4g M → %.4g M",
          Double(pruning.parametersBefore) / 1e6,
          Double(pruning.parametersAfter) / 1e6
        ),
      ])
    }
    if result.type != .fp16 {
      rows.append(["quantised operations", "\(result.quantizedOperationCount)"])
    }
    for (what, names) in [
      ("left for the score", result.revertedForScore),
      ("left for speed", result.revertedForSpeed),
    ] where !names.isEmpty {
      // The log and --json have them all.
      let more = names.count > 3 ? " and \(names.count - 3) more" : ""
      rows.append([what, names.prefix(3).joined(separator: ", ") + more])
    }
    for latency in result.latencies {
      rows.append(["latency \(latency.name)", String(format: "%.2f ms", latency.milliseconds)])
    }
    let size = [result.byteCountBefore, result.byteCountAfter].map {
      String(format: "%.1f MB", Double($0) / 1e6)
    }
    rows.append(["size", "\(size[0]) → \(size[1])"])
    return rows
  }
}

/// How a model is optimised.
struct OptimizationArguments: ParsableArguments {
  @Option(help: .init("Training pictures to take ranges from.", valueName: "count"))
  var subsetSize = 300

  @Option(
    help: .init(
      "Ranges of activations: performance (around zero) or mixed (as they are).",
      valueName: "name"
    ),
    completion: .list(QuantizationPreset.allCases.map(\.rawValue))
  )
  var preset = "auto"

  @Option(
    name: .customLong("ignored-scope"),
    help: .init(
      "Leave operations in real numbers: a name, type:NAME, or pattern:EXPRESSION. May be repeated.",
      valueName: "scope"
    )
  )
  var ignoredScope: [String] = []

  @Option(
    help: .init("transformer: leave in real numbers what attention needs so.", valueName: "name"),
    completion: .list(["convolutional", "transformer"])
  )
  var modelType = "auto"

  @Option(help: .init("The most that the score may drop.", valueName: "number"))
  var maxDrop = 0.01

  @Flag(help: "Write the model even if it lost more, or if nobody knows.")
  var force = false

  @Option(help: .init("Epochs to fine-tune a checkpoint for; 0: five.", valueName: "count"))
  var epochs = 0

  @Option(
    help: .init(
      "What the learning rate of the checkpoint is multiplied by for it.",
      valueName: "number"
    )
  )
  var learningRateFactor = 0.1

  @Option(
    help: .init(
      "Of a checkpoint, take away whole filters with this part (0 to 0.9) of the multiplications that 'otx benchmark' counts, and train it to do without them.",
      valueName: "share"
    )
  )
  var prune: Double?

  @Flag(help: "Also quantise layers that take longer for it on this machine.")
  var allLayers = false

  @Option(
    help: .init("The task of a model of another program that does not say it.", valueName: "task"),
    completion: .tasks
  )
  var task: String?

  @Option(
    help: .init("The labels of such a model, in order, separated by commas.", valueName: "names")
  )
  var labels: String?

  func options() throws -> OptimizeOptions {
    var options = OptimizeOptions()
    options.subsetSize = subsetSize
    options.maxDrop = maxDrop
    options.epochs = epochs
    options.learningRateFactor = learningRateFactor
    if let prune { options.prunedShare = prune }
    options.force = force
    options.keepsSpeed = !allLayers
    options.preset = try choice(preset, "--preset")
    options.modelType = try choice(modelType, "--model-type")
    for scope in ignoredScope {
      let parts = scope.split(separator: ":", maxSplits: 1).map(String.init)
      switch parts.count == 2 ? parts[0] : "" {
      case "type": options.ignoredScope.types.append(parts[1])
      case "pattern": options.ignoredScope.patterns.append(parts[1])
      default: options.ignoredScope.names.append(scope)
      }
    }
    try options.validate()
    return options
  }

  func labelNames() throws -> [String]? {
    guard let labels else { return nil }
    let names = labels.split(separator: ",", omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard !names.isEmpty, !names.contains(""), Set(names).count == names.count else {
      throw UsageError("--labels: '\(labels)' is no list of different names: A,B,C")
    }
    return names
  }

  private func choice<Value: RawRepresentable & CaseIterable>(
    _ word: String,
    _ option: String
  ) throws -> Value where Value.RawValue == String {
    guard let value = Value(rawValue: word.lowercased()) else {
      throw ConfigurationError.unknownName(
        word,
        kind: "value of \(option)",
        known: Value.allCases.map(\.rawValue)
      )
    }
    return value
  }
}
