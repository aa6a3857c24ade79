import ArgumentParser
import Foundation
import OTX
import OTXCore
import OTXData
import OTXImage
import OTXRecipe

extension DataCommand {
  struct Preview: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "preview",
      abstract: "Draw a contact sheet of a dataset, annotations on its pictures.",
      discussion: """
        With --augmented the pictures are those that a network would see in training, by the recipe
        that 'otx train' would use; --recipe and --set change it as they do there.
        """
    )

    @OptionGroup var arguments: DatasetArguments

    @Option(
      name: [.customLong("output"), .customShort("o")],
      help: .init("The picture to write: .jpg or .png.", valueName: "file")
    )
    var file = "data-preview.jpg"

    @Option(help: .init("Pictures on the sheet.", valueName: "count"))
    var count = 16

    @Option(help: .init("Only pictures of this subset.", valueName: "name"))
    var subset: String?

    @Option(help: .init("Only pictures with this label.", valueName: "name"))
    var label: String?

    @Option(help: .init("What random numbers start from.", valueName: "number"))
    var seed = 0

    @Flag(help: "Show pictures as training sees them.")
    var augmented = false

    @Option(help: .init("The epoch whose pictures are shown, from 0.", valueName: "number"))
    var epoch = 0

    @OptionGroup(title: "Recipe") var recipe: RecipeArguments
    @OptionGroup(title: "Output") var output: OutputArguments

    func validate() throws {
      guard (1...400).contains(count) else {
        throw ValidationError("--count lies between 1 and 400")
      }
      guard epoch >= 0 else { throw ValidationError("--epoch counts from 0") }
    }

    func run() throws {
      let log = ProgressReporter(console: .current, level: output.level)
      try ResultFile.check(file)
      let endings = ["jpg", "jpeg", "png"]
      guard endings.contains(URL(filePath: file).pathExtension.lowercased()) else {
        throw UsageError("'\(file)' does not end in .jpg or .png")
      }
      let (pictures, labels) = augmented ? try augmentedPictures() : try plainPictures(log)
      guard !pictures.isEmpty else {
        throw DataError.unreadable(
          file: arguments.called,
          reason: "has no picture\(label.map { " with the label '\($0)'" } ?? "") to show"
        )
      }
      let sheet = try ContactSheet.draw(pictures, labels: labels)
      try ImageFile.write(sheet, to: URL(filePath: file))
      if output.json {
        Console.current.print(
          JSONText.object([
            "file": .string(URL(filePath: file).path),
            "pictures": .array(pictures.map { .string($0.name) }),
          ])
        )
      } else {
        Console.current.print(file)
      }
    }

    private func plainPictures(
      _ log: ProgressReporter
    ) throws -> ([AnnotatedPicture], LabelInfo) {
      let dataset = try arguments.dataset(log)
      if let label, dataset.labels.index(of: label) == nil {
        throw ConfigurationError.unknownName(label, kind: "label", known: dataset.labels.names)
      }
      let found = ContactSheet.pictures(
        of: dataset,
        subset: try subset.map(Preview.subset(named:)),
        label: label,
        count: count,
        seed: seed
      )
      for name in found.damaged { log.observe(.warning(name)) }
      return (found.pictures, dataset.labels)
    }

    /// The subset of a name, as folders may be called too: `valid`.
    private static func subset(named name: String) throws -> Subset {
      guard let subset = Subset(folderName: name) else {
        throw ConfigurationError.unknownName(
          name,
          kind: "subset",
          known: Subset.allCases.map(\.rawValue)
        )
      }
      return subset
    }

    private func augmentedPictures() throws -> ([AnnotatedPicture], LabelInfo) {
      let jobs = CurrentJobs.value
      var request = RecipeRequest(
        task: try recipe.taskType(),
        model: recipe.model,
        overrides: try recipe.changes.overrides()
      )
      if let name = recipe.reference {
        request.recipe = try RecipeLibrary.builtIn.recipe(name, task: request.task)
      }
      request.overrides.append(
        RecipeOverride(key: "seed", value: "\(seed)", source: "--seed")
      )
      let options = try request.dataOptions()
      let dataset = try DatasetReader.read(
        try arguments.location(),
        strict: options.strict,
        labels: options.labels
      )
      let (filled, _) = try AutoConfigurator(models: jobs.models).configure(
        profile: dataset.profile(),
        request: request
      )
      let info = try filled.modelInfo(for: dataset, models: jobs.models)
      let pictures = try Preview.pictures(
        of: info.task.kind,
        dataset,
        info,
        filled,
        count: count,
        epoch: epoch
      )
      return (pictures, info.labels)
    }

    private static func pictures<Kind: VisionTask>(
      of kind: Kind.Type,
      _ dataset: Dataset,
      _ info: ModelInfo,
      _ recipe: Recipe,
      count: Int,
      epoch: Int
    ) throws -> [AnnotatedPicture] {
      let module = try DataModule<Kind>(
        dataset: dataset,
        labels: info.labels,
        preprocessing: info.preprocessing,
        augmentations: recipe.augmentations,
        epochCount: recipe.training.maxEpochs,
        multiScale: recipe.data.multiScale,
        batchSize: 1,
        seed: recipe.training.seed
      )
      return try ContactSheet.augmentedPictures(of: module, count: count, epoch: epoch)
    }
  }
}
