import ArgumentParser
import Foundation
import OTX
import OTXCore
import OTXImage
import OTXRecipe

struct Explain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show what a model looks at in pictures.",
    usage: "otx explain [CHECKPOINT] PICTURE ... [--save-to FOLDER] [options]",
    discussion: """
      For each picture and label a map of colours and the picture with that map over it. The model
      is a checkpoint, or an .xml that was exported with --explain.
      """
  )

  @ArgumentParser.Argument(
    help: .init("The checkpoint, and pictures or folders of them.", valueName: "checkpoint|picture")
  )
  var inputs: [String] = []

  @OptionGroup(title: "Model") var model: ModelArguments
  @OptionGroup(title: "Computing") var compute: ComputeArguments
  @OptionGroup(title: "Results") var workspace: WorkspaceArguments

  @Option(
    name: [.customLong("input"), .customShort("i")],
    help: .init("Pictures to explain: a file or a folder.", valueName: "path")
  )
  var images: [String] = []

  @Option(
    name: [.customLong("save-to"), .customLong("output"), .customShort("o")],
    help: .init("The folder of the maps.", valueName: "folder"),
    completion: .directory
  )
  var saveTo = "saliency_map"

  @Option(
    name: [.customLong("target"), .customLong("target-explain-group")],
    help: .init("The maps: predictions, all labels, or one of the image.", valueName: "name"),
    completion: .list(ExplainOptions.Target.allCases.map(\.rawValue))
  )
  var target: String?

  @Flag(help: .private) var explainAllClasses = false

  @Option(
    name: [.customLong("explain-algorithm")],
    help: .init("auto, or activationmap: one map whatever the label.", valueName: "name")
  )
  var algorithm = "auto"

  @Option(
    name: [.customLong("threshold"), .customLong("predicted-maps-conf-thr")],
    help: .init("The score from which a label is found, 0 to 1.", valueName: "number")
  )
  var threshold: Float = 0.3

  @Option(help: .init("Of the map over the picture, 0 to 1.", valueName: "number"))
  var overlayWeight = 0.5

  @Option(
    help: .init("Whether bars around the picture are cut off its map.", valueName: "true|false")
  )
  var cropPaddedMap = true

  @Flag(help: "Write the maps as the model gives them, too: one grey pixel a cell.")
  var raw = false

  @Flag(
    help: "Judge each map: the label's score without its places (deletion) and with them alone."
  )
  var score = false

  @Flag(help: "Make damaged pictures an error instead of leaving them out.")
  var strict = false

  @OptionGroup(title: "Output") var output: OutputArguments

  func request() throws -> ExplainRequest {
    let library = RecipeLibrary(userDirectory: workspace.recipes)
    let inputs = try Inputs(
      self.inputs + images,
      library: library,
      takesModel: true,
      predicts: true
    )
    guard !inputs.images.isEmpty else {
      throw UsageError("no pictures: name files or a folder of them")
    }
    guard (0...1).contains(threshold), (0...1).contains(overlayWeight) else {
      throw UsageError("--threshold and --overlay-weight are numbers from 0 to 1")
    }
    guard let method = ExplainMethod(name: algorithm) else {
      throw UsageError(
        "unknown algorithm '\(algorithm)'; there are: auto, activationmap (auto is reciprocam, vitreciprocam or class probabilities, as the network has it)"
      )
    }
    var options = ExplainOptions()
    options.target = try self.target(method)
    options.confidenceThreshold = threshold
    options.judges = score
    return ExplainRequest(
      model: try model.request(inputs, library: library, compute: compute, workspace: workspace),
      images: inputs.images.map { URL(filePath: $0) },
      options: options,
      isStrict: strict || inputs.images.count == 1
    )
  }

  private func target(_ method: ExplainMethod) throws -> ExplainOptions.Target {
    let names = ExplainOptions.Target.allCases.map(\.rawValue)
    guard let name = target else {
      if method == .activationMap { return .image }
      return explainAllClasses ? .all : .predictions
    }
    guard let target = ExplainOptions.Target(rawValue: name.lowercased()) else {
      throw UsageError(
        "unknown target '\(name)'\(Suggestion.phrase(for: name, among: names)); there are: \(names.joined(separator: ", "))"
      )
    }
    guard method == .auto || target == .image else {
      throw UsageError("an activation map is one of the image; leave --target \(name) out")
    }
    return target
  }

  func run() async throws {
    let request = try UsageError.unless { try self.request() }
    let log = ProgressReporter(console: .current, level: output.level)
    for warning in compute.warnings { log.observe(.warning(warning)) }
    var writer = SaliencyWriter(
      folder: try ResultFile.directory(saveTo),
      overlayWeight: overlayWeight,
      cropsPadding: cropPaddedMap,
      writesRaw: raw
    )
    var pictures: [JSONText] = []
    var rows: [[String]] = []
    let damaged = DamagedPictures()
    try await CurrentJobs.value.explain(request) { problem in
      damaged.add(problem)
      log.observe(.warning("\(problem.location): \(problem.message)"))
    } body: { explanation in
      let written = try writer.write(explanation)
      pictures.append(try json(explanation, written))
      for (map, files) in zip(explanation.maps, written) {
        rows.append(row(explanation, map, files))
      }
      log.observe(.validating(done: pictures.count, of: request.images.count))
    }
    log.end()
    if pictures.isEmpty, let first = damaged.problems.first {
      throw DataError.unreadable(
        file: first.location,
        reason: "\(first.message). None of \(request.images.count) pictures can be read"
      )
    }
    guard output.json else {
      let columns =
        ["PICTURE", "LABEL", "SCORE"] + (score ? ["DELETION", "INSERTION"] : []) + ["MAP"]
      let table = TextTable(columns: columns, rows: rows)
      return Console.current.print(table.rendered(width: Console.current.outputWidth))
    }
    Console.current.print(
      JSONText.members([
        ("files", .array(writer.files.map { .string($0.relativePath) })),
        ("pictures", .array(pictures)),
        ("leftOut", .array(damaged.json(of: request.images))),
      ])
    )
  }

  private func row(
    _ explanation: PictureExplanation,
    _ map: SaliencyMap,
    _ files: SaliencyWriter.Files
  ) -> [String] {
    var cells = [
      explanation.image.relativePath, map.label ?? "-",
      map.score.map { String(format: "%.3f", $0) } ?? "-",
    ]
    if score {
      cells += [map.judgement?.deletion, map.judgement?.insertion].map {
        $0.map { String(format: "%.3f", $0) } ?? "-"
      }
    }
    return cells + [files.overlay.relativePath]
  }

  private func json(
    _ explanation: PictureExplanation,
    _ written: [SaliencyWriter.Files]
  ) throws -> JSONText {
    let maps = zip(explanation.maps, written).map { map, files -> JSONText in
      var members: [(String, JSONText)] = [
        ("label", map.label.map { .string($0) } ?? .null),
        ("score", map.score.map { .number(Double("\($0)") ?? 0) } ?? .null),
        ("map", .string(files.map.relativePath)), ("overlay", .string(files.overlay.relativePath)),
      ]
      if let raw = files.raw { members.append(("raw", .string(raw.relativePath))) }
      if let judgement = map.judgement {
        members.append(("deletion", .number(judgement.deletion)))
        members.append(("insertion", .number(judgement.insertion)))
      }
      return .members(members)
    }
    return .members([
      ("image", .string(explanation.image.relativePath)), ("maps", .array(maps)),
      ("featureVector", try .encoding(explanation.featureVector)),
    ])
  }
}

/// Writes the maps of pictures into a folder.
struct SaliencyWriter {
  /// The files of one map.
  struct Files {
    var map: URL
    var overlay: URL
    var raw: URL?
  }

  let folder: URL
  let overlayWeight: Double
  let cropsPadding: Bool
  let writesRaw: Bool
  private(set) var files: [URL] = []
  private var names = UniqueNames()

  init(folder: URL, overlayWeight: Double, cropsPadding: Bool, writesRaw: Bool) {
    (self.folder, self.overlayWeight) = (folder, overlayWeight)
    (self.cropsPadding, self.writesRaw) = (cropsPadding, writesRaw)
  }

  /// `cell_class_RBC_saliency_map.png`, `cell_class_RBC_overlay.png`, as Python OTX calls them.
  mutating func write(_ explanation: PictureExplanation) throws -> [Files] {
    let picture = try ImageFile.read(explanation.image)
    let stem = explanation.image.deletingPathExtension().lastPathComponent
    return try explanation.maps.map { map in
      let label = map.label.map { "_class_" + SaliencyWriter.word($0) } ?? ""
      func next(_ kind: String) -> URL {
        let file = folder.appending(path: names.next("\(stem)\(label)_\(kind).png"))
        files.append(file)
        return file
      }
      var written = Files(map: next("saliency_map"), overlay: next("overlay"))
      try ImageFile.write(map.heatMap(cropsPadding: cropsPadding), to: written.map)
      let overlay = try map.overlay(
        on: picture,
        weight: overlayWeight,
        cropsPadding: cropsPadding
      )
      try ImageFile.write(overlay, to: written.overlay)
      if writesRaw {
        let raw = next("raw")
        let cells = Image(size: map.size, pixels: map.values.flatMap { [$0, $0, $0] })
        try ImageFile.write(cells, to: raw)
        written.raw = raw
      }
      return written
    }
  }

  /// A label as a part of a file's name.
  private static func word(_ label: String) -> String {
    String(label.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" })
  }
}
