import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

/// How a command talks.
struct OutputArguments: ParsableArguments {
  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  @Flag(help: "No logs and no progress; errors are still said.")
  var quiet = false

  @Option(
    help: .init(
      "The least important lines to log: trace, debug, info, warning, error or critical.",
      valueName: "level"
    ),
    completion: .list(LogLevel.allCases.map { $0.rawValue.lowercased() })
  )
  var logLevel = "info"

  func validate() throws {
    guard LogLevel(rawValue: logLevel.uppercased()) != nil else {
      let known = LogLevel.allCases.map { $0.rawValue.lowercased() }
      throw ValidationError(
        "unknown log level '\(logLevel)'\(Suggestion.phrase(for: logLevel, among: known)); "
          + "there are: \(known.joined(separator: ", "))"
      )
    }
  }

  /// The level in force.
  var level: LogLevel {
    quiet ? .critical : LogLevel(rawValue: logLevel.uppercased()) ?? .info
  }
}

/// How important a line is.
///
/// From `debug` on, every training step is a line of its own; from `trace` on, every batch that is
/// validated, too.
enum LogLevel: String, CaseIterable, Comparable {
  case trace = "TRACE"
  case debug = "DEBUG"
  case info = "INFO"
  case warning = "WARNING"
  case error = "ERROR"
  case critical = "CRITICAL"

  static func < (left: LogLevel, right: LogLevel) -> Bool {
    (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
  }
}

/// Which recipe.
struct RecipeArguments: ParsableArguments {
  @Option(
    name: [.customLong("recipe"), .customLong("config")],
    help: .init(
      "A recipe: its name, a YAML file, or a template of OTX 1.x.",
      valueName: "recipe"
    ),
    completion: .recipes
  )
  var reference: String?

  @Option(
    help: .init(
      "The model to train: its name, or a TorchScript file of a network of your own.",
      valueName: "name|file"
    ),
    completion: .models
  )
  var model: String?

  @Option(
    help: .init("The task, where the data allows several.", valueName: "task"),
    completion: .tasks
  )
  var task: String?

  @OptionGroup var changes: OverrideArguments

  /// The task the user named.
  func taskType() throws -> TaskType? {
    try task.map(TaskType.init(named:))
  }
}

/// What is changed in a recipe.
struct OverrideArguments: ParsableArguments {

  @Option(
    name: .customLong("set"),
    help: .init(
      "Change a value of the recipe, for example optimizer.learningRate=0.01. May be repeated; "
        + "also --recipe-hparams KEY=VALUE …",
      valueName: "key=value"
    )
  )
  var assignments: [String] = []

  @Option(help: .init("Values of the recipe as JSON.", valueName: "json"))
  var recipeJson: String?

  @Option(
    name: .customLong("parameter"),
    help: .init(
      "What follows the word 'params': --learning_parameters.batch_size 4 …",
      visibility: .private
    )
  )
  var parameters: [String] = []

  /// What the user changed, in the order in which later ones win.
  func overrides() throws -> [RecipeOverride] {
    var result: [RecipeOverride] = []
    for parameter in parameters {
      let parts = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      result += try LegacyParameter.overrides(
        name: String(parts[0]),
        value: parts.count > 1 ? String(parts[1]) : ""
      )
    }
    if let recipeJson {
      result.append(RecipeOverride(text: recipeJson, source: "--recipe-json", hasLines: false))
    }
    return try result
      + assignments.map { try RecipeOverride(assignment: $0, source: "--set") }
  }
}

extension TaskType {
  /// The task that users call `name`; upper and lower case are the same.
  init(named name: String) throws {
    let folded = name.uppercased().replacingOccurrences(of: "-", with: "_")
    guard let task = TaskType(rawValue: folded) else {
      throw ConfigurationError.unknownName(
        name,
        kind: "task",
        known: TaskType.allCases.map(\.rawValue)
      )
    }
    self = task
  }
}

/// Where the data is, unless it stands as a positional argument.
struct DataArguments: ParsableArguments {
  @Option(
    name: [.customLong("data"), .customLong("data-cfg")],
    help: .init("A data.yaml, or the folder of the data.", valueName: "path"),
    completion: .file(extensions: ["yaml"])
  )
  var data: String?

  @Option(help: .init("The folder of the data.", valueName: "folder"), completion: .directory)
  var dataRoot: String?

  @Option(help: .init("The format, where it is not recognised.", valueName: "name"))
  var dataFormat: String?

  @Option(help: .init("Annotations to train on.", valueName: "file"), completion: .file())
  var trainAnnFiles: String?

  @Option(help: .init("Pictures to train on.", valueName: "folder"), completion: .directory)
  var trainDataRoots: String?

  @Option(help: .init("Annotations to validate on.", valueName: "file"), completion: .file())
  var valAnnFiles: String?

  @Option(help: .init("Pictures to validate on.", valueName: "folder"), completion: .directory)
  var valDataRoots: String?

  @Option(help: .init("Annotations to test on.", valueName: "file"), completion: .file())
  var testAnnFiles: String?

  @Option(help: .init("Pictures to test on.", valueName: "folder"), completion: .directory)
  var testDataRoots: String?

  /// Where the data is.
  ///
  /// - Parameter positional: What the user named without an option.
  /// - Returns: `nil` where the user named nothing.
  /// - Throws: ``UsageError`` for what is not there, or for data that is named twice.
  func location(positional: String? = nil) throws -> DataLocation? {
    let subsets: [(Subset, String, String?, String?)] = [
      (.train, "train", trainAnnFiles, trainDataRoots), (.val, "val", valAnnFiles, valDataRoots),
      (.test, "test", testAnnFiles, testDataRoots),
    ]
    var named: [Subset: SubsetLocation] = [:]
    for (subset, word, annotations, root) in subsets where annotations != nil || root != nil {
      named[subset] = SubsetLocation(
        annotations: try annotations.map { try existing($0, "--\(word)-ann-files") },
        root: try root.map { try existing($0, "--\(word)-data-roots") }
      )
    }
    let places = [("--data", data), ("--data-root", dataRoot), ("the command line", positional)]
      .compactMap { place, path in path.map { (place, $0) } }
    guard places.count + (named.isEmpty ? 0 : 1) <= 1 else {
      throw UsageError("the data is named more than once; name it in one way")
    }
    if !named.isEmpty { return .subsets(named, format: dataFormat) }
    guard let (place, path) = places.first else { return nil }
    let url = try existing(path, place)
    if url.isDirectory { return .root(url, format: dataFormat) }
    let isText = ["yaml", "yml", "json"].contains(url.pathExtension.lowercased())
    if isText, url.pathExtension.lowercased() != "json" || DataFile.isDataFile(url) {
      return try DataFile.read(url)
    }
    // An annotation file, an archive, a table, a video: formats know their own.
    return .root(url, format: dataFormat)
  }

  private func existing(_ path: String, _ place: String) throws -> URL {
    let url = URL(filePath: path)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw UsageError(
        "\(place): there is nothing at '\(path)'" + Suggestion.phrase(forPath: path)
      )
    }
    return url
  }
}

extension URL {
  /// Whether there is a folder.
  var isDirectory: Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      && isDirectory.boolValue
  }
}

/// Where results go.
struct WorkspaceArguments: ParsableArguments {
  @Option(
    name: [.customLong("work-dir"), .customLong("workspace")],
    help: .init("The folder of runs; each run gets a folder in it.", valueName: "folder"),
    completion: .directory
  )
  var workDirectory = "otx-workspace"

  var url: URL { URL(filePath: workDirectory, directoryHint: .isDirectory) }
}

/// Where model files go.
struct ModelOutputArguments: ParsableArguments {
  @Option(
    name: [.customLong("save-model-to"), .customLong("output"), .customShort("o")],
    help: .init("The folder for model files.", valueName: "folder"),
    completion: .directory
  )
  var saveModelTo: String?

  var url: URL? { saveModelTo.map { URL(filePath: $0, directoryHint: .isDirectory) } }
}

/// On what, and how exactly, it is computed.
struct ComputeArguments: ParsableArguments {
  @Option(
    help: .init("auto, cpu, or cuda[:N].", valueName: "name"),
    completion: .list(["auto", "cpu"])
  )
  var device: String?

  @Option(
    help: .init("auto, fp32, bf16 or fp16.", valueName: "name"),
    completion: .list(["auto", "fp32", "bf16", "fp16"])
  )
  var precision: String?

  @Option(help: .init("Threads that compute; 0: one for each core.", valueName: "count"))
  var threads: String?

  @Option(help: .init("What random numbers start from.", valueName: "number"))
  var seed: String?

  @Option(help: .init("Memory it may take, for example 8GiB.", valueName: "size"))
  var memoryLimit: String?

  @Option(help: .init("GPUs to use; the old spelling of --device.", valueName: "count"))
  var gpus: String?

  /// The options as values of a recipe.
  var overrides: [RecipeOverride] {
    [("device", device), ("precision", precision), ("threads", threads), ("seed", seed)]
      .compactMap { key, value in
        value.map { RecipeOverride(key: key, value: $0, source: "--\(key)") }
      }
  }

  /// The options as an engine takes them, their values checked before anything is read.
  ///
  /// - Parameter isExported: Whether they are for an exported model; OpenVINO has devices of its own.
  /// - Returns: The options; what was not given is the default.
  /// - Throws: ``UsageError``, ``ConfigurationError``: a value that cannot be used.
  func engineOptions(isExported: Bool = false) throws -> EngineOptions {
    if let device, !isExported { try ComputeArguments.check(device: device) }
    let checked = try Recipe(name: "", task: .detection, model: ModelOptions(""))
      .applying(overrides).training
    var options = EngineOptions()
    options.device = checked.device
    options.precision = checked.precision
    options.threads = checked.threads
    options.seed = checked.seed
    if let memoryLimit {
      guard let bytes = ByteCount(memoryLimit)?.bytes else {
        throw UsageError("--memory-limit: '\(memoryLimit)' is no size; write for example 8GiB")
      }
      options.memoryLimit = bytes
    }
    return options
  }

  /// Refuses a device that training, and running a checkpoint, cannot use.
  private static func check(device: String) throws {
    let word = device.lowercased()
    if ["auto", "cpu"].contains(word) { return }
    let kind = word.prefix { $0.isLetter }
    guard ["cuda", "gpu", "xpu", "npu"].contains(kind), word.dropFirst(kind.count).isIndex else {
      let hint = Suggestion.phrase(for: word, among: ["auto", "cpu", "cuda"])
      throw UsageError("--device: unknown device '\(device)'\(hint); there are: auto, cpu")
    }
    throw UsageError(
      "--device \(device): this version computes on the CPU; leave --device out, or write cpu"
    )
  }

  /// What to say about options that change nothing here.
  var warnings: [String] {
    guard let gpus, gpus != "0" else { return [] }
    return ["--gpus \(gpus): no GPU is used by this version; computing on the CPU"]
  }
}

extension Substring {
  /// Whether it is nothing, or the number of a device: `:0`, `.1`.
  fileprivate var isIndex: Bool {
    isEmpty || ([":", "."].contains(first) && count > 1 && dropFirst().allSatisfy(\.isNumber))
  }
}
