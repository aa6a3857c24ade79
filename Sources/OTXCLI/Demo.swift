import ArgumentParser
import Foundation
import OTXCore
import OTXInference
import OTXRecipe

struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Run a model on pictures, videos or a camera, and draw what it finds.",
    usage: "otx demo -i INPUT [MODEL ...] [--output PATH] [options]",
    discussion: """
        otx demo -i video.mp4 outputs/openvino/openvino.xml --output annotated.mp4
        otx demo -i pictures/ cells.zip --output drawn/
        otx demo -i 0 outputs/weights.pth --display-perf --output camera.avi
        otx demo -i pictures/ cells.zip --serve 127.0.0.1:8080 --compare outputs/int8/openvino.xml

      A checkpoint is exported first, into a folder that is removed afterwards. Of several models
      each looks at what the one before found. The device's own arithmetic is used.

      With --serve there is a page to drop pictures on, and an interface for programs, which
      /openapi.json describes; the inputs are pictures that the page offers.
      """
  )

  @ArgumentParser.Argument(
    help: .init(
      "A checkpoint, an .xml, a deployed package (.zip or folder); otherwise the newest run's.",
      valueName: "model"
    )
  )
  var models: [String] = []

  @Option(
    name: [.customLong("input"), .customShort("i")],
    help: .init(
      "A picture, folder, pattern, video, camera (0, /dev/video0) or address (rtsp://…).",
      valueName: "path"
    )
  )
  var images: [String] = []

  @Option(
    name: [.customLong("output"), .customShort("o")],
    help: .init(
      "Draw the results: a folder, a picture or a video by its ending.",
      valueName: "path"
    ),
    completion: .file()
  )
  var drawn: String?

  @Option(
    help: .init(
      "Write one line of JSON for each picture; - for standard output.",
      valueName: "file"
    ),
    completion: .file()
  )
  var results: String?

  @Option(
    name: [.customLong("threshold"), .customLong("confidence-threshold")],
    help: .init("Show what is at least this sure, 0 to 1.", valueName: "number")
  )
  var threshold: String?

  @Option(
    name: [.customLong("inference-type"), .customLong("it", withSingleDash: true)],
    help: .init("sync: one picture at a time; async: several.", valueName: "sync|async"),
    completion: .list(["sync", "async"])
  )
  var inferenceType: String?

  @Option(help: .init("Fit drawn pictures to a width and a height.", valueName: "width height"))
  var fitToSize: String?

  @Flag(help: "Begin again after the last input.")
  var loop = false

  @Option(help: .init("Wait after each picture; below 0: until Enter.", valueName: "milliseconds"))
  var delay = 0

  @Flag(help: "Draw time and rate on pictures, and report them every second.")
  var displayPerf = false

  @Option(help: .init("Stop after as many pictures.", valueName: "count"))
  var frames: Int?

  @Flag(help: "Accepted for older scripts; no window is opened.")
  var noShow = false

  @OptionGroup(title: "A page and a server") var server: ServerArguments
  @OptionGroup(title: "Model") var model: ModelArguments
  @OptionGroup(title: "Computing") var compute: ComputeArguments
  @Option(name: .customShort("d"), help: .private) var shortDevice: String?
  @OptionGroup(title: "Results") var workspace: WorkspaceArguments
  @OptionGroup(title: "Output") var output: OutputArguments

  func request() throws -> DemoRequest {
    var compute = compute
    compute.device = shortDevice ?? compute.device
    var options = RunOptions()
    let serving = try server.options()
    if serving != nil { try refuseWhatServersDoNot() }
    if serving == nil || !images.isEmpty { options.inputs = try InputItem.items(images) }
    options.output = drawn
    options.confidenceThreshold = try model.confidenceThreshold()
    if let threshold {
      guard let number = Float(threshold), (0...1).contains(number) else {
        throw UsageError("--threshold: '\(threshold)' is no number from 0 to 1")
      }
      options.confidenceThreshold = number
    }
    if let inferenceType {
      guard let mode = RunOptions.Mode(rawValue: inferenceType.lowercased()) else {
        throw UsageError(
          "--inference-type: '\(inferenceType)' is neither sync nor async"
            + Suggestion.phrase(for: inferenceType, among: RunOptions.Mode.allCases.map(\.rawValue))
        )
      }
      options.mode = mode
    }
    options.fit = try fitToSize.map(Demo.size)
    (options.loops, options.delay) = (loop, delay)
    options.showsPerformance = displayPerf
    if let frames {
      guard frames > 0 else { throw UsageError("--frames takes a number above 0") }
      options.frameLimit = frames
    }
    if results == "-", output.json {
      throw UsageError("--json prints one object; give --results a file, or leave --json out")
    }
    let named = try NamedModels(models)
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let first = try firstModel(named, library, compute)
    let computing = try compute.engineOptions(isExported: true)
    options.device = computing.device
    options.threads = computing.threads
    options.precision = compute.precision == nil ? .auto : computing.precision
    var request = DemoRequest(models: [first] + named.further(like: first), options: options)
    request.server = serving
    request.compared = server.compare.map { path in
      var other = first
      other.model = URL(filePath: path)
      return other
    }
    return request
  }

  private func refuseWhatServersDoNot() throws {
    let given: [(String, Bool)] = [
      ("--output", drawn != nil), ("--results", results != nil), ("--loop", loop),
      ("--fit-to-size", fitToSize != nil), ("--delay", delay != 0), ("--frames", frames != nil),
      ("--json", output.json),
    ]
    if let word = given.first(where: \.1)?.0 {
      throw UsageError("\(word) has no meaning together with --serve")
    }
  }

  private func firstModel(
    _ named: NamedModels,
    _ library: RecipeLibrary,
    _ compute: ComputeArguments
  ) throws -> ModelRequest {
    let path = named.firstInputs.last ?? model.loadWeights
    if let path, DeployedPackage.isPackage(URL(filePath: path)) {
      return ModelRequest(model: URL(filePath: path), engine: EngineOptions())
    }
    // The device is the exported model's; a checkpoint is only read on the CPU.
    var reading = compute
    reading.device = nil
    return try model.request(
      try Inputs(named.firstInputs, library: library, takesModel: true),
      library: library,
      compute: reading,
      workspace: workspace
    )
  }

  /// Width and height, as OTX 1 has them.
  private static func size(_ text: String) throws -> ImageSize {
    let numbers = text.lowercased().split { $0 == " " || $0 == "x" || $0 == "," }.map { Int($0) }
    guard numbers.count == 2, let width = numbers[0], let height = numbers[1],
      (1...32_768).contains(width), (1...32_768).contains(height)
    else { throw UsageError("--fit-to-size takes a width and a height, not '\(text)'") }
    return ImageSize(height: height, width: width)
  }

  func run() async throws {
    let request = try UsageError.unless { try self.request() }
    let log = ProgressReporter(console: .current, level: output.level)
    for warning in compute.warnings { log.observe(.warning(warning)) }
    if request.server != nil {
      return try await CurrentJobs.value.serve(request) { log.log($0) }
    }
    let console = Console.current
    let lines = try results.map { try ResultLines($0, console: console) }
    let talks = !output.json && !output.quiet && lines?.isStandardOutput != true
    let summary = try await CurrentJobs.value.demo(request) { line in
      log.log(line)
    } onDamage: { event in
      if let line = event.damageLine { try lines?.write(line) }
      if case .damaged(let origin, let reason) = event {
        log.observe(.warning("\(origin.place): \(reason)"))
      }
    } onResult: { result in
      try lines?.write(result.jsonLine)
      if talks, result.frame.origin.kind == .image {
        console.print("\(result.frame.origin.name): \(result.findings.summary)")
      }
    }
    for file in summary.files { log.log("drawn: \(file.relativePath)") }
    if output.json {
      console.print(Demo.json(summary))
    } else if lines?.isStandardOutput == true {
      log.log(summary.text)
    } else if !output.quiet {
      console.print(summary.text)
    }
    if !summary.damaged.isEmpty { throw ExitCode(1) }
  }

  private static func json(_ summary: RunSummary) -> JSONText {
    .object([
      "imagesPerSecond": .number(summary.framesPerSecond),
      "imageCount": .integer(summary.frameCount),
      "seconds": .number(summary.seconds),
      "secondsToFirst": summary.secondsToFirst.map { .number($0) } ?? .null,
      "medianSeconds": .number(summary.medianLatency),
      "files": .array(summary.files.map { .string($0.relativePath) }),
      "leftOut": .array(summary.damaged.map { .string($0) }),
    ])
  }
}

/// A file that gets one line of JSON for each picture, as they come.
private final class ResultLines: @unchecked Sendable {
  // Written by one thread at a time, hence the unchecked conformance.
  let isStandardOutput: Bool
  private let console: Console
  private let handle: FileHandle?
  private let path: String

  init(_ path: String, console: Console) throws {
    (self.path, self.console) = (path, console)
    isStandardOutput = path == "-"
    guard !isStandardOutput else {
      handle = nil
      return
    }
    try ResultFile.check(path)
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let handle = FileHandle(forWritingAtPath: path)
    else { throw FileError.cannotWrite(path, reason: "the folder may not be written to") }
    self.handle = handle
  }

  func write(_ line: String) throws {
    guard let handle else { return console.output(line + "\n") }
    do {
      try handle.write(contentsOf: Data((line + "\n").utf8))
    } catch {
      throw FileError.cannotWrite(path, reason: error.reason)
    }
  }
}
