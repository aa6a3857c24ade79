import ArgumentParser
import Foundation
import OTXCore
import OTXImage
import OTXRecipe

struct Eval: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Score a model on data, or predict on pictures.",
    usage: """
      otx eval [CHECKPOINT] DATA [options]
      otx eval [CHECKPOINT] DATA [options] params --group.name VALUE ...
      otx eval [CHECKPOINT] PICTURE ... [options]
      """,
    discussion: """
      'otx test' is the same; 'otx predict' also takes a folder of pictures.
      Without a checkpoint the newest run's is taken. Scores are those of the test subset.
      """
  )

  @Argument(
    help: .init(
      "The checkpoint, and the data or the pictures.",
      valueName: "checkpoint|data|picture"
    )
  )
  var inputs: [String] = []

  @OptionGroup(title: "Model") var model: ModelArguments
  @OptionGroup(title: "Data") var data: DataArguments
  @OptionGroup(title: "Computing") var compute: ComputeArguments
  @OptionGroup(title: "Results") var workspace: WorkspaceArguments
  @OptionGroup(title: "Results") var results: EvaluationOutputArguments

  @Option(
    name: [.customLong("input"), .customShort("i")],
    help: .init("Pictures to predict on: a file or a folder.", valueName: "path")
  )
  var images: [String] = []

  @Option(
    help: .init("The subset to score on: train, val or test.", valueName: "name"),
    completion: .list(["train", "val", "test"])
  )
  var subset = "test"

  @Flag(help: "Make damaged items an error instead of leaving them out.")
  var strict = false

  @Flag(help: .private) var predict = false

  @OptionGroup(title: "Output") var output: OutputArguments

  /// What the command line asks for.
  enum Request: Equatable {
    case evaluate(EvaluateRequest)
    case predict(PredictRequest)
  }

  func request() throws -> Request {
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let inputs = try Inputs(
      self.inputs + images,
      library: library,
      takesModel: true,
      predicts: predict || !images.isEmpty
    )
    let modelRequest = try model.request(
      inputs,
      library: library,
      compute: compute,
      workspace: workspace
    )
    let threshold = try model.confidenceThreshold()
    if !inputs.images.isEmpty {
      return .predict(
        PredictRequest(
          model: modelRequest,
          images: inputs.images.map { URL(filePath: $0) },
          confidenceThreshold: threshold,
          // Of one picture, there is nothing to go on with.
          isStrict: strict || inputs.images.count == 1
        )
      )
    }
    guard let subset = Subset(rawValue: subset) else {
      throw ConfigurationError.unknownName(
        subset,
        kind: "subset",
        known: Subset.allCases.map(\.rawValue)
      )
    }
    return .evaluate(
      EvaluateRequest(
        model: modelRequest,
        data: try data.location(positional: inputs.data),
        subset: subset,
        confidenceThreshold: threshold,
        isStrict: strict,
        report: results.report.map { URL(filePath: $0) }
      )
    )
  }

  func run() async throws {
    let request = try UsageError.unless { try self.request() }
    let log = ProgressReporter(console: .current, level: output.level)
    for warning in compute.warnings { log.observe(.warning(warning)) }
    switch request {
    case .evaluate(let request): try await evaluate(request, log)
    case .predict(let request): try await predict(request, log)
    }
  }

  private func evaluate(_ request: EvaluateRequest, _ log: ProgressReporter) async throws {
    // Not after hours of scoring.
    for file in [results.savePerformance, results.report].compactMap({ $0 }) {
      try ResultFile.check(file)
    }
    let outcome: EvaluateOutcome
    do {
      outcome = try await CurrentJobs.value.evaluate(request) { done, count in
        log.observe(.validating(done: done, of: count))
      }
    } catch DataError.unknownFormat(let root, let hint) where Inputs.holdsPictures(root) {
      throw DataError.unknownFormat(
        root: root,
        hint: hint + "\nTo predict on the pictures of a folder: otx predict CHECKPOINT FOLDER"
      )
    }
    log.end()
    for note in outcome.notes { log.observe(.warning(note)) }
    let performance = JSONText.members([(outcome.performanceMetric, .number(outcome.performance))])
    let name = outcome.performanceMetric
    log.log(
      "\(name.prefix(1).uppercased() + name.dropFirst()) after evaluation: \(outcome.performance)"
    )
    if output.json {
      Console.current.print(try json(outcome))
    } else {
      Console.current.print(outcome.report.summary(width: Console.current.outputWidth))
      let rate = String(
        format: "%.1f",
        outcome.secondsPerImage > 0 ? 1 / outcome.secondsPerImage : 0
      )
      Console.current.print(
        "\(name): \(outcome.performance) on \(outcome.itemCount) images of the "
          + "\(outcome.subset.rawValue) subset (\(rate) images/s)"
      )
    }
    if let file = results.savePerformance {
      try ResultFile.write(performance.text + "\n", to: file)
    }
  }

  private func json(_ outcome: EvaluateOutcome) throws -> JSONText {
    .object([
      "metrics": .numbers(outcome.report.values),
      "perClass": try .encoding(outcome.report.perClass),
      "confidenceThreshold": outcome.report.confidenceThreshold.map {
        .number(Double("\($0)") ?? 0)
      } ?? .null,
      "itemCount": .integer(outcome.itemCount),
      "subset": .string(outcome.subset.rawValue),
      "secondsPerImage": .number(outcome.secondsPerImage),
    ])
  }

  private func predict(_ request: PredictRequest, _ log: ProgressReporter) async throws {
    let folder = try results.savePredictions.map { try ResultFile.directory($0) }
    var predictions: [JSONText] = []
    var rows: [[String]] = []
    var names = UniqueNames()
    let damaged = DamagedPictures()
    try await CurrentJobs.value.predict(request) { problem in
      damaged.add(problem)
      log.observe(.warning("\(problem.location): \(problem.message)"))
    } body: { prediction in
      var members: [(String, JSONText)] = [
        ("image", .string(prediction.image.relativePath)),
        ("height", .integer(prediction.size.height)), ("width", .integer(prediction.size.width)),
        ("prediction", .verbatim(String(decoding: prediction.json, as: UTF8.self))),
      ]
      if let folder {
        let file = folder.appending(path: names.next(prediction.image.lastPathComponent))
        try PredictionPicture.write(prediction, to: file)
        members.append(("file", .string(file.relativePath)))
      }
      predictions.append(.members(members))
      rows.append([prediction.image.relativePath, prediction.summary])
      log.observe(.validating(done: rows.count, of: request.images.count))
    }
    log.end()
    if rows.isEmpty, let first = damaged.problems.first {
      throw DataError.unreadable(
        file: first.location,
        reason: "\(first.message). None of \(request.images.count) pictures can be read"
      )
    }
    if output.json {
      let leftOut = JSONText.array(damaged.json(of: request.images))
      Console.current.print(
        JSONText.object(["predictions": .array(predictions), "leftOut": leftOut])
      )
    } else {
      let table = TextTable(columns: ["PICTURE", "PREDICTION"], rows: rows)
      Console.current.print(table.rendered(width: Console.current.outputWidth))
    }
  }
}

/// Pictures that could not be read, in the order of their names.
final class DamagedPictures: @unchecked Sendable {
  // Guarded by `lock`, hence the unchecked conformance: threads of the loader add to it.
  private let lock = NSLock()
  private var found: [DatasetProblem] = []

  var problems: [DatasetProblem] { lock.withLock { found.sorted { $0.location < $1.location } } }

  func add(_ problem: DatasetProblem) { lock.withLock { found.append(problem) } }

  /// Each with the reason, named as the user named it.
  func json(of images: [URL]) -> [JSONText] {
    problems.map { problem in
      let image = images.first { $0.path == problem.location }?.relativePath
      return JSONText.members([
        ("image", .string(image ?? problem.location)), ("reason", .string(problem.message)),
      ])
    }
  }
}

/// Names of files in one folder, none given twice.
struct UniqueNames {
  private var used: Set<String> = []

  /// `name`, or `name-2.ext` where that is taken.
  mutating func next(_ name: String) -> String {
    let url = URL(filePath: name)
    let stem = url.deletingPathExtension().lastPathComponent
    var candidate = name
    var number = 1
    while !used.insert(candidate).inserted {
      number += 1
      candidate = "\(stem)-\(number).\(url.pathExtension)"
    }
    return candidate
  }
}

/// Files that an evaluation may leave.
struct EvaluationOutputArguments: ParsableArguments {
  @Option(help: .init("Write the score to a JSON file.", valueName: "file"))
  var savePerformance: String?

  @Option(
    help: .init("Write curves, confusion and pictures to an HTML file.", valueName: "file"),
    completion: .file(extensions: ["html"])
  )
  var report: String?

  @Option(
    help: .init("Draw the predictions on the pictures, into a folder.", valueName: "folder"),
    completion: .directory
  )
  var savePredictions: String?
}
